"""A worker's intake that shows what happens to each message, from the chunk to the batch.

It records the decoded rows on the way, so that each message can be shown with its verdict, its values and their types.
"""

import dataclasses
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ingest.commands.debug.trace import (
    BatchTrace,
    Cell,
    ChunkTrace,
    ColumnTrace,
    MessageTrace,
    MessageVerdict,
    Note,
    PredictionTrace,
    TraceOutput,
)
from ingest.config.arize_access import api_key, space_id
from ingest.config.resolve import RouteConfig, TopicConfig
from ingest.errors import ConfigError, DecodeError
from ingest.pipeline.arize import uploader
from ingest.pipeline.arize.roles import Roles
from ingest.pipeline.dead_letters.queue import DeadLetter
from ingest.pipeline.delivery.batch import Batch, BatchLimits
from ingest.pipeline.intake import Intake, Taken
from ingest.pipeline.offsets.checkpoint import SettledRange
from ingest.pipeline.offsets.tracker import PartitionTracker
from ingest.pipeline.routing import RoutedChunk
from ingest.pipeline.rows import ProcessedRows, RowProcessors
from ingest.records import Chunk, Destination, KafkaMessage

SHOW_EACH_UP_TO = 50  # messages; up to this limit each one is shown
MOST_BAD_SHOWN = 20  # above that limit, this many rejected messages are shown, and the first accepted one


@dataclasses.dataclass(frozen=True, slots=True)
class _RowLocation:
    """A decoded row of a message, the route it took, and its index in a message with several predictions."""

    table: pa.RecordBatch
    row: int
    route: str
    number: int | None


class _Unwrapped(NamedTuple):
    """A message's value after the steps of [format]; without steps, none was applied."""

    value: bytes | None = None
    steps: Sequence[str] = ()


class _RecordingProcessors(RowProcessors):
    """Row processors that record the decoded rows of each message, and how long decoding took."""

    def __init__(self, config: TopicConfig) -> None:
        super().__init__(config, time.time)
        self.reset()

    def reset(self) -> None:
        self.rows: dict[int, list[_RowLocation]] = {}
        self.nulled: Counter[str] = Counter()
        self.ignored: Counter[str] = Counter()
        self.seconds = 0.0
        self.unwrapped: Sequence[bytes | None] = ()

    def route(self, messages: Sequence[KafkaMessage]) -> RoutedChunk:
        began = time.monotonic()
        found = super().route(messages)
        self.seconds += time.monotonic() - began
        self.unwrapped = found.values
        return found

    def format_of(self, index: int, message: KafkaMessage) -> _Unwrapped:
        """How the message was unwrapped; a message that a step refused has its own value."""
        value = self.unwrapped[index]
        return _Unwrapped() if value == message.value() else _Unwrapped(value, self.steps)

    def process(
        self, route: int, found: RoutedChunk, messages: Sequence[KafkaMessage], chosen: npt.NDArray[np.int64]
    ) -> Iterator[ProcessedRows]:
        began = time.monotonic()
        for judged in super().process(route, found, messages, chosen):
            self.seconds += time.monotonic() - began
            name = self.routes[route].name if route < len(self.routes) else ""
            numbers = None if judged.decoded.numbers is None else judged.decoded.numbers.tolist()
            for row, index in enumerate(judged.decoded.accepted.tolist()):
                location = _RowLocation(judged.decoded.table, row, name, None if numbers is None else numbers[row])
                self.rows.setdefault(index, []).append(location)
            self.nulled.update(judged.decoded.nulled)
            self.ignored.update(judged.decoded.ignored)
            yield judged
            began = time.monotonic()


class TracedIntake:
    """Takes in chunks, shows what happens to each message, and closes batches as a worker does.

    `settled` are the ranges that an earlier process has delivered; `limit` decides how much is shown; `at_bad` is
    called with each rejected message and its unwrapped value after it was shown.
    """

    def __init__(
        self,
        config: TopicConfig,
        tracker: PartitionTracker,
        settled: Sequence[SettledRange],
        output: TraceOutput,
        *,
        limit: int,
        at_bad: Callable[[DeadLetter, bytes | None], None],
    ) -> None:
        self._config = config
        self._decoder = _RecordingProcessors(config)
        limits = BatchLimits(config.batch.max_events, config.batch.max_bytes, linger_s=float("inf"))
        self.intake = Intake(
            {tracker.partition: tracker}, self._decoder, limits, tombstones=config.schema.tombstones == "dead_letter"
        )
        self._settled = settled
        self._output = output
        self._at_bad = at_bad
        self._each = limit <= SHOW_EACH_UP_TO
        self._good_shown = False
        self._bad_shown = 0
        self.messages = 0
        self.accepted = 0
        self.settled = 0
        self.rejected: Counter[str] = Counter()
        self.nulled: Counter[str] = Counter()
        self.ignored: Counter[str] = Counter()
        self.decode_s = 0.0

    def take(self, chunk: Chunk, poll_s: float) -> Taken:
        """Decode and show `chunk`, which was polled in `poll_s` seconds."""
        settled = [self._is_settled(offset) for offset in chunk.offsets.tolist()]
        self._decoder.reset()
        try:
            taken = self.intake.take(chunk, time.monotonic())
            while taken is None:
                taken = self.intake.resume(time.monotonic())
        except Exception:
            self._show_crashing_message(chunk.messages)
            raise
        rows = self._decoder.rows
        bad = {letter.message.offset(): letter for letter in taken.letters.letters}
        codes = Counter(letter.reason.code for letter in bad.values())
        accepted = sum(chunk.messages[index].offset() not in bad for index in rows)
        self.messages += len(chunk.messages)
        self.accepted += accepted
        self.settled += sum(settled)
        self.rejected.update(codes)
        self.nulled.update(self._decoder.nulled)
        self.ignored.update(self._decoder.ignored)
        self.decode_s += self._decoder.seconds
        self._show_messages(chunk, settled, bad)
        self._output.write(
            ChunkTrace(
                messages=len(chunk.messages),
                first_offset=int(chunk.offsets[0]),
                last_offset=int(chunk.offsets[-1]),
                raw_bytes=chunk.raw_bytes,
                accepted=accepted,
                settled=sum(settled),
                rejected=codes,
                widened=taken.widened,
                poll_s=poll_s,
                decode_s=self._decoder.seconds,
                nulled=self._decoder.nulled,
                ignored=self._decoder.ignored,
            )
        )
        return taken

    def batches(self, *, draining: bool) -> list[tuple[RouteConfig, Batch]]:
        """The batches that are due, each with its route; when `draining`, all batches."""
        found = []
        for route, batches in zip(self._decoder.routes, self.intake.batches, strict=True):
            closed = -1
            while closed != len(batches.ready):
                closed = len(batches.ready)
                batches.close(time.monotonic(), draining=draining)
            found += [(route, batch) for batch in batches.ready]
            batches.ready.clear()
        return found

    def _is_settled(self, offset: int) -> bool:
        return any(settled.first <= offset < settled.next_offset for settled in self._settled)

    def _show_messages(self, chunk: Chunk, settled: Sequence[bool], bad: Mapping[int | None, DeadLetter]) -> None:
        for index, (message, skipped) in enumerate(zip(chunk.messages, settled, strict=True)):
            letter = bad.get(message.offset())
            unwrapped, steps = self._decoder.format_of(index, message)
            if letter is not None:
                self._bad_shown += 1
                if self._each or self._bad_shown <= MOST_BAD_SHOWN:
                    seen = MessageTrace(
                        message=message,
                        verdict="rejected",
                        reason=letter.reason.code,
                        detail=letter.reason.detail,
                        unwrapped=unwrapped,
                        steps=steps,
                        predictions=_predictions(self._decoder.rows.get(index, ())),
                    )
                    self._output.write(seen)
                elif self._bad_shown == MOST_BAD_SHOWN + 1:
                    self._output.write(
                        Note(text=f"{MOST_BAD_SHOWN} rejected messages are shown; further ones are only counted")
                    )
                self._at_bad(letter, unwrapped if steps else message.value())
            elif (decoded := self._decoder.rows.get(index)) is not None:
                if self._each or not self._good_shown:
                    self._good_shown = True
                    first = decoded[0]
                    shown = MessageTrace(
                        message=message, verdict="accepted", route=first.route, unwrapped=unwrapped, steps=steps
                    )
                    if first.number is None:
                        shown = dataclasses.replace(shown, cells=_cells(first.table, first.row))
                    else:
                        shown = dataclasses.replace(shown, predictions=_predictions(decoded))
                    self._output.write(shown)
            elif self._each:
                verdict: MessageVerdict = "settled" if skipped else "filtered"
                self._output.write(MessageTrace(message=message, verdict=verdict, unwrapped=unwrapped, steps=steps))

    def _show_crashing_message(self, messages: Sequence[KafkaMessage]) -> None:
        """Find the message on which decoding raised an unexpected error: it would crash every worker."""
        for message in messages:
            try:
                self._decode_alone(message)
            except Exception as defect:  # noqa: BLE001  it is shown here and raised by the caller
                name = type(defect).__name__
                text = f"offset {message.offset()}: decoding fails with {name}; a worker crashes on this message"
                self._output.write(Note(text=f"{text}. This is a bug in ingest: please report it", problem=True))

    def _decode_alone(self, message: KafkaMessage) -> None:
        judges = RowProcessors(self._config, time.time)
        found = judges.route([message])
        route = int(found.routes[0])
        if route == len(judges.routes) or judges.routes[route].deliver:
            list(judges.process(route, found, [message], np.zeros(1, dtype=np.int64)))


def trace_batch(config: RouteConfig, batch: Batch, table: pa.Table, to_dataframe_s: float) -> BatchTrace:
    """The batch as it would be sent: columns, the SDK's schema and the destination, without the API key."""
    roles = uploader.batch_roles(config, table)
    schema = dataclasses.asdict(uploader.arize_schema(roles))
    return BatchTrace(
        number=batch.number,
        rows=batch.rows,
        raw_bytes=batch.raw_bytes,
        columns=[_column(name, table.column(name), roles) for name in table.column_names],
        schema={name: value for name, value in schema.items() if value},
        upload=_upload(config, batch.destination),
        to_dataframe_s=to_dataframe_s,
    )


def decode_error(letter: DeadLetter) -> DecodeError:
    """The error for the reason with which this message was rejected."""
    return DecodeError(letter.reason)


def _predictions(rows: Sequence[_RowLocation]) -> list[PredictionTrace]:
    """The decoded rows of a message with several predictions."""
    return [PredictionTrace(index=each.number or 0, cells=_cells(each.table, each.row)) for each in rows]


def _cells(table: pa.RecordBatch, row: int) -> list[Cell]:
    return [
        Cell(name=name, type=str(column.type), value=column[row].as_py())
        for name, column in zip(table.schema.names, table.columns, strict=True)
    ]


def _column(name: str, column: pa.ChunkedArray, roles: Roles) -> ColumnTrace:
    present = column.drop_null() if column.null_count else column
    example: Any = present[0].as_py() if len(present) else None
    return ColumnTrace(
        name=name,
        type=str(column.type),
        role=roles.of(name) or "(not in the schema)",
        nulls=column.null_count,
        example=example,
    )


def _upload(config: RouteConfig, destination: Destination | None) -> dict[str, str]:
    arize = config.arize
    to = destination or Destination(
        space_id(arize), arize.model_name, arize.model_version, arize.environment, arize.batch_id
    )
    try:
        endpoint = uploader.endpoint(arize)
    except ConfigError as error:
        endpoint = str(error)
    try:
        key = "set, not shown" if api_key(arize) is not None else "MISSING: set ARIZE_API_KEY or [arize] api_key_file"
    except ConfigError as error:
        key = f"MISSING: {error}"
    return {
        "endpoint": endpoint,
        "space_id": to.space_id or "MISSING: set [arize] space_id or ARIZE_SPACE_ID",
        "api_key": key,
        "model_name": to.model_name or "MISSING: set [arize] model_name",
        "model_version": to.model_version,
        "model_type": arize.model_type,
        "environment": to.environment,
    }

"""The steps from a chunk to a batch, watched.

A worker's own intake does the work. What it decodes is caught on the way, so that each message can be shown with its
verdict, its decoded values and their types.
"""

import dataclasses
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ingest.commands.debug.findings import BatchSeen, Cell, ChunkSeen, ColumnSeen, MessageSeen, Note, Show
from ingest.config.load import Config, Route, api_key, space_id
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

EACH = 50  # up to so many messages are shown one by one
BAD_ONES = 20  # past that, so many of the bad ones, and the first good one


@dataclasses.dataclass(frozen=True, slots=True)
class _Place:
    """Where the row of a message is, and what route it took."""

    table: pa.RecordBatch
    row: int
    route: str


class _Caught(RowProcessors):
    """Judges that keep where each message's row is, and how long they took."""

    def __init__(self, config: Config) -> None:
        super().__init__(config, time.time)
        self.forget()

    def forget(self) -> None:
        self.rows: dict[int, _Place] = {}
        self.nulled: Counter[str] = Counter()
        self.ignored: Counter[str] = Counter()
        self.seconds = 0.0

    def route(self, messages: Sequence[KafkaMessage]) -> RoutedChunk:
        began = time.monotonic()
        found = super().route(messages)
        self.seconds += time.monotonic() - began
        return found

    def process(
        self, route: int, found: RoutedChunk, messages: Sequence[KafkaMessage], chosen: npt.NDArray[np.int64]
    ) -> Iterator[ProcessedRows]:
        began = time.monotonic()
        for judged in super().process(route, found, messages, chosen):
            self.seconds += time.monotonic() - began
            name = self.routes[route].name if route < len(self.routes) else ""
            for row, index in enumerate(judged.decoded.accepted.tolist()):
                self.rows[index] = _Place(judged.decoded.table, row, name)
            self.nulled.update(judged.decoded.nulled)
            self.ignored.update(judged.decoded.ignored)
            yield judged
            began = time.monotonic()


class TracedIntake:
    """Takes chunks in, shows what becomes of each message, and closes batches as a worker does.

    `settled` are the ranges that an earlier process has delivered; `limit` decides how much is shown; `at_bad` is
    called with each bad message when its turn to be shown has come.
    """

    def __init__(
        self,
        config: Config,
        tracker: PartitionTracker,
        settled: Sequence[SettledRange],
        show: Show,
        *,
        limit: int,
        at_bad: Callable[[DeadLetter], None],
    ) -> None:
        self._config = config
        self._decoder = _Caught(config)
        limits = BatchLimits(config.batch.max_events, config.batch.max_bytes, linger_s=float("inf"))
        self.intake = Intake(
            {tracker.partition: tracker}, self._decoder, limits, tombstones=config.columns.tombstones == "dead_letter"
        )
        self._settled = settled
        self._show = show
        self._at_bad = at_bad
        self._each = limit <= EACH
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
        """Decode `chunk`, which took `poll_s` seconds to come, and show it."""
        settled = [self._is_settled(offset) for offset in chunk.offsets.tolist()]
        self._decoder.forget()
        try:
            taken = self.intake.take(chunk, time.monotonic())
        except Exception:
            self._name_culprit(chunk.messages)
            raise
        rows = self._decoder.rows
        bad = {letter.message.offset(): letter for letter in taken.letters.letters}
        codes = Counter(letter.reason.code for letter in bad.values())
        accepted = len(rows)
        self.messages += len(chunk.messages)
        self.accepted += accepted
        self.settled += sum(settled)
        self.rejected.update(codes)
        self.nulled.update(self._decoder.nulled)
        self.ignored.update(self._decoder.ignored)
        self.decode_s += self._decoder.seconds
        self._show_messages(chunk, settled, bad)
        self._show.show(
            ChunkSeen(
                messages=len(chunk.messages),
                first=int(chunk.offsets[0]),
                last=int(chunk.offsets[-1]),
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

    def batches(self, *, leaving: bool) -> list[tuple[Route, Batch]]:
        """The batches that are to leave now, each with its route; when `leaving`, whatever there is."""
        found = []
        for route, batches in zip(self._decoder.routes, self.intake.batches, strict=True):
            closed = -1
            while closed != len(batches.ready):
                closed = len(batches.ready)
                batches.close(time.monotonic(), leaving=leaving)
            found += [(route, batch) for batch in batches.ready]
            batches.ready.clear()
        return found

    def _is_settled(self, offset: int) -> bool:
        return any(settled.first <= offset < settled.next_offset for settled in self._settled)

    def _show_messages(self, chunk: Chunk, settled: Sequence[bool], bad: Mapping[int | None, DeadLetter]) -> None:
        for index, (message, skipped) in enumerate(zip(chunk.messages, settled, strict=True)):
            letter = bad.get(message.offset())
            if letter is not None:
                self._bad_shown += 1
                if self._each or self._bad_shown <= BAD_ONES:
                    why = letter.reason
                    seen = MessageSeen(message=message, verdict="rejected", code=why.code, reason=why.detail)
                    self._show.show(seen)
                elif self._bad_shown == BAD_ONES + 1:
                    self._show.show(Note(text=f"{BAD_ONES} bad messages shown; the others are only counted"))
                self._at_bad(letter)
            elif (place := self._decoder.rows.get(index)) is not None:
                if self._each or not self._good_shown:
                    self._good_shown = True
                    cells = _cells(place.table, place.row)
                    self._show.show(MessageSeen(message=message, verdict="accepted", route=place.route, cells=cells))
            elif self._each:
                self._show.show(MessageSeen(message=message, verdict="settled" if skipped else "filtered"))

    def _name_culprit(self, messages: Sequence[KafkaMessage]) -> None:
        """A message that decoding itself fails on crashes every worker: find it, message by message."""
        for message in messages:
            try:
                self._try(message)
            except Exception as defect:  # noqa: BLE001  whatever it is, it is told, and raised by the caller
                name = type(defect).__name__
                text = f"offset {message.offset()}: decoding fails with {name}; a worker crashes on this message"
                self._show.show(Note(text=f"{text}. That is a defect of ingest: please report it", bad=True))

    def _try(self, message: KafkaMessage) -> None:
        judges = RowProcessors(self._config, time.time)
        found = judges.route([message])
        route = int(found.routes[0])
        if route == len(judges.routes) or judges.routes[route].deliver:
            list(judges.process(route, found, [message], np.zeros(1, dtype=np.int64)))


def seen_batch(config: Config, batch: Batch, table: pa.Table, frame_s: float) -> BatchSeen:
    """What Arize would be sent: the columns, the SDK's schema, and whom it goes to. The key is never part of it."""
    meant = uploader.batch_roles(config, table)
    schema = dataclasses.asdict(uploader.arize_schema(meant))
    return BatchSeen(
        number=batch.number,
        rows=batch.rows,
        raw_bytes=batch.raw_bytes,
        columns=[_column(name, table.column(name), meant) for name in table.column_names],
        schema={name: value for name, value in schema.items() if value},
        upload=_upload(config, batch.destination),
        frame_s=frame_s,
    )


def decode_error(letter: DeadLetter) -> DecodeError:
    """Why this message was refused, as the error that stands for it."""
    return DecodeError(letter.reason)


def _cells(table: pa.RecordBatch, row: int) -> list[Cell]:
    return [
        Cell(name=name, type=str(column.type), value=column[row].as_py())
        for name, column in zip(table.schema.names, table.columns, strict=True)
    ]


def _column(name: str, column: pa.ChunkedArray, meant: Roles) -> ColumnSeen:
    present = column.drop_null() if column.null_count else column
    example: Any = present[0].as_py() if len(present) else None
    return ColumnSeen(
        name=name,
        type=str(column.type),
        role=meant.of(name) or "(not in the schema)",
        nulls=column.null_count,
        example=example,
    )


def _upload(config: Config, destination: Destination | None) -> dict[str, str]:
    arize = config.arize
    to = destination or Destination(
        space_id(config), arize.model_name, arize.model_version, arize.environment, arize.batch_id
    )
    try:
        endpoint = uploader.endpoint()
    except ConfigError as error:
        endpoint = str(error)
    try:
        key = "set, not shown" if api_key(config) is not None else "MISSING: set ARIZE_API_KEY or [arize] api_key_file"
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

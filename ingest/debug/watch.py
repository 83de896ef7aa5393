"""The steps from a chunk to a batch, watched.

A worker's own intake does the work. What it decodes is caught on the way, so that each message can be shown with its
verdict, its decoded values and their types.
"""

import dataclasses
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from ingest.config import Config, api_key, space_id
from ingest.debug.findings import BatchSeen, Cell, ChunkSeen, ColumnSeen, MessageSeen, Note, Show
from ingest.errors import ConfigError, DecodeError
from ingest.pipeline import log
from ingest.pipeline.ack import PartitionTracker, SettledRange
from ingest.pipeline.batch import Batch, Limits
from ingest.pipeline.dead_letters import DeadLetter
from ingest.pipeline.decoded import Decoded
from ingest.pipeline.intake import Intake, Taken
from ingest.pipeline.judge import Judge
from ingest.pipeline.schema import Roles
from ingest.records import Chunk, KafkaMessage

EACH = 50  # up to so many messages are shown one by one
BAD_ONES = 20  # past that, so many of the bad ones, and the first good one


class _Caught(Judge):
    """A judge that keeps its last result and how long it took."""

    def __init__(self, config: Config) -> None:
        super().__init__(config, time.time)
        self.forget()

    def forget(self) -> None:
        self.last: Decoded | None = None
        self.seconds = 0.0

    def judge(self, messages: Sequence[KafkaMessage]) -> Decoded:
        began = time.monotonic()
        self.last = super().judge(messages)
        self.seconds = time.monotonic() - began
        return self.last


class Watch:
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
        limits = Limits(config.batch.max_events, config.batch.max_bytes, linger_s=float("inf"))
        self.intake = Intake({tracker.partition: tracker}, self._decoder, limits)
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
        decoded = self._decoder.last
        bad = {letter.message.offset(): letter for letter in taken.letters.letters}
        codes = Counter(letter.code for letter in bad.values())
        accepted = 0 if decoded is None else len(decoded.accepted)
        self.messages += len(chunk.messages)
        self.accepted += accepted
        self.settled += sum(settled)
        self.rejected.update(codes)
        self.decode_s += self._decoder.seconds
        self._show_messages(chunk, settled, bad, None if decoded is None else decoded.table)
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
            )
        )
        return taken

    def batches(self, *, leaving: bool) -> list[Batch]:
        """The batches that are to leave now; when `leaving`, whatever there is."""
        closed = -1
        while closed != len(self.intake.ready):
            closed = len(self.intake.ready)
            self.intake.close_batch(time.monotonic(), leaving=leaving)
        found = list(self.intake.ready)
        self.intake.ready.clear()
        return found

    def _is_settled(self, offset: int) -> bool:
        return any(settled.first <= offset < settled.next_offset for settled in self._settled)

    def _show_messages(
        self, chunk: Chunk, settled: Sequence[bool], bad: Mapping[int | None, DeadLetter], table: pa.RecordBatch | None
    ) -> None:
        row = 0
        for message, skipped in zip(chunk.messages, settled, strict=True):
            letter = bad.get(message.offset())
            if skipped:
                if self._each:
                    self._show.show(MessageSeen(message=message, verdict="settled"))
            elif letter is not None:
                self._bad_shown += 1
                if self._each or self._bad_shown <= BAD_ONES:
                    seen = MessageSeen(message=message, verdict="rejected", code=letter.code, reason=letter.reason)
                    self._show.show(seen)
                elif self._bad_shown == BAD_ONES + 1:
                    self._show.show(Note(text=f"{BAD_ONES} bad messages shown; the others are only counted"))
                self._at_bad(letter)
            else:
                if table is not None and (self._each or not self._good_shown):
                    self._good_shown = True
                    self._show.show(MessageSeen(message=message, verdict="accepted", cells=_cells(table, row)))
                row += 1

    def _name_culprit(self, messages: Sequence[KafkaMessage]) -> None:
        """A message that decoding itself fails on crashes every worker: find it, message by message."""
        for message in messages:
            try:
                Judge(self._config, time.time).judge([message])
            except Exception as defect:  # noqa: BLE001  whatever it is, it is told, and raised by the caller
                name = type(defect).__name__
                text = f"offset {message.offset()}: decoding fails with {name}; a worker crashes on this message"
                self._show.show(Note(text=f"{text}. That is a defect of ingest: please report it", bad=True))


def seen_batch(config: Config, batch: Batch, table: pa.Table, frame_s: float) -> BatchSeen:
    """What Arize would be sent: the columns, the SDK's schema, and whom it goes to. The key is never part of it."""
    meant = log.meanings(config, table)
    schema = dataclasses.asdict(log.arize_schema(meant))
    return BatchSeen(
        number=batch.number,
        rows=batch.rows,
        raw_bytes=batch.raw_bytes,
        columns=[_column(name, table.column(name), meant) for name in table.column_names],
        schema={name: value for name, value in schema.items() if value},
        upload=_upload(config),
        frame_s=frame_s,
    )


def decode_error(letter: DeadLetter) -> DecodeError:
    """Why this message was refused, as the error that stands for it."""
    return DecodeError(letter.code, letter.reason)


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


def _upload(config: Config) -> dict[str, str]:
    arize = config.arize
    try:
        endpoint = log.endpoint()
    except ConfigError as error:
        endpoint = str(error)
    try:
        key = "set, not shown" if api_key(config) is not None else "MISSING: set ARIZE_API_KEY or [arize] api_key_file"
    except ConfigError as error:
        key = f"MISSING: {error}"
    return {
        "endpoint": endpoint,
        "space_id": space_id(config) or "MISSING: set [arize] space_id or ARIZE_SPACE_ID",
        "api_key": key,
        "model_name": arize.model_name or "MISSING: set [arize] model_name",
        "model_version": arize.model_version,
        "model_type": arize.model_type,
        "environment": arize.environment,
    }

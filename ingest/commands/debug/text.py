"""The trace as text, for a person on call who doesn't know the code.

It has colours on a terminal, and no escape codes anywhere else or with NO_COLOR or TERM=dumb. Offsets are printed
without separators, so that they can be copied into the next command.
"""

import io
from collections.abc import Mapping, Sequence
from functools import singledispatchmethod
from typing import Any, TextIO

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from ingest.commands.debug import payload
from ingest.commands.debug.output import OutputStream
from ingest.commands.debug.trace import (
    BatchTrace,
    Cell,
    ChunkTrace,
    CommitTrace,
    MessageTrace,
    Note,
    TraceRecord,
    TraceStart,
    TraceSummary,
    UploadTrace,
)
from ingest.records import KafkaMessage, header_pairs
from ingest.status.formatting import amount, count

_PREDICTIONS = 10  # of a message are shown, at most
_NOT_JSON_REASONS = {"not_json", "tombstone", "bad_framing", "bad_compression", "inflated_size"}
_TIMESTAMPS = {1: "set by the producer", 2: "set by the broker"}


class TextOutput:
    """Writes each record as a paragraph."""

    def __init__(self, stream: TextIO) -> None:
        detected = Console(file=stream)
        plain = detected.no_color or detected.is_dumb_terminal
        coloured = stream.isatty() and detected.is_terminal and not plain
        # Formatted in memory first: on a broken stream rich would end the process, OutputStream does not.
        self._buffer = io.StringIO()
        # Without a colour system rich writes no escape code at all, not even for bold.
        self._console = Console(
            file=self._buffer,
            color_system="standard" if coloured else None,
            force_terminal=coloured,
            soft_wrap=True,
            highlight=False,
            markup=False,
        )

        self._output = OutputStream(stream)

    @property
    def closed(self) -> bool:
        """The reader of the output has gone away."""
        return self._output.closed

    def write(self, record: TraceRecord) -> None:
        """Write one record immediately."""
        self._format(record)
        self._output.write(self._buffer.getvalue())
        self._buffer.seek(0)
        self._buffer.truncate()

    @singledispatchmethod
    def _format(self, record: TraceRecord) -> None:
        raise TypeError(f"{type(record).__name__} can't be formatted")

    @_format.register
    def _start(self, start: TraceStart) -> None:
        self._head(
            f"topic {start.topic}, partition {start.partition} of {start.partition_count}, Kafka at {start.brokers}"
        )
        held_back = (
            f", of which offsets from {start.stable_offset} on are behind an open transaction"
            if start.stable_offset < start.end_offset
            else ""
        )
        log = (
            f"offsets {start.low_offset} to {start.end_offset - 1}" if start.end_offset > start.low_offset else "empty"
        )
        if start.committed_next_offset is None:
            group = "nothing is committed for this partition yet"
        else:
            group = (
                f"committed next offset {start.committed_next_offset}, lag {count(start.lag or 0)}; so far "
                f"{count(start.acknowledged)} acknowledged, {count(start.dead_lettered)} dead-lettered"
            )
        if start.settled_above:
            group += f"; {amount(start.settled_above, 'message')} above it already settled"
        if start.commit:
            effects = (
                "--send --commit: accepted rows are sent to Arize, rejected messages become dead letters, then all are "
                "committed"
            )
        elif start.send:
            effects = "--send: accepted rows are sent to Arize; nothing is committed, so a worker will send them again"
        else:
            effects = "nothing is sent, nothing is committed"
        self._fields(
            {
                "log": f"{log} (low watermark {start.low_offset}, end {start.end_offset}{held_back})",
                f"group {start.group}": group,
                "reading from": f"{start.start_offset}: {start.start_reason}; at most {amount(start.limit, 'message')}",
                "reading as": f"group {start.reading_group}, which commits nothing; group {start.group} is not joined",
                "columns": "types are learned from the messages read here; a worker that read more may know others",
                "effects": effects,
            }
        )

    @_format.register
    def _message(self, seen: MessageTrace) -> None:
        message = seen.message
        value = message.value()
        size = "no value" if value is None else amount(len(value), "byte")
        styles = {"accepted": "green", "rejected": "red", "settled": "yellow", "filtered": "yellow"}
        style = f"bold {styles[seen.verdict]}"
        self._print()
        self._print(
            (f"offset {message.offset()}", "bold"), (f"  {size}  {_when(message)}  ", ""), (seen.verdict.upper(), style)
        )
        if seen.verdict == "rejected":
            self._print((f"  reason   {seen.reason}: {payload.escape(seen.detail)}", "red"))
        elif seen.verdict == "settled":
            self._print(("  reason   an earlier process has settled it; it is skipped, as a worker would", ""))
        elif seen.verdict == "filtered":
            self._print(("  reason   the configuration filters it out; it is counted and skipped", ""))
        elif seen.route:
            self._print((f"  route    {payload.escape(seen.route)}", ""))
        self._print((f"  key      {payload.line(message.key())}", ""))
        for name, raw in header_pairs(message.headers()):
            self._print((f"  header   {payload.line(name)} = {payload.line(raw)}", ""))
        after = f" after {payload.escape(', '.join(seen.steps))}" if seen.steps else ""
        if seen.steps:
            value = seen.unwrapped
        if value is None:
            self._print((f"  value    (none{after}: a tombstone)", ""))
        else:
            self._print((f"  value{after}", ""))
            for line in payload.value_lines(value, is_json=seen.reason not in _NOT_JSON_REASONS):
                self._print((f"    {line}", "dim" if seen.cells or seen.predictions else ""))
        self._decoded(seen)

    @_format.register
    def _chunk(self, chunk: ChunkTrace) -> None:
        self._print()
        self._head(f"polled {amount(chunk.messages, 'message')}, offsets {chunk.first_offset} to {chunk.last_offset}")
        self._fields(
            {
                "size": amount(chunk.raw_bytes, "byte"),
                "accepted": count(chunk.accepted),
                "rejected": _codes(chunk.rejected),
                **({"settled": f"{count(chunk.settled)} by an earlier process, skipped"} if chunk.settled else {}),
                **_dropped_values(chunk),
                **{
                    f"column {payload.cell(name)}": f"was {old}, is {new} from here on; a new batch begins"
                    for name, old, new in chunk.widened
                },
                "took": f"poll {_ms(chunk.poll_s)}, decode {_ms(chunk.decode_s)}",
            }
        )

    @_format.register
    def _batch(self, batch: BatchTrace) -> None:
        self._print()
        self._head(
            f"batch {batch.number}: {amount(batch.rows, 'row')}, {amount(len(batch.columns), 'column')}, "
            f"{amount(batch.raw_bytes, 'byte')} of messages"
        )
        rows = [
            [column.name, column.type, column.role, count(column.nulls), payload.cell(column.example, 40)]
            for column in batch.columns
        ]
        self._table([["column", "type", "role", "nulls", "example"], *rows], "  ", head=True)
        self._print(("  Arize schema", "bold"))
        self._fields({name: _named(value) for name, value in batch.schema.items()}, "    ")
        self._print(("  upload", "bold"))
        self._fields(batch.upload, "    ")

    @_format.register
    def _upload(self, upload: UploadTrace) -> None:
        self._print()
        good = upload.answer == "acknowledged"
        text = f"Arize acknowledged {amount(upload.rows, 'row')}" if good else f"NOT ACKNOWLEDGED: {upload.answer}"
        self._print((text, "bold green" if good else "bold red"), (f" after {_ms(upload.seconds)}", ""))
        for text in (upload.detail, upload.worker_action):
            if text:
                self._print((f"  {payload.escape(text)}", "" if good else "red"))

    @_format.register
    def _commit(self, commit: CommitTrace) -> None:
        if commit.dead_letters:
            self._print((f"wrote {amount(commit.dead_letters, 'dead letter')} to {commit.dead_letter_store}", "yellow"))
        if commit.committed:
            self._print((f"committed next offset {commit.next_offset}", "bold green"))
        else:
            self._print((f"NO CONFIRMED COMMIT: {commit.detail}", "bold red"))

    @_format.register
    def _note(self, note: Note) -> None:
        self._print((note.text, "bold red" if note.problem else "yellow"))

    @_format.register
    def _summary(self, summary: TraceSummary) -> None:
        self._print()
        self._head(f"{amount(summary.messages, 'message')} read: {summary.stop_reason}")
        next_offset = summary.committed_next_offset
        committed = "nothing committed" if next_offset is None else f"committed next offset {next_offset}"
        self._fields(
            {
                "accepted": count(summary.accepted),
                "rejected": _codes(summary.rejected),
                **({"settled": f"{count(summary.settled)} by an earlier process, skipped"} if summary.settled else {}),
                **_dropped_values(summary),
                "acknowledged": f"{count(summary.acknowledged)} by Arize",
                "next to read": str(summary.position),
                f"group {summary.group}": committed + ("" if summary.lag is None else f", lag {count(summary.lag)}"),
            }
        )
        rows = [[timing.step, count(timing.count), _ms(timing.seconds)] for timing in summary.timings if timing.count]
        if rows:
            self._table([["step", "rows", "took"], *rows], "  ", head=True)

    def _decoded(self, seen: MessageTrace) -> None:
        if seen.cells:
            self._print(("  decoded", ""))
            self._cells(seen.cells)
        for prediction in seen.predictions[:_PREDICTIONS]:
            self._print((f"  decoded  prediction {prediction.index}", ""))
            self._cells(prediction.cells)
        if (more := len(seen.predictions) - _PREDICTIONS) > 0:
            self._print((f"  and {amount(more, 'more prediction')}; --json has all of them", ""))

    def _cells(self, cells: Sequence[Cell]) -> None:
        self._table([[cell.name, cell.type, payload.cell(cell.value)] for cell in cells], "    ")

    # --- layout --------------------------------------------------------------------------------

    def _head(self, text: str) -> None:
        self._print((text, "bold"))

    def _fields(self, fields: Mapping[str, str], indent: str = "  ") -> None:
        width = max(map(cell_len, fields), default=0)
        for name, value in fields.items():
            self._print((f"{indent}{_padded(name, width)}  ", "cyan"), (value, ""))

    def _table(self, rows: Sequence[Sequence[str]], indent: str, *, head: bool = False) -> None:
        shown = [[payload.escape(cell) for cell in row] for row in rows]
        widths = [max(map(cell_len, column)) for column in zip(*shown, strict=True)]
        for index, row in enumerate(shown):
            cells = [_padded(cell, width) for cell, width in zip(row, widths, strict=True)]
            self._print((indent + "  ".join(cells).rstrip(), "cyan" if head and index == 0 else ""))

    def _print(self, *parts: tuple[str, str]) -> None:
        self._console.print(Text.assemble(*parts))


def _padded(text: str, width: int) -> str:
    return text + " " * (width - cell_len(text))


def _codes(rejected: Mapping[str, int]) -> str:
    if not rejected:
        return "0"
    parts = ", ".join(f"{code} {count(number)}" for code, number in sorted(rejected.items()))
    return f"{count(sum(rejected.values()))} ({parts})"


def _dropped_values(seen: ChunkTrace | TraceSummary) -> dict[str, str]:
    """The values that [schema] removes from the rows, if it removes any."""
    settings = {"made null": ("[schema.conflicts]", seen.nulled), "not sent": ("[schema] unknown", seen.ignored)}
    return {
        name: f"{_codes({payload.escape(column): number for column, number in columns.items()})} by {key}"
        for name, (key, columns) in settings.items()
        if columns
    }


def _named(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"{len(value)}: " + ", ".join(payload.escape(str(item)) for item in value)
    return payload.escape(str(value))


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:,.1f} ms"


def _when(message: KafkaMessage) -> str:
    from_whom, at_ms = message.timestamp()
    return f"{payload.moment(at_ms)} ({_TIMESTAMPS[from_whom]})" if from_whom in _TIMESTAMPS else "no timestamp"

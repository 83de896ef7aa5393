"""Findings as text, to be read at three in the morning by somebody who doesn't know the code.

Colours on a terminal; plain text without a single escape code everywhere else, and with NO_COLOR or TERM=dumb.
Offsets stand without separators: they are there to be copied into the next command.
"""

import io
from collections.abc import Mapping, Sequence
from functools import singledispatchmethod
from typing import Any, TextIO

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from ingest.commands.debug import payload
from ingest.commands.debug.findings import (
    BatchSeen,
    Begin,
    ChunkSeen,
    End,
    Finding,
    MessageSeen,
    Note,
    Sent,
    Settled,
)
from ingest.commands.debug.output import Output
from ingest.records import KafkaMessage, header_pairs
from ingest.status.formatting import amount, count

_NO_JSON = {"not_json", "tombstone"}
_TIMESTAMPS = {1: "set by the producer", 2: "set by the broker"}


class TextShow:
    """Writes each finding as a paragraph."""

    def __init__(self, stream: TextIO) -> None:
        seen = Console(file=stream)
        coloured = stream.isatty() and seen.is_terminal and not seen.no_color and not seen.is_dumb_terminal
        # Laid out in memory first: a stream that breaks is the paper's business, and rich would end the process.
        self._page = io.StringIO()
        # Without a colour system rich writes no escape code at all, not even for bold.
        self._console = Console(
            file=self._page,
            color_system="standard" if coloured else None,
            force_terminal=coloured,
            soft_wrap=True,
            highlight=False,
            markup=False,
        )

        self._paper = Output(stream)

    @property
    def gone(self) -> bool:
        """Nobody reads any more."""
        return self._paper.gone

    def show(self, finding: Finding) -> None:
        """Write it, now."""
        self._show(finding)
        self._paper.write(self._page.getvalue())
        self._page.seek(0)
        self._page.truncate()

    @singledispatchmethod
    def _show(self, finding: Finding) -> None:
        raise TypeError(f"{type(finding).__name__} can't be shown")

    @_show.register
    def _begin(self, begin: Begin) -> None:
        self._head(f"topic {begin.topic}, partition {begin.partition} of {begin.partitions}, Kafka at {begin.brokers}")
        log = f"offsets {begin.low} to {begin.end - 1}" if begin.end > begin.low else "empty"
        if begin.committed is None:
            group = "nothing committed for this partition yet"
        else:
            group = (
                f"committed next offset {begin.committed}, lag {count(begin.lag or 0)}; so far "
                f"{count(begin.acknowledged)} acknowledged, {count(begin.dead_lettered)} dead-lettered"
            )
        if begin.settled_above:
            group += f"; {amount(begin.settled_above, 'message')} above it already settled"
        if begin.commit:
            effects = "--send --commit: accepted rows go to Arize, rejected messages to the dead letters, then commit"
        elif begin.send:
            effects = "--send: accepted rows go to Arize; nothing is committed, so a worker will send them again"
        else:
            effects = "nothing is sent, nothing is committed"
        self._fields(
            {
                "log": f"{log} (low watermark {begin.low}, end {begin.end})",
                f"group {begin.group}": group,
                "reading from": f"{begin.start}: {begin.why}; at most {amount(begin.limit, 'message')}",
                "reading as": f"group {begin.reading_group}, which commits nothing; group {begin.group} is not joined",
                "columns": "types are learned from what is read here; a worker that has read more knows more",
                "effects": effects,
            }
        )

    @_show.register
    def _message(self, seen: MessageSeen) -> None:
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
            self._print((f"  why      {seen.code}: {payload.escape(seen.reason)}", "red"))
        elif seen.verdict == "settled":
            self._print(("  why      an earlier process delivered it already; it is skipped, as a worker would", ""))
        elif seen.verdict == "filtered":
            self._print(("  why      the configuration leaves it out; it is counted, and passed over", ""))
        elif seen.route:
            self._print((f"  route    {payload.escape(seen.route)}", ""))
        self._print((f"  key      {payload.line(message.key())}", ""))
        for name, raw in header_pairs(message.headers()):
            self._print((f"  header   {payload.line(name)} = {payload.line(raw)}", ""))
        if value is None:
            self._print(("  value    (none: a tombstone)", ""))
        else:
            self._print(("  value", ""))
            for line in payload.value_lines(value, is_json=seen.code not in _NO_JSON):
                self._print((f"    {line}", "dim" if seen.cells else ""))
        if seen.cells:
            self._print(("  decoded", ""))
            self._table([[cell.name, cell.type, payload.cell(cell.value)] for cell in seen.cells], "    ")

    @_show.register
    def _chunk(self, chunk: ChunkSeen) -> None:
        self._print()
        self._head(f"polled {amount(chunk.messages, 'message')}, offsets {chunk.first} to {chunk.last}")
        self._fields(
            {
                "size": amount(chunk.raw_bytes, "byte"),
                "accepted": count(chunk.accepted),
                "rejected": _codes(chunk.rejected),
                **({"settled": f"{count(chunk.settled)} by an earlier process, skipped"} if chunk.settled else {}),
                **_lost(chunk),
                **{
                    f"column {payload.cell(name)}": f"was {old}, is {new} from here on; older rows leave first"
                    for name, old, new in chunk.widened
                },
                "took": f"poll {_ms(chunk.poll_s)}, decode {_ms(chunk.decode_s)}",
            }
        )

    @_show.register
    def _batch(self, batch: BatchSeen) -> None:
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

    @_show.register
    def _sent(self, sent: Sent) -> None:
        self._print()
        good = sent.answer == "acknowledged"
        said = f"Arize acknowledged {amount(sent.rows, 'row')}" if good else f"NOT DELIVERED: {sent.answer}"
        self._print((said, "bold green" if good else "bold red"), (f" after {_ms(sent.seconds)}", ""))
        for text in (sent.text, sent.now_what):
            if text:
                self._print((f"  {payload.escape(text)}", "" if good else "red"))

    @_show.register
    def _settled(self, settled: Settled) -> None:
        if settled.dead_letters:
            self._print((f"wrote {amount(settled.dead_letters, 'dead letter')} to {settled.directory}", "yellow"))
        if settled.committed:
            self._print((f"committed next offset {settled.next_offset}", "bold green"))
        else:
            self._print((f"NOTHING COMMITTED: {settled.text}", "bold red"))

    @_show.register
    def _note(self, note: Note) -> None:
        self._print((note.text, "bold red" if note.bad else "yellow"))

    @_show.register
    def _end(self, end: End) -> None:
        self._print()
        self._head(f"{amount(end.messages, 'message')} read: {end.stopped}")
        committed = "nothing committed" if end.committed is None else f"committed next offset {end.committed}"
        self._fields(
            {
                "accepted": count(end.accepted),
                "rejected": _codes(end.rejected),
                **({"settled": f"{count(end.settled)} by an earlier process, skipped"} if end.settled else {}),
                **_lost(end),
                "acknowledged": f"{count(end.acknowledged)} by Arize",
                "next to read": str(end.next_offset),
                f"group {end.group}": committed + ("" if end.lag is None else f", lag {count(end.lag)}"),
            }
        )
        rows = [[timing.step, count(timing.count), _ms(timing.seconds)] for timing in end.timings if timing.count]
        if rows:
            self._table([["step", "rows", "took"], *rows], "  ", head=True)

    # --- how it is laid out --------------------------------------------------------------------

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


def _lost(seen: ChunkSeen | End) -> dict[str, str]:
    """What [schema] takes from the rows, if it does."""
    said = {"made null": ("[schema.conflicts]", seen.nulled), "not sent": ("[schema] unknown", seen.ignored)}
    return {
        name: f"{_codes({payload.escape(column): number for column, number in columns.items()})} by {key}"
        for name, (key, columns) in said.items()
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

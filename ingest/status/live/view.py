"""The live view: one snapshot as lines that fill a window and never more, from 80x24 to 200x50 and beyond.

Rules
1. From the top: the sentence, what runs, rates and sums, Kafka, ingest and Arize, workers, partitions, events.
   In a window that is too low, what is lower gives way first.
2. The workers take at most three fifths of what is left below the fixed lines, the partitions what they need of the
   rest but for `EVENTS` rows where there is room for them, and the events everything that then remains.
3. A blank line stands between the sections where the window has `AIRY` rows.
"""

from dataclasses import dataclass

from ingest.status.live import sections, tables
from ingest.status.live.tables import Order
from ingest.status.live.text import Line, Part, sentence
from ingest.status.snapshot import Snapshot

AIRY = 30
EVENTS = 6
_LOW = 16
_LEAST_TABLE = 3  # rows: heading, one row, how many more
_LEAST_WIDTH = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a reader has chosen. `notice`: why the snapshot is not of now; `footer`: the last row."""

    order: Order = Order.WORST
    skip: int = 0
    notice: str = ""
    footer: str = ""


def render(snapshot: Snapshot, width: int, height: int, look: Look | None = None) -> list[Line]:
    """At most `height` lines of at most `width` cells."""
    look = look or Look()
    width = max(width, _LEAST_WIDTH)
    foot: list[Line] = [(Part(sentence(look.footer, width), "dim"),)] if look.footer else []
    room = max(height - len(foot), 1)
    airy = height >= AIRY
    top = sections.first(snapshot, width, 3 if height >= _LOW else 2, look.notice)
    lines = [
        *top,
        *([()] if airy else []),
        sections.title(snapshot, width),
        *sections.totals(snapshot, width),
        *([()] if airy else []),
        *sections.services(snapshot, width),
    ]
    gap: list[Line] = [()] if airy else []
    left = room - len(lines)
    workers = tables.workers(snapshot, width, left * 3 // 5 - len(gap))
    if workers:
        lines += [*gap, *workers]
    left = room - len(lines) - len(gap)
    few = min(EVENTS, len(snapshot.events)) + len(gap) if left >= _LEAST_TABLE + 2 * EVENTS else 0
    partitions = tables.partitions(snapshot, width, left - few, look.order, look.skip)
    if partitions:
        lines += [*gap, *partitions]
    left = room - len(lines) - len(gap)
    if left > 0 and snapshot.events:
        lines += [*gap, *sections.events(snapshot.events, width, left)]
    return [*lines[:room], *foot]


def report(snapshot: Snapshot, width: int) -> list[Line]:
    """All workers and partitions, however many rows that takes; without events."""
    width = max(width, _LEAST_WIDTH)
    rows = len(snapshot.workers) + len(snapshot.partitions) + 2
    blocks = [
        sections.first(snapshot, width, rows + len(snapshot.sentence)),
        [sections.title(snapshot, width), *sections.totals(snapshot, width)],
        sections.services(snapshot, width),
        tables.workers(snapshot, width, rows),
        tables.partitions(snapshot, width, rows, Order.NUMBER),
    ]
    return [line for block in blocks if block for line in ((), *block)][1:]

"""The workers and the partitions of the live view, as tables of a given size.

Rules
1. If all fit, they stand in their order. If not, the worst are shown, and how many more there are is said.
2. The worst worker is the one that fails, then one that is degraded. The worst partition is that of the worst worker,
   then the one whose age or lag is not known, then the one with the oldest message,
   in steps that double: they do not change places with every second.
3. Partitions stand side by side in blocks. Columns of a block are left out while not all partitions fit.
"""

import math
from collections import Counter
from collections.abc import Sequence
from enum import StrEnum

from ingest.status import formatting
from ingest.status.live.columns import Column, fitting, part_of, rows, whole
from ingest.status.live.sections import STYLE_OF
from ingest.status.live.text import Line, Part, line
from ingest.status.snapshot import Health, PartitionStatus, Snapshot, State, WorkerStatus

GAP = 2
BLOCK_GAP = 4
_LEAST_BLOCK = 16
_YOUNG_S = 10.0  # ages up to this are alike
_MOST_NUMBERS = 20  # cells for the numbers of a worker's partitions
_SEVERITY = {Health.FAILING: 0, Health.DEGRADED: 1, Health.OK: 2}
_MARKS = {Health.OK: "", Health.DEGRADED: "!", Health.FAILING: "x"}


class Order(StrEnum):
    """How partitions are sorted: as rule 1 says, by lag, or by number."""

    WORST = "worst"
    LAG = "lag"
    NUMBER = "number"


def workers(snapshot: Snapshot, width: int, height: int) -> list[Line]:
    """The workers in at most `height` rows, heading included."""
    every = snapshot.workers
    if not every or height < 2:
        return []
    shown, hidden = list(every), list[WorkerStatus]()
    if len(every) > height - 1:
        worst = sorted(every, key=lambda one: (_SEVERITY[one.health], one.index))
        most = max(height - 2, 1)
        shown, hidden = sorted(worst[:most], key=lambda one: one.index), worst[most:]
    found, _ = fitting(_worker_columns(shown, several=len(snapshot.topics) > 1), width, GAP)
    table = rows(found, GAP)
    if hidden and height >= len(table) + 1:
        states = Counter(one.state for one in hidden).most_common(3)
        table.append(line(Part(f"{len(hidden)} more: {', '.join(f'{n} {state}' for state, n in states)}", "dim")))
    return table


def _worker_columns(shown: Sequence[WorkerStatus], *, several: bool) -> list[Column]:
    def column(heading: str, cells: Sequence[str], keep: int, **more: object) -> Column:
        return Column(heading, tuple(cells), keep, **more)  # type: ignore[arg-type]

    styles = tuple("" if one.state is State.STARTING else STYLE_OF[one.health] for one in shown)
    return [
        column("worker", [str(one.index) for one in shown], 20),
        column("state", [one.state for one in shown], 19, left=True, styles=styles),
        column("topic", [one.topic if several else "" for one in shown], 13, left=True, least=8),
        column("partitions", [_numbers(one.partitions) for one in shown], 12),
        column("for", [formatting.glance(one.since_s) for one in shown], 11),
        column("read/s", [formatting.count(one.read_per_s) for one in shown], 15),
        column("acked/s", [formatting.count(one.acknowledged_per_s) for one in shown], 16),
        column("in flight", [_of(one.in_flight, one.limit) for one in shown], 14),
        column("oldest", ["" if one.waiting_s is None else formatting.glance(one.waiting_s) for one in shown], 10),
        column("restarts", [str(one.restarts) for one in shown], 9),
        column("memory", [formatting.size(one.rss_bytes) if one.rss_bytes else "" for one in shown], 8),
        column("pid", [str(one.pid or "") for one in shown], 7),
        column("lane", [one.lane for one in shown], 3, left=True),
        column("why", [one.reason for one in shown], 17, left=True, least=12, prose=True),
    ]


def _numbers(partitions: Sequence[int]) -> str:
    """All of them, or how many, from which to which."""
    found = formatting.partitions(partitions) if partitions else ""
    return found if len(found) <= _MOST_NUMBERS else f"{len(partitions)} of {min(partitions)}-{max(partitions)}"


def _of(number: int, limit: int | None) -> str:
    return f"{number}/{limit}" if limit else str(number)


def ordered(snapshot: Snapshot, order: Order) -> list[PartitionStatus]:
    """All partitions in this order."""
    match order:
        case Order.NUMBER:
            return sorted(snapshot.partitions, key=lambda one: (one.topic, one.partition))
        case Order.LAG:
            return sorted(
                snapshot.partitions, key=lambda one: (one.lag is not None, -(one.lag or 0), one.topic, one.partition)
            )
        case _:
            return sorted(snapshot.partitions, key=_badness)


def _badness(one: PartitionStatus) -> tuple[int, bool, int, str, int]:
    known = one.lag is not None and (one.oldest_age_s is not None or one.lag == 0)
    # In steps that double, so that a row does not change its place with every second.
    step = int(math.log2(max(one.oldest_age_s or 0.0, _YOUNG_S) / _YOUNG_S))
    return (_SEVERITY[one.health], known, -step, one.topic, one.partition)


def partitions(snapshot: Snapshot, width: int, height: int, order: Order, skip: int = 0) -> list[Line]:
    """The partitions in at most `height` rows, heading included; `skip` blocks' rows are scrolled over."""
    total = len(snapshot.partitions)
    if not total or height < 2:
        return []
    table = _blocks(snapshot, _in_order(snapshot, order, total, width, height - 1), width, height - 1)
    if table is not None and not skip:
        return table
    # They do not all fit: the worst, and a row that says how many there are besides.
    found = ordered(snapshot, order)
    body = max(height - 2, 1)
    columns = _least(found[: body * _most_blocks(width)], snapshot)
    blocks = _count(columns, width)
    capacity = body * blocks
    start = min(max(skip, 0), max(total - capacity, 0))
    lines = _side_by_side(_columns(found[start : start + capacity], snapshot), len(columns), width, body, blocks)
    if height >= len(lines) + 1 and total > capacity:
        above = f"{start} above, " if start else ""
        more = f"{above}{total - start - min(capacity, total - start):,} more partitions; {_ORDERS[order]}"
        lines.append(line(Part(more, "dim")))
    return lines


_ORDERS = {Order.WORST: "the worst are shown", Order.LAG: "the greatest lag first", Order.NUMBER: "by number"}


def _most_blocks(width: int) -> int:
    return max(width // _LEAST_BLOCK, 1)


def _in_order(snapshot: Snapshot, order: Order, total: int, width: int, body: int) -> list[PartitionStatus]:
    if total > body * _most_blocks(width):
        return []
    return ordered(snapshot, Order.NUMBER if order is Order.WORST else order)


def _blocks(snapshot: Snapshot, found: Sequence[PartitionStatus], width: int, body: int) -> list[Line] | None:
    """All of `found`, with as many columns as then fit; None if they do not."""
    if not found:
        return None
    columns = _columns(found, snapshot)
    for number in range(len(columns), 0, -1):
        chosen = _chosen(columns, number)
        last = all(column.keep >= _NEVER for column in chosen)
        blocks = _count(chosen, width)
        if (last or whole(chosen, 1) <= width) and body * blocks >= len(found):
            return _side_by_side(columns, number, width, -(-len(found) // blocks), blocks)
        if last:
            return None
    return None


_NEVER = 7  # columns that are not left out so that more partitions fit


def _least(found: Sequence[PartitionStatus], snapshot: Snapshot) -> list[Column]:
    return [column for column in _columns(found, snapshot) if column.keep >= _NEVER]


def _chosen(columns: Sequence[Column], number: int) -> list[Column]:
    """The `number` most important columns, in their order."""
    most = sorted(columns, key=lambda column: -column.keep)[:number]
    return [column for column in columns if column in most]


def _count(columns: Sequence[Column], width: int) -> int:
    return max((width + BLOCK_GAP) // (whole(columns, 1) + BLOCK_GAP), 1)


def _side_by_side(columns: Sequence[Column], number: int, width: int, body: int, blocks: int) -> list[Line]:
    chosen = _chosen(columns, number)
    found, _ = fitting(chosen, width, 1)
    length = len(columns[0].cells)
    lines: list[Line] = []
    for block in range(blocks):
        start = block * body
        if start >= length:
            break
        parts = [(part_of(column, start, start + body), wide) for column, wide in found]
        made = rows(parts, 1)
        gap = (Part(" " * BLOCK_GAP),) if block else ()
        lines = [
            (*(lines[index] if index < len(lines) else ()), *gap, *made[index]) if index < len(made) else lines[index]
            for index in range(max(len(lines), len(made)))
        ]
    return lines


def _columns(found: Sequence[PartitionStatus], snapshot: Snapshot) -> list[Column]:
    several = len(snapshot.topics) > 1
    at = snapshot.at
    styles = tuple(STYLE_OF[one.health] if one.health is not Health.OK else "" for one in found)
    columns = [
        Column("", tuple(_MARKS[one.health] for one in found), 11, styles=styles),
        Column(
            "partition" if several else "part",
            tuple(f"{one.topic}-{one.partition}" if several else str(one.partition) for one in found),
            10,
            left=several,
            least=14 if several else None,
            styles=styles,
        ),
        Column("lag", tuple("?" if one.lag is None else formatting.count(one.lag) for one in found), 9),
        Column("oldest", tuple(_age(one) for one in found), 8),
        Column("committed", tuple(str(one.next_offset) for one in found), 5),
        Column("read/s", tuple(formatting.count(one.read_per_s) for one in found), 4),
        Column("dead", tuple(formatting.count(one.dead_lettered) if one.dead_lettered else "" for one in found), 3),
        Column("position", tuple("" if one.position is None else str(one.position) for one in found), 2),
        Column(
            "lag seen",
            tuple("" if one.lag_at is None else f"{formatting.glance(max(at - one.lag_at, 0))} ago" for one in found),
            1,
        ),
    ]
    return [column for column in columns if any(column.cells)]


def _age(one: PartitionStatus) -> str:
    if one.oldest_age_s is None:
        return "" if one.lag == 0 else "?"
    return formatting.glance(max(one.oldest_age_s, 0.0))

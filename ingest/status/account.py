"""The final account as one JSON object and as a table."""

import textwrap
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from rich import box
from rich.table import Table

from ingest.accounting.run_account import PartitionAccount, RunAccount, Totals
from ingest.status import formatting

# Shown where there are any, as most runs have none.
_SELDOM = ("tombstones", "filtered")
_NARROWEST = 6  # of a column whose name is folded


def as_json(account: RunAccount, at: datetime) -> dict[str, Any]:
    """The account as one JSON object, whose `event` is `account`. Its names are an interface."""
    return {
        "time": at.astimezone(UTC).isoformat(timespec="milliseconds"),
        "event": "account",
        "level": "info" if account.exit_code == 0 else "error",
        "topic": account.topic,
        "group": account.group,
        "exit_code": account.exit_code,
        "ran_s": account.ran_s,
        "crashes": account.crashes,
        "exact": account.exact,
        "totals": _totals(account.totals),
        "partitions": [_partition(row) for row in account.partitions],
    }


def _totals(totals: Totals) -> dict[str, int]:
    return {
        "consumed": totals.consumed,
        **asdict(totals.counts),
        "duplicates_possible": totals.duplicates_possible,
        "lag": totals.lag,
    }


def _partition(row: PartitionAccount) -> dict[str, Any]:
    return {
        "partition": row.partition,
        **_totals(row.totals),
        "next_offset": row.next_offset,
        "end_offset": row.end_offset,
        "possible_duplicates": [
            {"first": span.first, "next_offset": span.next_offset, "count": span.count}
            for span in row.possible_duplicates
        ],
    }


def as_table(account: RunAccount, width: int) -> Table:
    """The account for a terminal of `width` characters."""
    title = f"{account.topic} (group {account.group}), {formatting.seconds(account.ran_s)}"
    seldom = [name for name in _SELDOM if getattr(account.totals.counts, name)]
    outcomes = ("consumed", "acknowledged", "dead-lettered", *seldom)
    names = ("partition", *outcomes, "duplicates possible", "committed", "end", "lag")
    rows = [
        (
            str(row.partition),
            *_outcomes(row.totals, seldom),
            "-" if row.next_offset is None else str(row.next_offset),
            str(row.end_offset) if row.end_offset >= 0 else "?",
            formatting.count(row.lag),
        )
        for row in account.partitions
    ]
    every = ("all", *_outcomes(account.totals, seldom), "", "", formatting.count(account.totals.lag))
    numbers = [max(len(row[index]) for row in (*rows, every)) for index in range(len(names))]
    widths = _widths([max(number, len(name)) for number, name in zip(numbers, names, strict=True)], numbers, width)
    names = tuple("\n".join(textwrap.wrap(name, wide)) for name, wide in zip(names, widths, strict=True))
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=0)
    for name in names:
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    table.add_section()
    table.add_row(*every)
    if not account.exact:
        table.caption = "Kafka can't be asked, or has lost offsets: these figures are the workers' last reports"
    return table


def _outcomes(totals: Totals, seldom: Sequence[str]) -> list[str]:
    counts = totals.counts
    numbers = (
        totals.consumed,
        counts.acknowledged,
        counts.dead_lettered,
        *(getattr(counts, name) for name in seldom),
        totals.duplicates_possible,
    )
    return [formatting.count(number) for number in numbers]


def _widths(names: Sequence[int], numbers: Sequence[int], most: int) -> list[int]:
    """The width of each column: that of its name, less if all together are wider than `most`, but never the number's.

    The names are folded then, the widest one first.
    """
    widths = list(names)
    while sum(widths) + len(widths) + 1 > most:
        foldable = [index for index, number in enumerate(numbers) if widths[index] > max(number, _NARROWEST)]
        if not foldable:
            break
        widths[max(foldable, key=widths.__getitem__)] -= 1
    return widths

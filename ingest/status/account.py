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
    return {"time": at.astimezone(UTC).isoformat(timespec="milliseconds"), "event": "account", **as_fields(account)}


def level(account: RunAccount) -> str:
    """The level of the account's line."""
    return "info" if account.exit_code == 0 else "error"


def as_sentence(account: RunAccount) -> str:
    """The account in one sentence, for its line in JSON."""
    counts = account.totals.counts
    return (
        f"account of {account.topic} after {formatting.seconds(account.ran_s)}: exit code {account.exit_code}, "
        f"{formatting.amount(account.totals.consumed, 'message')} consumed, "
        f"{formatting.count(counts.acknowledged)} acknowledged, {formatting.count(counts.dead_lettered)} dead-lettered"
    )


def as_fields(account: RunAccount) -> dict[str, Any]:
    """The fields of the account, without time and name."""
    return {
        "level": level(account),
        "topic": account.topic,
        "group": account.group,
        "exit_code": account.exit_code,
        "ran_s": account.ran_s,
        "crashes": account.crashes,
        "exact": account.exact,
        "totals": _totals(account.totals),
        "partitions": [_partition(row) for row in account.partitions],
    }


def _totals(totals: Totals) -> dict[str, int | None]:
    return {
        "consumed": totals.consumed,
        **asdict(totals.counts),
        "duplicates_possible": totals.duplicates_possible,
        "lag": totals.lag,
        "held_back": totals.held_back,
    }


def _partition(row: PartitionAccount) -> dict[str, Any]:
    return {
        "partition": row.partition,
        **_totals(row.totals),
        "next_offset": row.next_offset,
        "end_offset": row.end_offset,
        "stable_offset": row.stable_offset,
        "foreign_commit": row.foreign_commit,
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
    held_back = account.totals.held_back != 0
    names = ("partition", *outcomes, "repeated by crashes", "committed", "end", "lag")
    if held_back:
        names = (*names, "held back")
    rows = [
        (
            str(row.partition),
            *_outcomes(row.totals, seldom),
            "-" if row.next_offset is None else str(row.next_offset),
            str(row.end_offset) if row.end_offset >= 0 else "?",
            _lag(row.lag),
            *([_lag(row.held_back)] if held_back else []),
        )
        for row in account.partitions
    ]
    totals = account.totals
    every = ("all", *_outcomes(totals, seldom), "", "", _lag(totals.lag))
    if held_back:
        every = (*every, _lag(totals.held_back))
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
    notes = ["repeated by crashes: at most, and only those of this run's own workers"]
    if foreign := [row.partition for row in account.partitions if row.foreign_commit]:
        notes.append(
            f"the committed offsets of partitions {formatting.partitions(foreign)} are not those of this run: their "
            "figures are the workers' last reports, without what others delivered"
        )
    elif not account.exact:
        notes.append("Kafka can't be asked, or has lost offsets: these figures are the workers' last reports")
    if account.totals.held_back:
        notes.append(f"{formatting.count(account.totals.held_back)} offsets of the lag are behind open transactions")
    table.caption = "; ".join(notes)
    return table


def _lag(lag: int | None) -> str:
    return "?" if lag is None else formatting.count(lag)


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

"""The final account as one JSON object and as a table."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from rich.table import Table

from ingest.accounting.run_account import PartitionAccount, RunAccount, Totals
from ingest.status import formatting

_COLUMNS = (
    "partition",
    "consumed",
    "acknowledged",
    "dead-lettered",
    "repeated by crashes",
    "committed",
    "end",
    "lag",
    "held back",
)


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


def as_table(account: RunAccount) -> Table:
    """The account for a terminal."""
    title = f"{account.topic} (group {account.group}), {formatting.seconds(account.ran_s)}"
    table = Table(title=title, title_justify="left")
    for name in _COLUMNS:
        table.add_column(name, justify="right")
    for row in account.partitions:
        committed = "-" if row.next_offset is None else str(row.next_offset)
        end = str(row.end_offset) if row.end_offset >= 0 else "?"
        _add_row(table, str(row.partition), row.totals, committed=committed, end=end)
    table.add_section()
    _add_row(table, "all", account.totals)
    notes = ["repeated by crashes: at most, and only those of this run's own workers"]
    if foreign := [row.partition for row in account.partitions if row.foreign_commit]:
        notes.append(
            f"the committed offsets of partitions {formatting.partitions(foreign)} are not those of this run: their "
            "figures are the workers' last reports, without what others delivered"
        )
    elif not account.exact:
        notes.append("Kafka can't be asked: these figures are the workers' last reports")
    if account.totals.held_back:
        notes.append(f"{formatting.count(account.totals.held_back)} offsets of the lag are behind open transactions")
    table.caption = "; ".join(notes)
    return table


def _add_row(table: Table, name: str, totals: Totals, *, committed: str = "", end: str = "") -> None:
    table.add_row(
        name,
        formatting.count(totals.consumed),
        formatting.count(totals.counts.acknowledged),
        formatting.count(totals.counts.dead_lettered),
        formatting.count(totals.duplicates_possible),
        committed,
        end,
        "?" if totals.lag is None else formatting.count(totals.lag),
        "?" if totals.held_back is None else formatting.count(totals.held_back),
    )

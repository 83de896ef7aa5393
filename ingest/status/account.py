"""The final account: what became of each partition, as values, as a table and as one JSON object.

For every partition: consumed = read by the workers (what a restart read again counts again), acknowledged and
dead-lettered = settled in this run, duplicates possible = messages that may have reached Arize twice because a
worker was killed between sending and committing (in JSON with their ranges of offsets), lag = what is left between the
committed offset and the end.
"""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from rich.table import Table

from ingest.status import formatting


@dataclass(frozen=True, slots=True)
class PossibleDuplicates:
    """At most `count` messages, all of them at offsets from `first` to before `next_offset`."""

    first: int
    next_offset: int
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionAccount:
    """One partition. Counts are of messages of this run; `next_offset` is None if nothing was ever committed."""

    partition: int
    consumed: int
    acknowledged: int
    dead_lettered: int
    tombstones: int
    filtered: int
    duplicates_possible: int
    next_offset: int | None
    end_offset: int
    lag: int
    possible_duplicates: tuple[PossibleDuplicates, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """The sums over all partitions."""

    consumed: int
    acknowledged: int
    dead_lettered: int
    tombstones: int
    filtered: int
    duplicates_possible: int
    lag: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunAccount:
    """The whole run. `exact` is False if the workers' last word stands: Kafka can't be asked, or has lost offsets."""

    topic: str
    group: str
    exit_code: int
    ran_s: float
    crashes: int
    exact: bool
    partitions: tuple[PartitionAccount, ...]

    @property
    def totals(self) -> Totals:
        """The sums over all partitions."""
        return Totals(
            consumed=sum(row.consumed for row in self.partitions),
            acknowledged=sum(row.acknowledged for row in self.partitions),
            dead_lettered=sum(row.dead_lettered for row in self.partitions),
            tombstones=sum(row.tombstones for row in self.partitions),
            filtered=sum(row.filtered for row in self.partitions),
            duplicates_possible=sum(row.duplicates_possible for row in self.partitions),
            lag=sum(row.lag for row in self.partitions),
        )


def as_json(account: RunAccount, at: datetime) -> dict[str, Any]:
    """The account as one JSON object, `event` is `account`; the names are stable."""
    fields = asdict(account)
    rows = fields.pop("partitions")
    return {
        "time": at.astimezone(UTC).isoformat(timespec="milliseconds"),
        "event": "account",
        "level": "info" if account.exit_code == 0 else "error",
        **fields,
        "totals": asdict(account.totals),
        "partitions": list(rows),
    }


def as_table(account: RunAccount) -> Table:
    """The account for a terminal."""
    table = Table(
        title=f"{account.topic} (group {account.group}), {formatting.seconds(account.ran_s)}", title_justify="left"
    )
    for name in (
        "partition",
        "consumed",
        "acknowledged",
        "dead-lettered",
        "duplicates possible",
        "committed",
        "end",
        "lag",
    ):
        table.add_column(name, justify="right")
    for row in account.partitions:
        table.add_row(
            str(row.partition),
            formatting.count(row.consumed),
            formatting.count(row.acknowledged),
            formatting.count(row.dead_lettered),
            formatting.count(row.duplicates_possible),
            "-" if row.next_offset is None else str(row.next_offset),
            str(row.end_offset) if row.end_offset >= 0 else "?",
            formatting.count(row.lag),
        )
    sums = account.totals
    table.add_section()
    table.add_row(
        "all",
        formatting.count(sums.consumed),
        formatting.count(sums.acknowledged),
        formatting.count(sums.dead_lettered),
        formatting.count(sums.duplicates_possible),
        "",
        "",
        formatting.count(sums.lag),
    )
    if not account.exact:
        table.caption = "Kafka can't be asked, or has lost offsets: these are the workers' last words"
    return table

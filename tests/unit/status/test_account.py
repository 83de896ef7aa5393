"""The final account as a table: every message of the run is in one of its columns."""

import io

import pytest
from rich.console import Console

from ingest.accounting.run_account import PartitionAccount, RunAccount
from ingest.records import Counts
from ingest.status.account import as_table


def table(counts: Counts, width: int = 80) -> str:
    row = PartitionAccount(
        partition=31, consumed=counts.total, counts=counts, next_offset=counts.total, end_offset=counts.total, lag=0
    )
    account = RunAccount(
        topic="predictions", group="g", exit_code=0, ran_s=1.0, crashes=0, exact=True, partitions=(row,)
    )
    stream = io.StringIO()
    Console(file=stream, width=width).print(as_table(account, width))
    return stream.getvalue()


@pytest.mark.parametrize(
    ("counts", "shown", "hidden"),
    [
        (Counts(5, 2), (), ("tombst", "filter")),
        (Counts(5, 2, tombstones=3), ("tombst",), ("filter",)),
        (Counts(5, 2, filtered=4), ("filter",), ("tombst",)),
        (Counts(5, 2, 3, 4), ("tombst", "filter"), ()),
    ],
)
def test_filtered_messages_and_tombstones_have_columns_where_there_are_any(
    counts: Counts, shown: tuple[str, ...], hidden: tuple[str, ...]
) -> None:
    text = table(counts, width=160)
    assert [name in text for name in (*shown, *hidden)] == [True] * len(shown) + [False] * len(hidden)
    cells = next(line for line in text.splitlines() if line.strip().startswith("31")).split()
    assert cells[1:4] == [str(counts.total), "5", "2"]
    assert cells[4 : 4 + len(shown)] == [str(number) for number in (counts.tombstones, counts.filtered) if number]


def test_a_table_with_all_columns_fits_80_columns_with_its_numbers_whole() -> None:
    text = table(Counts(1_234_567, 12_345, 23_456, 34_567))
    assert all(len(line) <= 80 for line in text.splitlines())
    for number in ("1,304,935", "1,234,567", "12,345", "23,456", "34,567"):
        assert number in text, text

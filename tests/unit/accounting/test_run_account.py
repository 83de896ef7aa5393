"""The totals of a run are the sums over its partitions."""

from dataclasses import asdict, fields

from ingest.accounting.run_account import PartitionAccount, RunAccount, Totals
from ingest.records import Counts, Span


def partition(number: int) -> PartitionAccount:
    return PartitionAccount(
        partition=number,
        consumed=10 * number,
        counts=Counts(*(range(number, number + len(fields(Counts))))),
        next_offset=7,
        end_offset=9,
        lag=2,
        possible_duplicates=(Span(number, 0, 5, 3), Span(number, 7, 9, 1)),
    )


def test_the_totals_of_a_partition_count_its_possible_duplicates() -> None:
    assert partition(1).totals == Totals(consumed=10, counts=partition(1).counts, duplicates_possible=4, lag=2)


def test_the_totals_of_a_run_are_sums_field_by_field() -> None:
    partitions = (partition(1), partition(2), partition(3))
    run = RunAccount(topic="rides", group="g", exit_code=0, ran_s=1.0, crashes=0, exact=True, partitions=partitions)
    assert (run.totals.consumed, run.totals.duplicates_possible, run.totals.lag) == (60, 12, 6)
    for name, count in asdict(run.totals.counts).items():
        assert count == sum(getattr(each.counts, name) for each in partitions), name


def test_the_totals_of_a_run_without_partitions_are_zero() -> None:
    run = RunAccount(topic="rides", group="g", exit_code=0, ran_s=1.0, crashes=0, exact=True, partitions=())
    assert run.totals == Totals()

"""The age of the oldest uncommitted message is never too young."""

from ingest.pipeline.offsets.oldest import MOST, OldestMessages


def test_a_commit_within_a_chunk_leaves_the_chunks_first_timestamp() -> None:
    oldest = OldestMessages()
    oldest.add(0, 100, 1_000)
    oldest.add(0, 200, 2_000)
    assert oldest.timestamp_ms(0, 100, 300) == 1_000
    assert oldest.timestamp_ms(0, 150, 300) == 1_000
    assert oldest.timestamp_ms(0, 200, 300) == 2_000


def test_what_is_committed_has_no_age() -> None:
    oldest = OldestMessages()
    assert oldest.timestamp_ms(0, 100, 100) is None
    oldest.add(0, 100, 1_000)
    assert oldest.timestamp_ms(0, 200, 200) is None
    oldest.add(0, 200, 2_000)
    assert oldest.timestamp_ms(0, 200, 300) == 2_000
    assert oldest.timestamp_ms(1, 0, 9) is None


def test_a_message_without_a_timestamp_has_none() -> None:
    oldest = OldestMessages()
    oldest.add(0, 100, None)
    assert oldest.timestamp_ms(0, 100, 200) is None


def test_a_commit_that_stands_still_for_days_takes_bounded_memory_and_keeps_the_oldest() -> None:
    oldest = OldestMessages()
    for chunk in range(10 * MOST):
        oldest.add(0, chunk * 10, chunk + 1)
    assert oldest.known()[0] <= MOST
    assert oldest.timestamp_ms(0, 0, 10**9) == 1
    later = oldest.timestamp_ms(0, 50_000, 10**9)
    assert later is not None
    assert later <= 5_001

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from ingest.pipeline.offsets.checkpoint import MAX_METADATA_BYTES, Checkpoint, SettledRange, decode, encode, fits
from ingest.pipeline.offsets.committer import Committer, refresh_s
from ingest.records import Counts

COUNTS = st.integers(0, 2**63 - 1)


def counts() -> st.SearchStrategy[Counts]:
    some = st.integers(0, 9) | COUNTS
    return st.builds(Counts, some, some, some, some)


@st.composite
def watermarks(draw: st.DrawFn, max_ranges: int = 12) -> Checkpoint:
    next_offset = draw(COUNTS)
    ranges = []
    end = next_offset
    for _ in range(draw(st.integers(0, max_ranges))):
        first = end + draw(st.integers(0, 10**6))
        end = first + draw(st.integers(1, 10**6))
        ranges.append(SettledRange(first, end, draw(counts()), draw(st.frozensets(st.integers(0, 40), max_size=3))))
    return Checkpoint(next_offset, draw(counts()), tuple(ranges), draw(st.sampled_from(["", "a1b2"])))


@given(watermarks())
def test_what_fits_comes_back_as_it_was(mark: Checkpoint) -> None:
    text = encode(mark)
    assert text.isascii()
    assert decode(mark.next_offset, text) == mark


@given(watermarks(), st.integers(0, 400))
def test_what_does_not_fit_is_forgotten_from_the_far_end(mark: Checkpoint, more: int) -> None:
    end = mark.ranges[-1].next_offset if mark.ranges else mark.next_offset
    far = tuple(SettledRange(end + 30 * n + 1, end + 30 * n + 21, Counts(20 - (n % 20), n % 20)) for n in range(more))
    long = Checkpoint(mark.next_offset, mark.counts, mark.ranges + far, mark.routes)
    text = encode(long)
    assert len(text.encode()) <= MAX_METADATA_BYTES
    found = decode(long.next_offset, text)
    assert (found.next_offset, found.counts, found.routes) == (long.next_offset, long.counts, long.routes)
    assert fits(long) == (found == long)
    assert found.ranges == long.ranges[: len(found.ranges)]
    if len(found.ranges) < len(long.ranges):
        assert len(text) > MAX_METADATA_BYTES - 100, "there was room for more"


def test_the_largest_numbers_fit() -> None:
    most = 2**63 - 1
    all_of_it = Counts(most, most, most, most)
    ranges = tuple(SettledRange(most - 40 + n, most - 39 + n, all_of_it, frozenset({63})) for n in range(20))
    mark = Checkpoint(0, all_of_it, ranges, "0123456789abcdef")
    assert decode(0, encode(mark)) == mark
    assert fits(mark)


@given(st.text(max_size=60) | st.from_regex(r"ingest/[0-9] [-0-9 +:]{0,40}", fullmatch=True) | st.none())
def test_no_metadata_moves_the_offset_or_stops_a_start(metadata: str | None) -> None:
    found = decode(42, metadata)
    assert found.next_offset == 42
    assert decode(42, encode(found)) == found
    if not (metadata or "").startswith(("ingest/1 ", "ingest/2 ")):
        assert found == Checkpoint(42)


def test_damaged_metadata_of_our_own_is_foreign() -> None:
    for text in (
        "",
        "ingest/3 1 2",
        "ingest/1 1",
        "ingest/1 1 2 ",
        " ingest/1 1 2",
        "ingest/1 1 2\n",
        "ingest/1 -1 2",
        "ingest/1 1 2 3",
        "ingest/1 1 2 3+4",
        "ingest/1 1 2 -3+4:1:0",
        "ingest/1 1 2 3+0:0:0",  # an empty range
        "ingest/1 1 2 3+4:1:2",  # more dead letters than messages
        "ingest/2 1:2 ",
        "ingest/2 1:2:3:4:5",
        "ingest/2 1:2 routes=",
        "ingest/2 1:2 3+4:1 routes=a",
        "ingest/2 1:2 3+0:1",
        "ingest/2 1:2 3+4:1/",
    ):
        assert decode(7, text) == Checkpoint(7), text


def test_what_former_and_later_versions_wrote_is_read() -> None:
    assert decode(7, "ingest/1 1 2") == Checkpoint(7, Counts(1, 2))
    assert decode(7, "ingest/1 1 2 3+4:4:1") == Checkpoint(7, Counts(1, 2), (SettledRange(10, 14, Counts(3, 1)),))
    assert decode(7, "ingest/2 1:0:3 later=x-Y_1 routes=ab") == Checkpoint(7, Counts(1, 0, 3), (), "ab")


def test_the_topic_rides_in_the_metadata() -> None:
    mark = Checkpoint(7, Counts(1), (SettledRange(9, 11, Counts(2)),), "ab", "-6yNUIRErQWaqNLVrSCY_w", 32)
    assert encode(mark) == "ingest/2 1 routes=ab topic=-6yNUIRErQWaqNLVrSCY_w of=32 2+2:2"
    assert decode(7, encode(mark)) == mark
    assert decode(7, "ingest/2 1 topic=a of=many") == Checkpoint(7, Counts(1), topic_id="a")


# --- when -----------------------------------------------------------------------------------------

ONE, TWO = Checkpoint(1, Counts(1)), Checkpoint(2, Counts(2))


def sent(committer: Committer, watermarks: dict[int, Checkpoint], now: float) -> None:
    assert committer.prepare(watermarks, now)
    assert committer.send(now) == watermarks


def test_one_commit_at_a_time_and_no_more_often_than_asked() -> None:
    committer = Committer(interval_s=1.0)
    assert committer.may_commit(100.0, leaving=False)
    sent(committer, {0: ONE}, 100.0)
    assert committer._outstanding
    assert not committer.may_commit(105.0, leaving=False)
    assert not committer.may_commit(105.0, leaving=True)
    assert committer.answered({0: (1, "")}, 0.0) == {0: 1}
    assert not committer.outstanding
    assert not committer.may_commit(100.9, leaving=False)
    assert committer.may_commit(101.0, leaving=False)
    assert committer.may_commit(100.1, leaving=True)


def test_an_answer_that_never_comes_is_given_up() -> None:
    committer = Committer(interval_s=1.0, answer_s=30.0)
    sent(committer, {0: ONE}, 0.0)
    assert not committer.may_commit(29.9, leaving=False)
    assert committer.may_commit(30.0, leaving=False)


def test_only_what_kafka_confirmed_is_stored() -> None:
    committer = Committer(interval_s=1.0)
    sent(committer, {0: ONE, 1: ONE}, 0.0)
    assert committer.answered({0: (1, "")}, 0.0) == {0: 1}
    assert committer.moved({0: ONE, 1: ONE}) == {1: ONE}
    assert committer.stored(1) is None
    sent(committer, {1: TWO}, 1.0)
    assert committer.answered({}, 0.0) == {}
    assert committer.moved({0: ONE, 1: TWO}) == {1: TWO}


def test_the_answer_to_another_commit_confirms_nothing() -> None:
    committer = Committer(interval_s=1.0)
    sent(committer, {0: ONE}, 0.0)
    sent(committer, {0: TWO}, 30.0)
    assert committer.answered({0: (1, ""), 5: (9, "")}, 0.0) == {}
    assert committer.stored(0) is None
    assert committer.moved({0: TWO}) == {0: TWO}


def test_the_late_answer_to_a_commit_that_was_given_up_confirms_no_other_of_the_same_offset() -> None:
    committer = Committer(interval_s=1.0)
    more = Checkpoint(1, Counts(1), (SettledRange(5, 6, Counts(1)),))
    sent(committer, {0: ONE}, 0.0)
    sent(committer, {0: more}, 30.0)
    assert committer.answered({0: (1, encode(ONE))}, 0.0) == {}
    assert committer.moved({0: more}) == {0: more}
    sent(committer, {0: more}, 31.0)
    assert committer.answered({0: (1, encode(more))}, 0.0) == {0: 1}
    assert committer.stored(0) == more


def test_what_moved_is_offset_counts_or_ranges() -> None:
    committer = Committer(interval_s=1.0)
    committer.found(0, ONE, 0.0)
    assert committer.moved({0: ONE}) == {}
    assert committer.moved({0: TWO}) == {0: TWO}
    ahead = Checkpoint(1, Counts(1), (SettledRange(5, 6, Counts(1)),))
    assert committer.moved({0: ahead}) == {0: ahead}
    assert committer.stored(0) == ONE


def test_a_start_is_committed_even_before_anything_is_read() -> None:
    start = Checkpoint(0)
    assert Committer(interval_s=1.0).moved({0: start}) == {0: start}


def test_half_of_the_batches_hurry_a_commit_and_all_of_them_hold_back_what_is_to_be_sent() -> None:
    committer = Committer(interval_s=1.0, most_batches=8)
    sent(committer, {0: Checkpoint(10)}, 0.0)
    committer.answered({0: (10, "")}, 0.0)
    for _ in range(3):
        committer.acknowledged()
    assert not committer.may_commit(0.5, leaving=False)
    committer.acknowledged()
    assert committer.may_commit(0.5, leaving=False)
    assert not committer.behind
    sent(committer, {0: Checkpoint(20)}, 0.5)
    behind = []
    for _ in range(4):
        committer.acknowledged()
        behind.append(committer.behind)
    assert behind == [False, False, False, True], "what the commit on its way holds is not confirmed yet"
    committer.answered({0: (20, "")}, 0.0)
    assert [committer.behind, committer.may_commit(0.6, leaving=False)] == [False, True]


def test_a_refused_commit_is_tried_again_no_sooner_than_asked_however_many_wait() -> None:
    committer = Committer(interval_s=1.0, most_batches=2)
    committer.acknowledged()
    sent(committer, {0: Checkpoint(10)}, 0.0)
    committer.answered({}, 0.0)
    committer.acknowledged()
    assert committer.behind
    assert not committer.may_commit(0.5, leaving=False)
    assert committer.may_commit(1.0, leaving=False)


# --- what Kafka would forget ----------------------------------------------------------------------


def test_what_does_not_move_is_written_again_in_time() -> None:
    committer = Committer(interval_s=1.0, refresh_s=600.0)
    sent(committer, {0: ONE, 1: ONE}, 0.0)
    committer.answered({0: (1, ""), 1: (1, "")}, 2.0)
    assert not committer.prepare({0: ONE, 1: ONE}, 601.9)
    sent(committer, {1: TWO}, 300.0)
    committer.answered({1: (2, "")}, 301.0)
    assert committer.prepare({0: ONE, 1: TWO}, 602.0)
    assert committer.send(602.0) == {0: ONE}
    assert committer.answered({0: (1, "")}, 603.0) == {0: 1}
    assert not committer.prepare({0: ONE, 1: TWO}, 900.9)


def test_a_refused_refresh_is_tried_again() -> None:
    committer = Committer(interval_s=1.0, refresh_s=600.0)
    committer.found(0, ONE, 0.0)
    assert committer.prepare({0: ONE}, 600.0)
    committer.send(600.0)
    assert committer.answered({}, 600.1) == {}
    assert committer.may_commit(601.0, leaving=False)
    assert committer.prepare({0: ONE}, 601.0)


def test_what_was_found_is_written_again_soon_as_nobody_knows_its_age() -> None:
    committer = Committer(interval_s=1.0)
    committer.found(0, ONE, 100.0)
    assert not committer.prepare({0: ONE}, 104.0)
    assert committer.prepare({0: ONE}, 105.0)


def test_a_refresh_holds_up_nobody_who_leaves() -> None:
    committer = Committer(interval_s=1.0, refresh_s=600.0)
    committer.found(0, ONE, 0.0)
    assert committer.moved({0: ONE}) == {}


def test_the_topic_alone_is_no_reason_to_commit() -> None:
    committer = Committer(interval_s=1.0)
    committer.found(0, ONE, 0.0)
    now = replace(ONE, topic_id="a", topic_partitions=4)
    assert committer.moved({0: now}) == {}
    assert committer.prepare({0: now}, 5.0)
    assert committer.send(5.0) == {0: now}


def test_how_often_follows_from_how_long_kafka_keeps_an_offset() -> None:
    assert refresh_s(None) == 3600.0
    assert refresh_s(7 * 86400.0) == 3600.0
    assert refresh_s(60.0) == 10.0


def test_while_a_commit_waits_for_its_proof_no_other_is_prepared_and_batches_count_for_the_next() -> None:
    committer = Committer(interval_s=1.0, most_batches=2)
    committer.acknowledged()
    assert committer.prepare({0: ONE}, 0.0)
    assert committer.outstanding
    assert not committer.may_commit(100.0, leaving=True)
    committer.acknowledged()
    committer.send(100.0)
    committer.answered({0: (1, "")}, 100.1)
    assert not committer.behind
    committer.acknowledged()
    assert committer.behind, "the second batch came after the watermarks were taken"


def test_a_late_answer_to_a_commit_that_was_given_up_takes_only_its_own_batches() -> None:
    committer = Committer(interval_s=1.0, most_batches=2)
    committer.acknowledged()
    sent(committer, {0: ONE}, 0.0)
    committer.acknowledged()
    assert committer.prepare({0: TWO}, 31.0)
    committer.answered({0: (1, "")}, 31.1)
    committer.acknowledged()
    assert committer.behind, "the prepared commit holds one of the two that wait"
    committer.send(31.2)
    committer.answered({0: (2, "")}, 31.3)
    assert not committer.behind


def test_what_is_to_be_said_of_the_topic_is_said_with_the_next_commit() -> None:
    committer = Committer(interval_s=1.0)
    committer.found(0, ONE, 0.0)
    committer.refresh(1.0)
    assert committer.prepare({0: ONE}, 1.0)

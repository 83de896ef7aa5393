"""When a commit is due, which partitions it names, and what its answer confirms."""

from dataclasses import replace

import pytest

from ingest.pipeline.offsets.checkpoint import MAX_METADATA_BYTES, Checkpoint, SettledRange, encode
from ingest.pipeline.offsets.committer import Committer, refresh_s
from ingest.records import Counts

ONE, TWO = Checkpoint(1, Counts(1)), Checkpoint(2, Counts(2))


def sent(committer: Committer, checkpoints: dict[int, Checkpoint], now: float) -> None:
    assert committer.prepare_commit(checkpoints, now)
    assert committer.send_prepared(now) == checkpoints


def test_one_commit_at_a_time_and_no_more_often_than_asked() -> None:
    committer = Committer(interval_s=1.0)
    assert committer.may_commit(100.0, stopping=False)
    sent(committer, {0: ONE}, 100.0)
    assert committer._outstanding
    assert not committer.may_commit(105.0, stopping=False)
    assert not committer.may_commit(105.0, stopping=True)
    assert committer.handle_answer({0: (1, "")}, 0.0) == {0: 1}
    assert not committer.outstanding
    assert not committer.may_commit(100.9, stopping=False)
    assert committer.may_commit(101.0, stopping=False)
    assert committer.may_commit(100.1, stopping=True)


def test_an_answer_that_never_comes_is_given_up() -> None:
    committer = Committer(interval_s=1.0, answer_s=30.0)
    sent(committer, {0: ONE}, 0.0)
    assert not committer.may_commit(29.9, stopping=False)
    assert committer.may_commit(30.0, stopping=False)


def test_only_what_kafka_confirmed_is_stored() -> None:
    committer = Committer(interval_s=1.0)
    sent(committer, {0: ONE, 1: ONE}, 0.0)
    assert committer.handle_answer({0: (1, "")}, 0.0) == {0: 1}
    assert committer.unconfirmed({0: ONE, 1: ONE}) == {1: ONE}
    assert committer.stored(1) is None
    sent(committer, {1: TWO}, 1.0)
    assert committer.handle_answer({}, 0.0) == {}
    assert committer.unconfirmed({0: ONE, 1: TWO}) == {1: TWO}


def test_the_answer_to_another_commit_confirms_nothing() -> None:
    committer = Committer(interval_s=1.0)
    sent(committer, {0: ONE}, 0.0)
    sent(committer, {0: TWO}, 30.0)
    assert committer.handle_answer({0: (1, ""), 5: (9, "")}, 0.0) == {}
    assert committer.stored(0) is None
    assert committer.unconfirmed({0: TWO}) == {0: TWO}


def test_the_late_answer_to_a_commit_that_was_given_up_confirms_no_other_of_the_same_offset() -> None:
    committer = Committer(interval_s=1.0)
    more = Checkpoint(1, Counts(1), (SettledRange(5, 6, Counts(1)),))
    sent(committer, {0: ONE}, 0.0)
    sent(committer, {0: more}, 30.0)
    assert committer.handle_answer({0: (1, encode(ONE))}, 0.0) == {}
    assert committer.unconfirmed({0: more}) == {0: more}
    sent(committer, {0: more}, 31.0)
    assert committer.handle_answer({0: (1, encode(more))}, 0.0) == {0: 1}
    assert committer.stored(0) == more


def test_metadata_that_kafka_refuses_is_halved_down_to_none_and_then_committed() -> None:
    committer = Committer(interval_s=1.0)
    ahead = Checkpoint(1, Counts(1), tuple(SettledRange(5 * n, 5 * n + 1, Counts(1)) for n in range(1, 400)))
    now = 0.0
    tried: list[int] = []
    while committer.stored(0) is None and len(tried) < 20:
        sent(committer, {0: ahead}, now)
        tried.append(committer.metadata_bytes)
        text = encode(ahead, committer.metadata_bytes)
        if len(text) > 20:
            assert committer.handle_answer({}, now, metadata_too_large=True) == {}
        else:
            assert committer.handle_answer({0: (1, text)}, now) == {0: 1}
        now += 1.0
    assert tried == [MAX_METADATA_BYTES, 2047, 1023, 511, 255, 127, 0]
    assert committer.unconfirmed({0: ahead}) == {}


def test_a_limit_of_metadata_that_is_known_decides_whether_it_is_full() -> None:
    ahead = Checkpoint(1, Counts(1), tuple(SettledRange(5 * n, 5 * n + 1, Counts(1)) for n in range(1, 10)))
    for most_bytes, full in ((MAX_METADATA_BYTES, False), (60, True), (0, True)):
        committer = Committer(interval_s=1.0, metadata_bytes=most_bytes)
        sent(committer, {0: ahead}, 0.0)
        assert committer.metadata_full is full


def test_a_change_of_offset_counts_or_ranges_is_unconfirmed() -> None:
    committer = Committer(interval_s=1.0)
    committer.add_stored(0, ONE, 0.0)
    assert committer.unconfirmed({0: ONE}) == {}
    assert committer.unconfirmed({0: TWO}) == {0: TWO}
    ahead = Checkpoint(1, Counts(1), (SettledRange(5, 6, Counts(1)),))
    assert committer.unconfirmed({0: ahead}) == {0: ahead}
    assert committer.stored(0) == ONE


def test_a_start_is_committed_even_before_anything_is_read() -> None:
    start = Checkpoint(0)
    assert Committer(interval_s=1.0).unconfirmed({0: start}) == {0: start}


def test_half_of_the_batches_make_a_commit_urgent_and_all_of_them_reach_the_limit() -> None:
    committer = Committer(interval_s=1.0, most_batches=8)
    sent(committer, {0: Checkpoint(10)}, 0.0)
    committer.handle_answer({0: (10, "")}, 0.0)
    for _ in range(3):
        committer.batch_acknowledged()
    assert not committer.may_commit(0.5, stopping=False)
    committer.batch_acknowledged()
    assert committer.may_commit(0.5, stopping=False)
    assert not committer.batch_limit_reached
    sent(committer, {0: Checkpoint(20)}, 0.5)
    reached = []
    for _ in range(4):
        committer.batch_acknowledged()
        reached.append(committer.batch_limit_reached)
    assert reached == [False, False, False, True], "the outstanding commit is not confirmed yet"
    committer.handle_answer({0: (20, "")}, 0.0)
    assert [committer.batch_limit_reached, committer.may_commit(0.6, stopping=False)] == [False, True]


def test_a_refused_commit_is_tried_again_no_sooner_than_asked_however_many_wait() -> None:
    committer = Committer(interval_s=1.0, most_batches=2)
    committer.batch_acknowledged()
    sent(committer, {0: Checkpoint(10)}, 0.0)
    committer.handle_answer({}, 0.0)
    committer.batch_acknowledged()
    assert committer.batch_limit_reached
    assert not committer.may_commit(0.5, stopping=False)
    assert committer.may_commit(1.0, stopping=False)


# --- offsets that would expire ----------------------------------------------------------------------


def test_a_checkpoint_that_does_not_change_is_written_again_in_time() -> None:
    committer = Committer(interval_s=1.0, refresh_s=600.0)
    sent(committer, {0: ONE, 1: ONE}, 0.0)
    committer.handle_answer({0: (1, ""), 1: (1, "")}, 2.0)
    assert not committer.prepare_commit({0: ONE, 1: ONE}, 601.9)
    sent(committer, {1: TWO}, 300.0)
    committer.handle_answer({1: (2, "")}, 301.0)
    assert committer.prepare_commit({0: ONE, 1: TWO}, 602.0)
    assert committer.send_prepared(602.0) == {0: ONE}
    assert committer.handle_answer({0: (1, "")}, 603.0) == {0: 1}
    assert not committer.prepare_commit({0: ONE, 1: TWO}, 900.9)


def test_a_refused_refresh_is_tried_again() -> None:
    committer = Committer(interval_s=1.0, refresh_s=600.0)
    committer.add_stored(0, ONE, 0.0)
    assert committer.prepare_commit({0: ONE}, 600.0)
    committer.send_prepared(600.0)
    assert committer.handle_answer({}, 600.1) == {}
    assert committer.may_commit(601.0, stopping=False)
    assert committer.prepare_commit({0: ONE}, 601.0)


def test_a_checkpoint_that_was_in_kafka_before_is_written_again_soon_as_its_age_is_unknown() -> None:
    committer = Committer(interval_s=1.0)
    committer.add_stored(0, ONE, 100.0)
    assert not committer.prepare_commit({0: ONE}, 104.0)
    assert committer.prepare_commit({0: ONE}, 105.0)


def test_a_refresh_does_not_delay_a_worker_that_stops() -> None:
    committer = Committer(interval_s=1.0, refresh_s=600.0)
    committer.add_stored(0, ONE, 0.0)
    assert committer.unconfirmed({0: ONE}) == {}


def test_a_change_of_the_topic_alone_makes_no_commit_due() -> None:
    committer = Committer(interval_s=1.0)
    committer.add_stored(0, ONE, 0.0)
    now = replace(ONE, topic_id="a", topic_partitions=4)
    assert committer.unconfirmed({0: now}) == {}
    assert committer.prepare_commit({0: now}, 5.0)
    assert committer.send_prepared(5.0) == {0: now}


def test_how_often_follows_from_how_long_kafka_keeps_an_offset() -> None:
    assert refresh_s(None) == 3600.0
    assert refresh_s(7 * 86400.0) == 3600.0
    assert refresh_s(60.0) == 10.0


def test_while_a_commit_waits_for_its_proof_no_other_is_prepared_and_batches_count_for_the_next() -> None:
    committer = Committer(interval_s=1.0, most_batches=2)
    committer.batch_acknowledged()
    assert committer.prepare_commit({0: ONE}, 0.0)
    assert committer.outstanding
    assert not committer.may_commit(100.0, stopping=True)
    committer.batch_acknowledged()
    committer.send_prepared(100.0)
    committer.handle_answer({0: (1, "")}, 100.1)
    assert not committer.batch_limit_reached
    committer.batch_acknowledged()
    assert committer.batch_limit_reached, "the second batch came after the checkpoints were taken"


def test_a_late_answer_to_a_commit_that_was_given_up_takes_only_its_own_batches() -> None:
    committer = Committer(interval_s=1.0, most_batches=2)
    committer.batch_acknowledged()
    sent(committer, {0: ONE}, 0.0)
    committer.batch_acknowledged()
    assert committer.prepare_commit({0: TWO}, 31.0)
    committer.handle_answer({0: (1, "")}, 31.1)
    committer.batch_acknowledged()
    assert committer.batch_limit_reached, "the prepared commit holds one of the two that wait"
    committer.send_prepared(31.2)
    committer.handle_answer({0: (2, "")}, 31.3)
    assert not committer.batch_limit_reached


def test_a_refresh_writes_all_checkpoints_with_the_next_commit() -> None:
    committer = Committer(interval_s=1.0)
    committer.add_stored(0, ONE, 0.0)
    committer.refresh(1.0)
    assert committer.prepare_commit({0: ONE}, 1.0)


@pytest.mark.parametrize("sent_before", [True, False])
def test_a_commit_that_is_on_its_way_does_not_count_as_the_refresh(*, sent_before: bool) -> None:
    committer = Committer(interval_s=1.0)
    assert committer.prepare_commit({0: ONE}, 0.0)
    if sent_before:
        committer.send_prepared(0.1)
    committer.refresh(0.2)
    if not sent_before:
        committer.send_prepared(0.3)
    assert committer.handle_answer({0: (1, "")}, 0.4) == {0: 1}
    assert committer.prepare_commit({0: ONE}, 1.4)
    committer.send_prepared(1.5)
    committer.handle_answer({0: (1, "")}, 1.6)
    assert not committer.prepare_commit({0: ONE}, 3.0), "the second one was the refresh"


def test_the_metadata_is_full_while_a_checkpoint_has_more_ranges_than_fit() -> None:
    committer = Committer(interval_s=1.0)
    ranges = tuple(SettledRange(first, first + 1, Counts(1), frozenset({1})) for first in range(10, 10_000, 10))
    assert committer.prepare_commit({0: ONE, 1: Checkpoint(1, Counts(1), ranges)}, 0.0)
    assert committer.metadata_full
    committer.send_prepared(0.0)
    assert committer.prepare_commit({0: ONE, 1: Checkpoint(1, Counts(1), ranges[:9])}, 1.0)
    assert not committer.metadata_full

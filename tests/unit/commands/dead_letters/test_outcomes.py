"""A replayed dead letter that is several rows has one outcome, when each of its rows has an answer."""

from ingest.commands.dead_letters.outcomes import Failed, Outcomes, Settled
from ingest.reasons import Reason

BAD = Reason("type_conflict", "bad")
NO = Reason("rejected_422", "no")


def test_a_letter_is_replayed_when_its_last_row_is_acknowledged() -> None:
    outcomes = Outcomes()
    outcomes.rows(7, 3)
    outcomes.decoded([7], [])
    outcomes.acknowledged(7, 2)
    assert outcomes.settled() == Settled([], [], [])
    outcomes.acknowledged(7, 1)
    assert outcomes.settled() == Settled([7], [], [])
    assert outcomes.settled() == Settled([], [], [])


def test_nothing_is_written_before_the_chunk_is_decoded_and_each_row_answered() -> None:
    outcomes = Outcomes()
    outcomes.rows(1, 2)
    outcomes.acknowledged(1, 1)
    outcomes.refused(1, 4, NO)
    assert outcomes.settled() == Settled([], [], [])
    outcomes.decoded([1], [Failed(1, BAD, (0, 2))])
    assert outcomes.settled() == Settled([], [Failed(1, BAD, (0, 2, 4))], [])


def test_a_message_that_is_a_row_fails_as_a_whole() -> None:
    outcomes = Outcomes()
    outcomes.rows(1, 1)
    outcomes.decoded([1, 2], [Failed(2, BAD, ())])
    outcomes.refused(1, None, NO)
    assert outcomes.settled() == Settled([], [Failed(1, NO, ()), Failed(2, BAD, ())], [])


def test_the_reason_is_that_of_the_first_prediction() -> None:
    outcomes = Outcomes()
    outcomes.rows(1, 2)
    outcomes.decoded([1], [])
    outcomes.refused(1, 5, NO)
    outcomes.refused(1, 3, BAD)
    (failed,) = outcomes.settled().failed
    assert (failed.reason.code, failed.parts) == ("type_conflict", (3, 5))


def test_what_a_route_filters_is_filtered() -> None:
    outcomes = Outcomes()
    outcomes.decoded([1, 2], [])
    assert outcomes.settled() == Settled([], [], [1, 2])

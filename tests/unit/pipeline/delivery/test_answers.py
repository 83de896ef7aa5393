"""Since when Arize has not answered, and whether that is longer than usual."""

import pytest

from ingest.pipeline.delivery.answers import FAILING_S, FIRST_S, NOISE_S, SLOW, Answers, AnswerState, together


def test_a_first_upload_is_late_only_after_a_while() -> None:
    answers = Answers()
    answers.sent(10.0)
    late_at = 10.0 + answers.late_s(1_000)
    assert late_at == 10.0 + FIRST_S
    assert not answers.state(late_at, 14.9).late
    found = answers.state(late_at, 15.0)
    assert (found.late, found.unanswered_since, found.usual_s) == (True, 10.0, None)


def test_what_is_usual_decides_and_a_larger_batch_may_take_longer() -> None:
    answers = Answers()
    answers.acknowledged(1_000, 1.0)
    assert answers.late_s(1_000) == SLOW * 1.0 + NOISE_S
    assert answers.late_s(100) == SLOW * 1.0 + NOISE_S
    assert answers.late_s(8_000) == SLOW * 8.0 + NOISE_S


def test_one_slow_answer_among_several_is_not_what_is_usual() -> None:
    answers = Answers()
    answers.acknowledged(1_000, 9.0)
    for _ in range(3):
        answers.acknowledged(1_000, 0.2)
    assert answers.state(None, 0.0).usual_s == 0.2


def test_an_answer_ends_the_silence_and_a_failed_connection_does_not() -> None:
    answers = Answers()
    answers.sent(10.0)
    answers.failed("Connection refused", 10.1)
    answers.sent(11.0)
    assert answers.state(None, 12.0).unanswered_since == 10.0
    answers.answered(13.0, others_out=True)
    assert (answers.state(None, 14.0).unanswered_since, answers.state(None, 14.0).answered_at) == (13.0, 13.0)
    answers.answered(15.0, others_out=False)
    assert answers.state(None, 16.0).unanswered_since is None


def test_failures_are_late_once_they_last_and_end_with_a_batch_that_is_taken() -> None:
    answers = Answers()
    answers.failed("HTTP 503", 10.0)
    answers.failed("HTTP 500", 10.5)
    assert not answers.state(None, 10.0 + FAILING_S / 2).late
    found = answers.state(None, 10.0 + FAILING_S)
    assert (found.late, found.failing_since, found.error) == (True, 10.0, "HTTP 500")
    answers.taken()
    assert answers.state(None, 99.0) == AnswerState()


@pytest.mark.parametrize("answered_at", [None, 50.0, 70.0])
def test_routes_are_unanswered_together_only_while_none_has_an_answer(answered_at: float | None) -> None:
    silent = AnswerState(unanswered_since=60.0, late=True)
    other = AnswerState(answered_at=answered_at, usual_s=0.5, failing_since=65.0, error="HTTP 503")
    found = together([silent, other])
    assert found.unanswered_since == (70.0 if answered_at == 70.0 else 60.0)
    assert (found.late, found.usual_s, found.failing_since, found.error) == (True, 0.5, 65.0, "HTTP 503")


def test_without_a_route_nothing_is_known() -> None:
    assert together([]) == AnswerState()

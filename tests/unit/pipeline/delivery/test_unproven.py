"""A batch that gets no acknowledgement for too long is reported, not too often, and goes on being sent."""

from ingest.pipeline.delivery.unproven import EVERY_S, LASTS_S, Unproven


def test_it_is_named_when_it_has_lasted() -> None:
    unproven = Unproven()
    assert unproven.ambiguous(1, 100.0) is None
    assert unproven.ambiguous(1, 100.0 + LASTS_S - 0.1) is None
    assert unproven.ambiguous(1, 100.0 + LASTS_S) == LASTS_S


def test_it_is_named_once_in_a_while_for_all_batches() -> None:
    unproven = Unproven()
    for batch in (1, 2):
        assert unproven.ambiguous(batch, 0.0) is None
    assert unproven.ambiguous(1, 70.0) == 70.0
    assert unproven.ambiguous(1, 80.0) is None
    assert unproven.ambiguous(2, 70.0 + EVERY_S - 0.1) is None
    assert unproven.ambiguous(2, 70.0 + EVERY_S) == 70.0 + EVERY_S


def test_an_answer_that_settles_it_ends_it() -> None:
    unproven = Unproven()
    unproven.ambiguous(1, 0.0)
    unproven.settled(1)
    unproven.settled(2)
    assert unproven.ambiguous(1, 70.0) is None
    assert unproven.ambiguous(1, 131.0) == 61.0

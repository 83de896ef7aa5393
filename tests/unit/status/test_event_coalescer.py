"""Dead letters are shown immediately, then as sums; other events pass."""

from ingest.events import DeadLettersWritten, Notice
from ingest.status.event_coalescer import QUIET_S, EventCoalescer


def letters(worker: int, **reasons: int) -> DeadLettersWritten:
    return DeadLettersWritten(worker=worker, reasons=reasons, example=f"one of {sum(reasons.values())}")


def test_the_first_passes_and_the_rest_is_summed_up() -> None:
    coalescer = EventCoalescer()
    assert coalescer.take(letters(0, not_json=1), 0.0) == [letters(0, not_json=1)]
    assert coalescer.take(letters(0, not_json=2), 1.0) == []
    assert coalescer.take(letters(0, tombstone=3), 2.0) == []
    assert coalescer.take(letters(1, tombstone=1), 2.0) == [letters(1, tombstone=1)]
    assert coalescer.due(QUIET_S - 0.1) == []
    assert coalescer.due(QUIET_S) == [
        DeadLettersWritten(worker=0, reasons={"not_json": 2, "tombstone": 3}, example="one of 2")
    ]
    assert coalescer.take(letters(0, not_json=1), QUIET_S + 1) == []
    assert coalescer.rest() == [letters(0, not_json=1)]
    assert coalescer.rest() == []


def test_after_a_quiet_time_the_next_passes_immediately() -> None:
    coalescer = EventCoalescer()
    coalescer.take(letters(0, not_json=1), 0.0)
    assert coalescer.due(QUIET_S) == []
    assert coalescer.take(letters(0, not_json=1), QUIET_S + 1) == [letters(0, not_json=1)]


def test_everything_else_passes() -> None:
    assert EventCoalescer().take(Notice(text="x"), 0.0) == [Notice(text="x")]

"""Events are shown immediately, and what comes again as sums: nothing is lost in the counts."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.events import CommitFailed, Committed, DeadLettersWritten, Notice, Repeated
from ingest.status import event_coalescer
from ingest.status.event_coalescer import QUIET_S, REPEATS_S, EventCoalescer
from ingest.status.lines import sentence


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
    assert coalescer.rest(99.0) == [letters(0, not_json=1)]
    assert coalescer.rest(99.0) == []


def test_after_a_quiet_time_the_next_passes_immediately() -> None:
    coalescer = EventCoalescer()
    coalescer.take(letters(0, not_json=1), 0.0)
    assert coalescer.due(QUIET_S) == []
    assert coalescer.take(letters(0, not_json=1), QUIET_S + 1) == [letters(0, not_json=1)]


def test_the_first_of_the_same_is_shown_and_its_repeats_are_counted() -> None:
    coalescer = EventCoalescer()
    failed = CommitFailed(worker=3, error="NOT_COORDINATOR")
    text = sentence(failed)
    assert coalescer.take(failed, 0.0) == [failed], "an error or warning is never held back the first time"
    assert [coalescer.take(failed, at) for at in (1.0, 2.0, REPEATS_S - 1)] == [[], [], []]
    assert coalescer.take(CommitFailed(worker=4, error="NOT_COORDINATOR"), 3.0) != [], "that of another worker"
    assert coalescer.take(Notice(worker=3, text=text), 3.0) != [], "another event with the same words"
    assert coalescer.due(REPEATS_S - 0.1) == []
    repeated = Repeated(worker=3, level="warning", text=text, times=3, within_s=REPEATS_S)
    assert coalescer.due(REPEATS_S) == [repeated]
    assert coalescer.take(failed, REPEATS_S + 1) == [], "it goes on"
    assert coalescer.rest(REPEATS_S + 2) == [replace(repeated, times=1, within_s=2.0)]
    assert coalescer.rest(REPEATS_S + 2) == []


def test_what_did_not_come_again_is_forgotten_and_passes_the_next_time() -> None:
    coalescer = EventCoalescer()
    assert coalescer.take(Notice(text="x"), 0.0) == [Notice(text="x")]
    assert coalescer.due(REPEATS_S) == []
    assert coalescer.take(Notice(text="x"), REPEATS_S + 1) == [Notice(text="x")]
    assert coalescer.take(Notice(text="x"), 2 * REPEATS_S + 1) == [Notice(text="x")], "without a call of due"


def test_debug_events_are_not_folded() -> None:
    coalescer = EventCoalescer()
    committed = Committed(worker=0, next_offsets={0: 9})
    assert [coalescer.take(committed, 0.0) for _ in range(2)] == [[committed], [committed]]


@given(st.lists(st.tuples(st.integers(0, 6), st.floats(0, 20)), max_size=60), st.integers(1, 3))
def test_no_repeat_is_lost(steps: list[tuple[int, float]], most: int) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(event_coalescer, "MOST_SENTENCES", most)
        coalescer, shown, now = EventCoalescer(), [], 0.0
        for name, after_s in steps:
            now += after_s
            shown += coalescer.due(now) + coalescer.take(Notice(text=str(name)), now)
        shown += coalescer.rest(now)
    counts = Counter[str]()
    for event in shown:
        assert isinstance(event, Notice | Repeated)
        counts[event.text] += event.times if isinstance(event, Repeated) else 1
    assert counts == Counter(str(name) for name, _ in steps)

"""An hour of samples, and the last events."""

from ingest.status.history import EVERY_S, MOST_EVENTS, SAMPLES, EventRing, HistoryRing
from ingest.status.snapshot import LogLine, Totals


def test_a_sample_is_taken_every_ten_seconds_and_an_hour_of_them_is_kept() -> None:
    ring = HistoryRing()
    first = ring.take(Totals(read_per_s=0.0), 0.0)
    assert ring.take(Totals(read_per_s=5.0), EVERY_S - 0.1) is first
    for step in range(1, SAMPLES + 10):
        ring.take(Totals(read_per_s=float(step), dead_lettered=step), step * EVERY_S + 0.3)
    history = ring.take(Totals(), (SAMPLES + 9) * EVERY_S + 0.4)
    assert len(history.read_per_s) == len(history.restarts) == SAMPLES
    assert history.dead_lettered[-1] == SAMPLES + 9
    assert history.oldest_age_s[0] is None


def test_time_in_which_nobody_sampled_is_not_known() -> None:
    ring = HistoryRing()
    ring.take(Totals(read_per_s=1.0, dead_lettered=3), 0.0)
    history = ring.take(Totals(read_per_s=2.0, dead_lettered=4), 4 * EVERY_S)
    assert history.read_per_s == (1.0, None, None, None, 2.0)
    assert history.dead_lettered == (3, 3, 3, 3, 4)
    assert len(ring.take(Totals(), 10_000 * EVERY_S).read_per_s) == SAMPLES


def test_the_last_events_are_kept() -> None:
    ring = EventRing()
    assert ring.lines() == ()
    for number in range(MOST_EVENTS + 5):
        ring.add(LogLine(at=float(number), level="info", event="notice", worker=None, text=str(number)))
    assert [line.text for line in ring.lines()][:: MOST_EVENTS - 1] == ["5", str(MOST_EVENTS + 4)]
    assert ring.lines() is ring.lines()

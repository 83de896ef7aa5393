"""From produce to acknowledgement: an event's time by load, endpoint and linger; and how fast a worker catches up.

1. An event's time runs from its timestamp in Kafka (the producer's clock, as it hands it over) to the moment its upload
   is durable at the endpoint, directly before the answer. All of it is on one machine, so the clock is the same.
2. What one worker carries is measured first, in a closed loop: the producer has a fixed number of events under way, and
   so runs as fast as the worker does. Producer, broker, worker and endpoint share the machine's cores: half and 90% are
   of that rate. The producer's events are rendered beforehand, so that it takes little.
3. A case has one rate and one endpoint. The first seconds are left out, the rest is drained, and every event must be
   stored exactly once before the next case begins.
4. A worker has caught up when no event is open that was produced more than `linger_s` and a second ago: it then is
   where it would be had it never been away. New events go on arriving meanwhile.
"""

import time
from dataclasses import dataclass

import numpy as np

from benchmarks.feed import Fed
from benchmarks.figures import Curve, Figure, Outcome, Tell
from benchmarks.standing import Floats, Standing
from ingest.sandbox.broker import RealKafka

PART = "latency"
LOW_LINGER_S = 0.2  # what a user sets who wants low latency: five uploads a second at most
DEFAULT_LINGER_S = 10.0
WINDOW_EVENTS = 100_000  # open events while the worker's capacity is measured
GRACE_S = 1.0  # beyond its linger, an event that is open for longer is late
FIRST_EVENTS = 20_000
PATIENCE_S = 120.0
SLOWEST = 5_000  # events a second that a worker catches up with at the least
LOOK_S = 0.1
KEPT_SHARE = 0.97  # a feed below that share of its rate did not keep it
POINTS = 200  # of a curve over time
SHARES = (*range(100), 99.5, 99.9, 100)  # points of a distribution, percent


@dataclass(frozen=True, slots=True)
class Case:
    """`load` is a share of what one worker carries; a trickle is a fixed rate. `answer_ms`: the endpoint's delay."""

    load: float | None
    linger_s: float
    answer_ms: int = 0

    def named(self, size: "Size") -> str:
        """As it stands in the figures: the same from run to run, whatever the machine carries."""
        load = f"{size.trickle:g} events/s" if self.load is None else f"{self.load:.0%} load"
        answer = f"answers after {self.answer_ms} ms" if self.answer_ms else "fast endpoint"
        return f"{load}, {answer}, linger {self.linger_s:g} s"


@dataclass(frozen=True, slots=True)
class Size:
    """Seconds of each kind of run, and the outage: an hour's events at `arriving` a second."""

    cases: tuple[Case, ...]
    capacity_s: float
    warm_s: float
    low_s: float
    default_s: float
    arriving: float
    outage_s: float
    trickle: float = 100.0

    def seconds(self, case: Case) -> float:
        """How long a case is measured."""
        return self.low_s if case.linger_s < DEFAULT_LINGER_S else self.default_s


_LOADS = (None, 0.5, 0.9)
FULL = Size(
    cases=(
        *(Case(load, LOW_LINGER_S, answer_ms) for answer_ms in (0, 50, 500) for load in _LOADS),
        *(Case(load, DEFAULT_LINGER_S) for load in _LOADS),
        Case(0.5, DEFAULT_LINGER_S, 500),
    ),
    capacity_s=20.0,
    warm_s=3.0,
    low_s=15.0,
    default_s=25.0,
    arriving=500.0,
    outage_s=3600.0,
)
QUICK = Size(
    cases=(Case(None, LOW_LINGER_S), Case(0.5, LOW_LINGER_S), Case(0.5, LOW_LINGER_S, 500)),
    capacity_s=6.0,
    warm_s=1.0,
    low_s=5.0,
    default_s=12.0,
    arriving=500.0,
    outage_s=120.0,
)


def measure(*, quick: bool, tell: Tell) -> Outcome:
    """Capacity, the cases of each linger by one worker, and the catching up by another one."""
    size = QUICK if quick else FULL
    run = _Run(size, f"benchmarks/run --part {PART}{' --quick' if quick else ''}", tell)
    with RealKafka() as broker:
        outcome = Outcome(
            notes=(
                f"linger {LOW_LINGER_S:g} s ([batch] linger_s) is what low latency asks for, 10 s is the default.",
                "Load: share of what one worker carried at the part's beginning, beside producer, broker and endpoint.",
            )
        )
        for linger_s in sorted({case.linger_s for case in size.cases}):
            outcome += run.cases(broker.bootstrap, linger_s)
        return outcome + run.catch_up(broker.bootstrap)


class _Run:
    def __init__(self, size: Size, command: str, tell: Tell) -> None:
        self._size = size
        self._command = command
        self._tell = tell
        self._capacity = 0.0  # events a second

    def cases(self, brokers: str, linger_s: float) -> Outcome:
        """All of one linger, and before the first of them what one worker carries."""
        outcome = Outcome()
        with Standing(brokers, f"latency-{linger_s:g}", linger_s=linger_s) as standing:
            standing.start()
            if not self._capacity:
                outcome += self._measure_capacity(standing)
            for case in self._size.cases:
                if case.linger_s == linger_s and not outcome.faults:
                    outcome += self._case(standing, case)
        return outcome

    def _measure_capacity(self, standing: Standing) -> Outcome:
        standing.fed(standing.feed(events=FIRST_EVENTS))  # so that the worker has begun to read
        if (fault := standing.settled(PATIENCE_S)) is not None:
            return Outcome(faults=(f"capacity: {fault}",))
        seconds = self._size.warm_s + self._size.capacity_s
        fed = standing.fed(standing.feed(seconds=seconds, window=WINDOW_EVENTS))
        fault = standing.settled(PATIENCE_S)
        acknowledged, _ = standing.acknowledged()
        begin, end = fed.began_s + self._size.warm_s, fed.began_s + fed.seconds
        stored = np.unique(acknowledged[(acknowledged >= begin) & (acknowledged <= end)], return_counts=True)
        if fault is not None or len(stored[0]) < 2:
            return Outcome(faults=(f"capacity: {fault or 'too few uploads to tell'}",))
        # From the first upload's moment to the last one's; the first one's rows were made before.
        self._capacity = float(stored[1][1:].sum() / (stored[0][-1] - stored[0][0]))
        self._tell(f"capacity: {self._capacity:,.0f} events/s")
        case = f"one worker, linger {standing.linger_s:g} s"
        return Outcome((self._figure(case, "events a second, producer beside it", "1/s", self._capacity, more=True),))

    def _case(self, standing: Standing, case: Case) -> Outcome:
        name = case.named(self._size)
        rate = self._size.trickle if case.load is None else case.load * self._capacity
        if case.answer_ms:
            standing.endpoint.inject_faults("latency", seconds=case.answer_ms / 1000)
        fed = standing.fed(standing.feed(rate=rate, seconds=self._size.warm_s + self._size.seconds(case)))
        fault = standing.settled(PATIENCE_S)
        standing.endpoint.clear_faults()
        acknowledged, produced = standing.acknowledged()
        if fault is not None:
            self._tell(f"{name}: {fault}")
            return Outcome(faults=(f"{name}: {fault}",))
        seconds = (acknowledged - produced)[produced >= fed.began_s + self._size.warm_s]
        return self._told(name, seconds, fed, rate)

    def _told(self, name: str, seconds: Floats, fed: Fed, rate: float) -> Outcome:
        p50, p99 = np.percentile(seconds, (50, 99)).tolist()
        most = float(seconds.max())
        self._tell(f"{name}: p50 {p50:.3f} s, p99 {p99:.3f} s, max {most:.3f} s of {len(seconds):,} events")
        figures = (
            self._figure(name, "p50 to acknowledgement", "s", p50),
            self._figure(name, "p99 to acknowledgement", "s", p99),
            self._figure(name, "max to acknowledgement", "s", most),
        )
        points = tuple((float(np.percentile(seconds, share)), share / 100) for share in SHARES)
        curve = Curve(PART, name, "time to acknowledgement", "s", "share of events", points, self._command)
        notes: tuple[str, ...] = ()
        if fed.rate < KEPT_SHARE * rate:
            notes = (f"{name}: the producer made {fed.rate:,.0f} of {rate:,.0f} events/s: the load was less.",)
        return Outcome(figures, (curve,), notes=notes)

    def catch_up(self, brokers: str) -> Outcome:
        """A backlog of the outage's events, then a worker, while new events arrive at the same rate."""
        size = self._size
        backlog = round(size.arriving * size.outage_s)
        name = f"{backlog:,} events behind, {size.arriving:g} a second arriving, linger {LOW_LINGER_S:g} s"
        with Standing(brokers, "catching-up", linger_s=LOW_LINGER_S) as standing:
            standing.fed(standing.feed(events=backlog))
            self._tell(f"{name}: produced")
            feed = standing.feed(rate=size.arriving)
            started_s = time.time()
            try:
                standing.start()
                open_s = LOW_LINGER_S + GRACE_S  # so many seconds' arrivals may be open
                deadline_s = started_s + PATIENCE_S + backlog / SLOWEST
                while time.time() < deadline_s:
                    known = backlog + size.arriving * max(time.time() - started_s - open_s, 0.0)
                    if standing.endpoint.stats()["stored_rows"] >= known:
                        break
                    time.sleep(LOOK_S)
            finally:
                feed.end()
            fed = standing.fed(feed)
            fault = standing.settled(PATIENCE_S)
            acknowledged, produced = standing.acknowledged()
        if fault is not None:
            return Outcome(faults=(f"{name}: {fault}",))
        at_s = caught_up(acknowledged, produced, grace_s=open_s, since_s=started_s)
        if at_s > fed.began_s + fed.seconds:
            return Outcome(
                faults=(f"{name}: not within {fed.seconds:.0f} s, though {self._capacity:,.0f}/s are carried",)
            )
        self._tell(f"{name}: caught up after {at_s - started_s:.1f} s")
        moments, rows = np.unique(acknowledged[acknowledged <= at_s], return_counts=True)
        rate = float(rows[1:].sum() / (moments[-1] - moments[0])) if len(rows) > 1 else 0.0
        done = np.cumsum(rows)
        points = [(float(moments[i] - started_s), float(done[i])) for i in range(0, len(done), len(done) // POINTS + 1)]
        figures = (
            self._figure(name, "caught up after, from the worker's start", "s", at_s - started_s),
            self._figure(name, "caught up after, from the first acknowledgement", "s", at_s - float(moments[0])),
            self._figure(name, "events a second from the first acknowledgement on", "1/s", rate, more=True),
        )
        return Outcome(
            figures, (Curve(PART, name, "events acknowledged", "s", "events", tuple(points), self._command),)
        )

    def _figure(self, case: str, name: str, unit: str, sample: float, *, more: bool = False) -> Figure:
        return Figure(PART, case, name, unit, (sample,), self._command, better="more" if more else "less")


def caught_up(acknowledged: Floats, produced: Floats, *, grace_s: float, since_s: float) -> float:
    """The first moment from `since_s` on when no event is late: open for over `grace_s`, or since before `since_s`.

    When each event was acknowledged, and when it was produced; all in seconds of the same clock.
    """
    order = np.argsort(produced)
    late_from = np.where(produced[order] < since_s, -np.inf, produced[order] + grace_s)
    # An event is late from then until it is acknowledged; up to `reached[i]` the events before i leave no gap.
    reached = np.maximum.accumulate(np.concatenate(([since_s], acknowledged[order])))
    gaps = np.flatnonzero(late_from >= reached[:-1])
    return float(reached[gaps[0]] if len(gaps) else reached[-1])

"""One worker beside what a user would pick instead: interleaved, on the same topic, to the same endpoint.

1. A pair is one run of each contender, one after the other; which one begins changes from pair to pair. Only figures
   of the same pair are divided by each other, so what slows the whole machine for minutes cancels out.
2. A ratio is peer over ingest for CPU and memory, ingest over peer for the rate: above 1, ingest is ahead. Both lanes
   of ingest are held against each peer.
3. A void run has no figures, and its pair no ratio. It is a fault.
4. Who can't run here (an environment that can't be made) is a note; the others go on.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.backlog import Backlog
from benchmarks.contenders import INGEST, INGEST_ORJSON, LOOP, OURS, PEERS, Contender
from benchmarks.figures import Better, Curve, Figure, Outcome, Tell
from benchmarks.measure import Run, Window, run
from benchmarks.peers.environments import PeerMissingError

PART = "side_by_side"
PARTITIONS = 4
ALL = (*OURS, *PEERS)


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured, and of whom."""

    events: int
    batch_events: int
    pairs: int
    contenders: tuple[str, ...]


# Steady state leaves out the first upload and the last three: fewer events would leave too few of them.
FULL = Size(700_000, 100_000, 5, tuple(contender.name for contender in ALL))
QUICK = Size(240_000, 30_000, 3, (INGEST.name, INGEST_ORJSON.name, LOOP.name))

WINDOWS: Mapping[str, str] = {"steady": "steady", "to_the_end": "first to last acknowledgement", "whole": "whole"}


def measure(
    *,
    quick: bool,
    tell: Tell,
    events: int | None = None,
    batch_events: int | None = None,
    pairs: int | None = None,
    contenders: Sequence[str] | None = None,
) -> Outcome:
    """Run everybody `pairs` times. What isn't given is that of the quick or the full size.

    Raises ValueError for a contender that nobody is called.
    """
    preset = QUICK if quick else FULL
    size = Size(
        events or preset.events,
        batch_events or preset.batch_events,
        pairs or preset.pairs,
        tuple(contenders or preset.contenders),
    )
    if unknown := set(size.contenders) - set(FULL.contenders):
        raise ValueError(f"no contender is called {min(unknown)!r}; there are: {'; '.join(FULL.contenders)}")
    taking, notes = prepared([contender for contender in ALL if contender.name in size.contenders], tell)
    tell(f"producing {size.events:,} events to {PARTITIONS} partitions of a real Kafka")
    runs = []
    with Backlog(size.events, PARTITIONS) as backlog:
        event_bytes = backlog.event_bytes()
        for pair in range(size.pairs):
            for contender in taking:
                runs.append(run(contender, backlog, pair, size.batch_events))
                tell(line(runs[-1]))
            taking.append(taking.pop(0))
    notes += [f"{each.name} has {each.environment.versions()}" for each in taking if each.environment is not None]
    notes.append(
        f"{size.events:,} events of {event_bytes:.0f} bytes, lz4, {PARTITIONS} partitions, "
        f"batches of {size.batch_events:,}, {size.pairs} pairs"
    )
    sizes = {"--events": events, "--batch-events": batch_events, "--pairs": pairs}
    options = "".join(f" {option} {number}" for option, number in sizes.items() if number)
    command = f"benchmarks/run --part side_by_side{' --quick' * quick}{options}"
    return outcome(runs, event_bytes, command=command, notes=notes)


def prepared(wanted: Sequence[Contender], tell: Tell) -> tuple[list[Contender], list[str]]:
    """Those who can run here, and who can't and why."""
    there, notes = [], []
    for contender in wanted:
        try:
            contender.prepare()
        except PeerMissingError as error:
            notes.append(f"{contender.name} is left out: {error}")
            tell(notes[-1])
        else:
            there.append(contender)
    return there, notes


def outcome(runs: Sequence[Run], event_bytes: float, *, command: str, notes: Sequence[str] = ()) -> Outcome:
    """What the runs come to."""
    good = [each for each in runs if each.void is None]
    names = list(dict.fromkeys(each.contender for each in good))
    figures = [
        figure
        for name in names
        for figure in _figures(name, [each for each in good if each.contender == name], event_bytes, command)
    ]
    figures += [
        figure
        for ours in (INGEST.name, INGEST_ORJSON.name)
        for peer in names
        if peer not in (INGEST.name, ours)
        for figure in _ratios(good, ours, peer, command)
    ]
    curves = [_memory([each for each in good if each.contender == name], command) for name in names]
    faults = [f"{each.contender}, pair {each.pair + 1}: {each.void}" for each in runs if each.void is not None]
    return Outcome(figures, curves, faults, notes)


def line(done: Run) -> str:
    """One run, as it ends."""
    head = f"  pair {done.pair + 1}  {done.contender:20}"
    if done.void is not None:
        return f"{head}  VOID: {done.void}"
    steady = "no steady window"
    if done.steady is not None:
        steady = f"steady {done.steady.rate:,.0f}/s, {done.steady.cost:.2f} CPU s / 100k"
    return (
        f"{head}  {steady}; whole {done.whole.wall_s:.1f} s, {done.whole.cpu_s:.1f} CPU s; "
        f"peak {done.pss_peak_bytes / 1e6:,.0f} MB"
    )


def _figures(case: str, runs: Sequence[Run], event_bytes: float, command: str) -> Iterator[Figure]:
    def figure(name: str, unit: str, value: Callable[[Run], float | None], better: Better = "less") -> Iterator[Figure]:
        samples = tuple(sample for each in runs if (sample := value(each)) is not None)
        if samples:
            yield Figure(PART, case, name, unit, samples, command, better)

    for window, label in WINDOWS.items():
        yield from figure(f"CPU s per 100,000 events, {label}", "s", _of(window, lambda seen: seen.cost))
        yield from figure(f"events/s, {label}", "1/s", _of(window, lambda seen: seen.rate), "more")
    yield from figure("MB/s, steady", "MB/s", _of("steady", lambda seen: seen.rate * event_bytes / 1e6), "more")
    yield from figure("cores used, steady", "cores", _of("steady", lambda seen: seen.cpu_s / seen.wall_s), "neither")
    yield from figure("time to the first acknowledgement", "s", lambda each: each.first_acknowledgement_s)
    yield from figure("memory, peak PSS", "MB", lambda each: each.pss_peak_bytes / 1e6)
    yield from figure("memory, mean PSS", "MB", lambda each: each.pss_mean_bytes / 1e6)
    yield from figure("processes", "processes", lambda each: each.processes, "neither")
    yield from figure("uploads", "uploads", lambda each: each.uploads, "neither")
    yield from figure(
        "changed rows of 1,000 sampled", "rows", lambda each: 1_000 * each.changed_values / max(each.checked_rows, 1)
    )
    yield from figure("endpoint's CPU s per 100,000 events", "s", lambda each: _share(each, each.neighbours.endpoint_s))
    yield from figure("broker's CPU s per 100,000 events", "s", lambda each: _share(each, each.neighbours.broker_s))
    yield from figure(
        "cores taken by others", "cores", lambda each: each.neighbours.others_s / each.whole.wall_s, "neither"
    )


def _ratios(runs: Sequence[Run], ours: str, peer: str, command: str) -> Iterator[Figure]:
    by_pair = {(each.contender, each.pair): each for each in runs}
    pairs = [
        (mine, by_pair[peer, pair])
        for (name, pair), mine in by_pair.items()
        if name == ours and (peer, pair) in by_pair
    ]

    def ratio(name: str, value: Callable[[Run, Run], float | None]) -> Iterator[Figure]:
        samples = tuple(sample for mine, theirs in pairs if (sample := value(mine, theirs)) is not None)
        if samples:
            yield Figure(PART, f"{ours} beside {peer}", name, "", samples, command, "more", ratio=True)

    for window, label in WINDOWS.items():
        cost, rate = _of(window, lambda seen: seen.cost), _of(window, lambda seen: seen.rate)
        yield from ratio(f"CPU per event, peer / ingest, {label}", _divided(cost, by_ours=True))
        yield from ratio(f"events/s, ingest / peer, {label}", _divided(rate, by_ours=False))
    yield from ratio(
        "memory, peak PSS, peer / ingest", lambda mine, theirs: theirs.pss_peak_bytes / max(mine.pss_peak_bytes, 1)
    )


def _divided(value: Callable[[Run], float | None], *, by_ours: bool) -> Callable[[Run, Run], float | None]:
    def divide(ours: Run, peer: Run) -> float | None:
        mine, theirs = value(ours), value(peer)
        if mine is None or theirs is None:
            return None
        return theirs / mine if by_ours else mine / theirs

    return divide


def _of(window: str, value: Callable[[Window], float]) -> Callable[[Run], float | None]:
    """`value` of that window of a run; None where the run was too short to have it."""

    def read(done: Run) -> float | None:
        seen: Window | None = getattr(done, window)
        return None if seen is None else value(seen)

    return read


def _share(done: Run, cpu_s: float) -> float:
    return cpu_s / done.whole.events * 100_000


def _memory(runs: Sequence[Run], command: str) -> Curve:
    """Of its first good run: the mean of several would show what no run had."""
    points = tuple((round(at_s, 2), round(pss_bytes / 1e6, 1)) for at_s, pss_bytes in runs[0].pss)
    return Curve(PART, runs[0].contender, "memory of the process tree", "s since its start", "MB PSS", points, command)

"""One worker beside the documented loop: interleaved, on the same topic, to the same endpoint.

1. A pair is one run of each contender, one after the other; which one begins changes from pair to pair. Only figures
   of the same pair are divided by each other, so what slows the whole machine for minutes cancels out.
2. A ratio is loop over ingest for CPU, ingest over loop for the rate: above 1, ingest is ahead.
3. A pair with a void run has no ratio.
"""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.backlog import Backlog
from benchmarks.contenders import INGEST, LOOP, LOOP_UNCHECKED, Contender
from benchmarks.measure import Run, Window, run

PEERS = (LOOP, LOOP_UNCHECKED)


@dataclass(frozen=True, slots=True)
class Ratio:
    """ingest against `peer`, pair by pair, of `figure` in `window`."""

    peer: str
    window: str
    figure: str
    pairs: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle pair."""
        return statistics.median(self.pairs)


def measure(backlog: Backlog, pairs: int, batch_events: int, told: Callable[[Run], None]) -> list[Run]:
    """Run everybody `pairs` times; `told` hears of each run as it ends."""
    runs = []
    contenders: list[Contender] = [INGEST, *PEERS]
    for pair in range(pairs):
        for contender in contenders:
            runs.append(run(contender, backlog, pair, batch_events))
            told(runs[-1])
        contenders.append(contenders.pop(0))
    return runs


def ratios(runs: Sequence[Run]) -> list[Ratio]:
    """All ratios that the runs allow."""
    found = []
    for peer in PEERS:
        for window in ("steady", "to_the_end", "whole"):
            windows = _pairs(runs, peer.name, window)
            if windows:
                cost = tuple(theirs.cost / ours.cost for ours, theirs in windows)
                rate = tuple(ours.rate / theirs.rate for ours, theirs in windows)
                found += [Ratio(peer.name, window, "cpu", cost), Ratio(peer.name, window, "rate", rate)]
    return found


def _pairs(runs: Sequence[Run], peer: str, window: str) -> list[tuple[Window, Window]]:
    good: dict[tuple[str, int], Window] = {
        (done.contender, done.pair): getattr(done, window)
        for done in runs
        if done.void is None and getattr(done, window) is not None
    }
    return [
        (ours, good[peer, pair]) for (name, pair), ours in good.items() if name == INGEST.name and (peer, pair) in good
    ]

"""The parts of the suite, and what happens when one of them breaks.

1. Parts run one after the other, in the order of `PARTS`: never two at once, on a machine that has few cores.
2. After each part all that was measured so far is handed to `keep`: a crash or a Ctrl-C loses the part in hand only.
3. A part that can't be run or breaks off is a fault like an event that wasn't delivered; the others go on.
"""

import importlib
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from benchmarks.figures import Outcome, Tell
from ingest.errors import IngestError

PARTS: Mapping[str, str] = {
    "side_by_side": "one worker beside everything a user would pick instead, pair by pair",
    "end_to_end": "events/s, CPU and memory by workers, kinds of events and compression",
    "stages": "what each stage costs alone, and how close the whole comes to their sum",
    "latency": "from produce to acknowledgement by load and by the endpoint's answer time; catching up",
    "uploads": "adaptive uploads beside fixed limits, by the endpoint's answer time",
    "start": "time to the first acknowledgement, from nothing and after a SIGKILL",
    "growth": "what more events, columns, partitions and larger batches cost",
    "formats": "what each wire format and conversion costs beside plain events",
    "micro": "the pure parts by pytest-benchmark",
}
# Too long to be among all: only where they are asked for.
ON_REQUEST: Mapping[str, str] = {"endurance": "an hour at full load: whether memory, rate and cost stay flat"}


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the suite. `measure` takes `quick`, `tell` and what the command line overrides."""

    name: str
    measure: Callable[..., Outcome]


def part(name: str) -> Part:
    """The part of that name; its module is imported when it runs, so that `--help` costs nothing."""

    def measure(**given: Any) -> Outcome:
        found: Outcome = importlib.import_module(f"benchmarks.parts.{name}").measure(**given)
        return found

    return Part(name, measure)


def run(
    parts: Sequence[Part],
    *,
    quick: bool,
    overrides: Mapping[str, Mapping[str, int]],
    tell: Tell,
    keep: Callable[[Outcome, Mapping[str, float]], None],
) -> Outcome:
    """Run `parts`; `overrides` are further arguments by part. `keep` gets what there is, and each part's seconds."""
    found = Outcome()
    took_s: dict[str, float] = {}
    for number, each in enumerate(parts, 1):
        tell(f"== {each.name} ({number} of {len(parts)})")
        began = time.monotonic()
        found += _measured(each, quick=quick, given=overrides.get(each.name, {}), tell=tell)
        took_s[each.name] = round(time.monotonic() - began, 1)
        tell(f"== {each.name} took {took_s[each.name]:,.0f} s")
        keep(found, took_s)
    return found


def _measured(each: Part, *, quick: bool, given: Mapping[str, int], tell: Tell) -> Outcome:
    try:
        return _counted(each.measure(quick=quick, tell=tell, **given))
    except IngestError as error:
        return Outcome(faults=[f"{each.name}: {error}"])
    except Exception as error:  # noqa: BLE001  whatever it is, the other parts are worth measuring
        tell(traceback.format_exc())
        return Outcome(faults=[f"{each.name} broke off: {type(error).__name__}: {error}"])


def _counted(found: Outcome) -> Outcome:
    """Only figures that have samples; nobody could compare the others."""
    empty = [f"{each.part}: {each.case}: {each.name} has no samples" for each in found.figures if not each.samples]
    figures = [each for each in found.figures if each.samples]
    return replace(found, figures=figures, faults=(*found.faults, *empty))

"""What a part of the suite hands over: figures, curves and faults. All else (tables, JSON, report) reads these.

1. A figure is one quantity of one case, with every sample that was taken of it; nobody averages before it is kept.
2. A figure is known by part, case and name, which are the same from run to run: so two runs can be compared.
3. Each names the command that makes it again.
4. A fault is a run that did not deliver what it should have: its figures are left out, and the suite fails.
"""

import json
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

Better = Literal["less", "more", "neither"]
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Figure:
    """One quantity: `samples` are its repetitions, in `unit`.

    `case` says what was run ("usual, lz4, 2 workers"), `name` what was measured ("CPU s per 100,000 events, steady").
    A `ratio` was taken pair by pair within one run, so the machine's speed is not in it.
    """

    part: str
    case: str
    name: str
    unit: str
    samples: tuple[float, ...]
    command: str
    better: Better = "less"
    ratio: bool = False

    @property
    def key(self) -> tuple[str, str, str]:
        """What it is known by, from run to run."""
        return self.part, self.case, self.name

    @property
    def median(self) -> float:
        """The middle sample."""
        return statistics.median(self.samples)


@dataclass(frozen=True, slots=True)
class Curve:
    """A quantity over another one: `points` are (x, y), x in `x_unit` and y in `unit`; for plots."""

    part: str
    case: str
    name: str
    x_unit: str
    unit: str
    points: tuple[tuple[float, float], ...]
    command: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a part came to. `notes` are what a reader of its figures must know: a peer that could not be installed."""

    figures: Sequence[Figure] = ()
    curves: Sequence[Curve] = ()
    faults: Sequence[str] = ()
    notes: Sequence[str] = ()

    def __add__(self, other: "Outcome") -> "Outcome":
        return Outcome(
            (*self.figures, *other.figures),
            (*self.curves, *other.curves),
            (*self.faults, *other.faults),
            (*self.notes, *other.notes),
        )


@dataclass(frozen=True, slots=True)
class Results:
    """One run of the suite. `about` has the machine, the versions, the command and the time."""

    about: Mapping[str, Any]
    outcome: Outcome = field(default_factory=Outcome)

    def save(self, path: Path) -> None:
        """All of it, as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"about": self.about, **asdict(self.outcome)}, indent=1) + "\n")


def load(path: Path) -> Results:
    """What `save` wrote. Raises OSError, and ValueError for a file that is something else."""
    try:
        content = json.loads(path.read_text())
        figures = tuple(Figure(**{**each, "samples": tuple(each["samples"])}) for each in content["figures"])
        curves = tuple(Curve(**{**each, "points": tuple(map(tuple, each["points"]))}) for each in content["curves"])
        return Results(content["about"], Outcome(figures, curves, tuple(content["faults"]), tuple(content["notes"])))
    except (KeyError, TypeError, ValueError) as wrong:
        raise ValueError(f"{path} holds no results of benchmarks/run: {wrong}") from None

"""Samples as a part collects them, run by run: those of one case and name become one figure."""

from collections import defaultdict

from benchmarks.figures import Better, Curve, Figure, Outcome


class Samples:
    """What a part has measured so far; `command` makes it again."""

    def __init__(self, part: str, command: str) -> None:
        self.part = part
        self.command = command
        self.faults: list[str] = []
        self.notes: list[str] = []
        self._curves: list[Curve] = []
        self._samples: dict[tuple[str, str, str, Better, bool], list[float]] = defaultdict(list)

    def take(
        self, case: str, name: str, unit: str, value: float, better: Better = "less", *, ratio: bool = False
    ) -> None:
        """One more sample of a figure."""
        self._samples[case, name, unit, better, ratio].append(value)

    def curve(self, case: str, name: str, x_unit: str, unit: str, points: list[tuple[float, float]]) -> None:
        """A curve, whole."""
        self._curves.append(Curve(self.part, case, name, x_unit, unit, tuple(points), self.command))

    def figures(self) -> list[Figure]:
        """All of them, case by case, in the order in which the cases came."""
        order = list(dict.fromkeys(case for case, *_ in self._samples))
        found = [
            Figure(self.part, case, name, unit, tuple(values), self.command, better, ratio)
            for (case, name, unit, better, ratio), values in self._samples.items()
        ]
        return sorted(found, key=lambda figure: order.index(figure.case))

    def outcome(self) -> Outcome:
        """What the part hands over."""
        return Outcome(self.figures(), self._curves, self.faults, self.notes)

"""Which plots a part's figures make. Pure: `plots` draws them.

1. All figures come up in a plot. What belongs together shares an axis: names that differ by p50, p99, max, mean or
   peak alone, and figures of one unit where a few cases have many names.
2. Cases that differ by one number ("2 workers", "50 ms") are lines over that number; the number with most cases wins.
   All other cases are bars.
3. Curves of one part and name share an axis. Those with `x_unit` "bar" are a stack: a bar a case, a segment a name.
4. More than `MOST_SERIES` on an axis can't be told apart: further ones go into a plot of their own.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from benchmarks.blocks import Block, blocks, lone
from benchmarks.figures import Curve, Figure
from benchmarks.spelling import unit

MOST_SERIES = 8
BAR = "bar"
_T = TypeVar("_T")
_FEW_CASES, _MANY_NAMES = 3, 4  # see rule 1
_QUANTILE = re.compile(r"[\s,(]*\b(p\d+(?:\.\d+)?|max|min|mean|median|peak|least|most)\b\)?")
_NUMBER_FIRST = re.compile(r"(\d[\d,]*(?:\.\d+)?)( ?\D*)")
_NUMBER_LAST = re.compile(r"(\D+ )(\d[\d,]*(?:\.\d+)?)()")


@dataclass(frozen=True, slots=True)
class Point:
    """A figure in a plot: its median, and its least and most sample."""

    at: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Bars:
    """`series` by name, each with a point by category; categories in order."""

    title: str
    unit: str
    categories: Sequence[str]
    series: Mapping[str, Mapping[str, Point]]
    ratio: bool
    commands: Sequence[str]


@dataclass(frozen=True, slots=True)
class Lines:
    """`series` by name, each with points over a number."""

    title: str
    unit: str
    over: str
    series: Mapping[str, Mapping[float, Point]]
    ratio: bool
    commands: Sequence[str]


@dataclass(frozen=True, slots=True)
class Curves:
    """`series` by name, each as it was recorded."""

    title: str
    unit: str
    over: str
    series: Mapping[str, Sequence[tuple[float, float]]]
    commands: Sequence[str]


@dataclass(frozen=True, slots=True)
class Stack:
    """`series` are the segments by name, each with its length by bar; `bars` in order."""

    title: str
    unit: str
    bars: Sequence[str]
    series: Mapping[str, Mapping[str, float]]
    commands: Sequence[str]


Chart = Bars | Lines | Curves | Stack


def charts(figures: Sequence[Figure], curves: Sequence[Curve]) -> Iterator[Chart]:
    """The plots of one part."""
    found, listed = lone(list(blocks(figures)))
    for block in found:
        for names in _together(block):
            yield from _of_names(block, names)
    yield from _listed(listed)
    yield from _curves(curves)


def _listed(figures: Sequence[Figure]) -> Iterator[Bars]:
    """Figures of one unit on an axis, each with its case and name."""
    units: dict[tuple[str, bool], list[Figure]] = {}
    for figure in figures:
        units.setdefault((figure.unit, figure.ratio), []).append(figure)
    for own in units.values():
        points = {f"{figure.case}: {figure.name}": _point(figure) for figure in own}
        yield Bars(own[0].unit, unit(own[0]), list(points), {"": points}, own[0].ratio, _commands(own))


def _together(block: Block) -> list[list[str]]:
    """The names that share an axis."""
    first = {name: block.of_name(name)[0] for name in block.names}
    groups: dict[tuple[str, str, bool], list[str]] = {}
    for name in block.names:
        stem = _QUANTILE.sub("", name)
        if len(block.cases) <= _FEW_CASES and len(_of_unit(block, first[name])) >= _MANY_NAMES:
            stem = ""
        groups.setdefault((stem, first[name].unit, first[name].ratio), []).append(name)
    return list(groups.values())


def _of_unit(block: Block, figure: Figure) -> list[str]:
    return [
        name
        for name in block.names
        if all((other.unit, other.ratio) == (figure.unit, figure.ratio) for other in block.of_name(name))
    ]


def _of_names(block: Block, names: Sequence[str]) -> Iterator[Chart]:
    figures = [figure for name in names for figure in block.of_name(name)]
    title = names[0] if len(names) == 1 else _QUANTILE.sub("", names[0]).strip(" ,") or figures[0].unit
    if len(names) > 1 and len({_QUANTILE.sub("", name) for name in names}) > 1:
        title = ""
    over, numbers = _varies(dict.fromkeys(figure.case for figure in figures))
    lined = [figure for figure in figures if figure.case in numbers]
    barred = [figure for figure in figures if figure.case not in numbers]
    lines: dict[str, dict[float, Point]] = {}
    for figure in lined:
        rest, number = numbers[figure.case]
        series = ", ".join(filter(None, (rest, _label(figure.name, names))))
        lines.setdefault(series, {})[number] = _point(figure)
    for some in _chunks(lines):
        yield Lines(title, unit(figures[0]), over, some, figures[0].ratio, _commands(lined))
    if barred:
        yield from _bars(title, block, names, barred)


def _bars(title: str, block: Block, names: Sequence[str], figures: Sequence[Figure]) -> Iterator[Chart]:
    cases = [case for case in block.cases if any(figure.case == case for figure in figures)]
    by_name = len(names) > max(len(cases), _FEW_CASES)  # names are the categories then, and cases the series
    series: dict[str, dict[str, Point]] = {}
    for figure in figures:
        key, category = (figure.case, figure.name) if by_name else (_label(figure.name, names), figure.case)
        series.setdefault(key, {})[category] = _point(figure)
    for some in _chunks(series):
        yield Bars(title, unit(figures[0]), names if by_name else cases, some, figures[0].ratio, _commands(figures))


def _label(name: str, names: Sequence[str]) -> str:
    """What tells `name` from the `names` it shares an axis with."""
    if len(names) == 1:
        return ""
    quantile = _QUANTILE.search(name)
    return quantile[1] if quantile and len({_QUANTILE.sub("", each) for each in names}) == 1 else name


def _varies(cases: Iterable[str]) -> tuple[str, dict[str, tuple[str, float]]]:
    """What most cases vary in, and for these the rest of the case and the number."""
    found: dict[tuple[str, int], dict[str, tuple[str, float]]] = {}
    spelled: dict[str, str] = {}
    for case in cases:
        for place, part in enumerate(parts := case.split(", ")):
            match = _NUMBER_FIRST.fullmatch(part) or _NUMBER_LAST.fullmatch(part)
            if match is None:
                continue
            first = part[0].isdigit()
            number = float(match[1 if first else 2].replace(",", ""))
            said = match[2 if first else 1].strip()
            word = said.removesuffix("s") if len(said) > 2 else said  # 1 worker, 2 workers; but ms
            spelled[word] = max(spelled.get(word, ""), said, key=len)
            rest = ", ".join((*parts[:place], *parts[place + 1 :]))
            found.setdefault((word, place), {})[case] = (rest, number)
    best: tuple[str, dict[str, tuple[str, float]]] = "", {}
    for (word, _), numbers in found.items():
        rests = Counter(rest for rest, _ in numbers.values())
        lined = {case: pair for case, pair in numbers.items() if rests[pair[0]] > 1}
        if len(lined) > len(best[1]):
            best = spelled[word], lined
    return best


def _chunks(series: Mapping[str, _T]) -> Iterator[dict[str, _T]]:
    items = list(series.items())
    for begin in range(0, len(items), MOST_SERIES):
        yield dict(items[begin : begin + MOST_SERIES])


def _point(figure: Figure) -> Point:
    return Point(figure.median, min(figure.samples), max(figure.samples))


def _commands(figures: Iterable[Figure | Curve]) -> list[str]:
    return list(dict.fromkeys(figure.command for figure in figures))


def _curves(curves: Sequence[Curve]) -> Iterator[Chart]:
    yield from _stacks([curve for curve in curves if curve.x_unit == BAR])
    names: dict[tuple[str, str, str], list[Curve]] = {}
    for curve in (curve for curve in curves if curve.x_unit != BAR):
        names.setdefault((curve.name, curve.x_unit, curve.unit), []).append(curve)
    for (name, x_unit, y_unit), own in names.items():
        for some in _chunks({curve.case: curve.points for curve in own}):
            yield Curves(name, y_unit, x_unit, some, _commands(own))


def _stacks(curves: Sequence[Curve]) -> Iterator[Stack]:
    units: dict[str, list[Curve]] = {}
    for curve in curves:
        units.setdefault(curve.unit, []).append(curve)
    for unit_, own in units.items():
        segments: dict[str, dict[str, float]] = {}
        for curve in own:
            segments.setdefault(curve.name, {})[curve.case] = sum(y for _, y in curve.points)
        yield Stack(
            "one on the other", unit_, list(dict.fromkeys(curve.case for curve in own)), segments, _commands(own)
        )

"""Charts as SVG that stands in a page: no script, no font, no reference to anything outside.

1. The page's own colour of text is used for all that isn't data, so that a plot is readable on light and on dark.
2. Whiskers go from the least to the most sample, the mark is their median. Where they would hide, there is none.
3. An axis begins at zero unless its values span more than so many times; then it is logarithmic. What was recorded over
   time begins at zero always.
4. Identifiers are made unique by a prefix: many plots stand in one page.
"""

import io
import math
import re
from collections.abc import Iterable, Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from benchmarks.charts import Bars, Chart, Curves, Lines, Point, Stack
from benchmarks.spelling import spell

BARS_LOG_SPAN, LOG_SPAN = 60, 20
COLOURS = ("#3d8bd4", "#e08a2e", "#3fa66b", "#a06fd0", "#d9574f", "#2fa3a3", "#c4a01a", "#c768a8", "#7c8894", "#6b7fe0")
MARKS = ("o", "s", "^", "D", "v", "P", "X", "*")
WIDTH = 6.4  # inches of 72 units each
_INK = "#010203"  # stands for the page's colour of text
_BAR = 0.24  # inches
_LABEL = 34  # characters of a category in a line
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9,
    "axes.edgecolor": _INK,
    "axes.labelcolor": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": _INK,
    "grid.alpha": 0.15,
    "text.color": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
}


def svg(chart: Chart, prefix: str) -> str:
    """The chart as an `<svg>` element; `prefix` keeps its identifiers apart from those of others in the page."""
    with mpl.rc_context({**_STYLE, "svg.hashsalt": prefix}):
        figure = Figure(layout="constrained")
        FigureCanvasSVG(figure)
        figure.patch.set_alpha(0.0)
        axes = figure.add_subplot()
        axes.patch.set_alpha(0.0)
        if isinstance(chart, Bars):
            _bars(figure, axes, chart)
        elif isinstance(chart, Stack):
            _stack(figure, axes, chart)
        elif isinstance(chart, Lines):
            _lines(axes, chart)
            figure.set_size_inches(WIDTH, 3.4)
        else:
            _curves(axes, chart)
            figure.set_size_inches(WIDTH, 3.4)
        if any(chart.series):  # a single one without a name needs no legend
            columns = 3 if max(map(len, chart.series)) < 28 else 1 if max(map(len, chart.series)) > 44 else 2
            rows = math.ceil(len(chart.series) / columns)
            figure.set_size_inches(WIDTH, figure.get_figheight() + 0.2 * rows)
            figure.legend(loc="outside upper left", ncols=columns)
        written = io.StringIO()
        figure.savefig(written, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    return _inline(written.getvalue(), prefix)


def _inline(text: str, prefix: str) -> str:
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'<svg [^>]*viewBox="([^"]+)"[^>]*>', r'<svg viewBox="\1" role="img">', text, count=1)
    text = re.sub(r'(\bid="|href="#|url\(#)', rf"\1{prefix}-", text)
    return text.replace(_INK, "currentColor").replace("xlink:href", "href")


def _bars(figure: Figure, axes: Axes, chart: Bars) -> None:
    count = len(chart.series)
    thick = 0.8 / count
    points = [point for own in chart.series.values() for point in own.values()]
    log = _is_log(points, BARS_LOG_SPAN)
    most = max((point.high for point in points), default=1.0)
    places = {category: place for place, category in enumerate(chart.categories)}
    for number, (name, own) in enumerate(chart.series.items()):
        at = [places[category] + (number - (count - 1) / 2) * thick for category in own]
        medians = [point.at for point in own.values()]
        colour = COLOURS[number % len(COLOURS)]
        axes.barh(at, medians, height=thick * 0.88, color=colour, alpha=0.85, label=name)
        for y, point in zip(at, own.values(), strict=True):
            _whisker(axes, point, y, most, horizontal=True, log=log)
            _say(axes, point.at, max(point.high, point.at), y)
    _lying(axes, chart.categories, chart.unit)
    if log:
        axes.set_xscale("log")
        axes.set_xlim(min(point.low for point in points if point.low > 0) / 1.5, most * 3)
    elif most > 0:
        axes.set_xlim(min(0.0, *(point.low for point in points)) if points else 0.0, most * 1.14)
    _plain(axes, "x", log=log)
    if chart.ratio:
        axes.axvline(1.0, color=_INK, linewidth=1.0, linestyle=(0, (4, 3)))
    rows = sum(max(count * 0.72, 1.0 + 0.35 * _wrapped(category).count("\n")) for category in chart.categories)
    figure.set_size_inches(WIDTH, 0.65 + _BAR * max(rows, 1.5) * 1.3)


def _stack(figure: Figure, axes: Axes, chart: Stack) -> None:
    reached = dict.fromkeys(chart.bars, 0.0)
    for number, (name, own) in enumerate(chart.series.items()):
        places = [chart.bars.index(bar) for bar in own]
        begins = [reached[bar] for bar in own]
        # What is left over takes the colour of text, so that it isn't taken for one more segment.
        colour, alpha = (_INK, 0.2) if name == "gap" else (COLOURS[number % len(COLOURS)], 0.85)
        axes.barh(places, list(own.values()), left=begins, height=0.6, color=colour, alpha=alpha, label=name)
        for bar, length in own.items():
            reached[bar] += length
    for place, bar in enumerate(chart.bars):
        _say(axes, reached[bar], reached[bar], place)
    _lying(axes, chart.bars, chart.unit)
    axes.set_xlim(0, max(reached.values(), default=1.0) * 1.12 or 1.0)
    _plain(axes, "x", log=False)
    figure.set_size_inches(WIDTH, 0.7 + 0.4 * len(chart.bars))


def _lines(axes: Axes, chart: Lines) -> None:
    points = [point for own in chart.series.values() for point in own.values()]
    most = max(point.high for point in points)
    log = _is_log(points, LOG_SPAN)
    ats = sorted({at for own in chart.series.values() for at in own})
    for number, (name, own) in enumerate(chart.series.items()):
        over = sorted(own)
        colour, mark = COLOURS[number % len(COLOURS)], MARKS[number % len(MARKS)]
        axes.plot(over, [own[at].at for at in over], color=colour, marker=mark, markersize=5, linewidth=1.6, label=name)
        for at in over:
            _whisker(axes, own[at], at, most, horizontal=False, log=log, colour=colour)
    positive = [at for at in ats if at > 0]
    if positive and positive[-1] / positive[0] >= 8:
        if ats[0] > 0:
            axes.set_xscale("log")
        else:
            axes.set_xscale("symlog", linthresh=positive[0])
        axes.set_xticks(_apart(ats))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.xaxis.set_tick_params(which="minor", length=0)
    elif len(ats) <= 10:
        axes.set_xticks(ats)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda at, _: f"{at:,.10g}"))
    _upright(axes, points, chart.unit, log=log)
    axes.set_xlabel(chart.over)
    if chart.ratio:
        axes.axhline(1.0, color=_INK, linewidth=1.0, linestyle=(0, (4, 3)))


def _curves(axes: Axes, chart: Curves) -> None:
    for number, (name, points) in enumerate(chart.series.items()):
        colour = COLOURS[number % len(COLOURS)]
        axes.plot([x for x, _ in points], [y for _, y in points], color=colour, linewidth=1.5, label=name)
    xs = [x for points in chart.series.values() for x, _ in points]
    ys = [Point(y, y, y) for points in chart.series.values() for _, y in points]
    if xs and min(xs) > 0 and max(xs) / min(xs) > LOG_SPAN:
        axes.set_xscale("log")
    log = axes.get_xscale() == "log"
    _plain(axes, "x", log=log)
    _upright(axes, ys, chart.unit, log=log and _is_log(ys, LOG_SPAN))
    axes.set_xlabel(chart.over)


def _say(axes: Axes, value: float, end: float, y: float) -> None:
    """The number, just past a bar's end."""
    axes.annotate(spell(value), (end, y), xytext=(5, 0), textcoords="offset points", va="center", fontsize=8)


def _lying(axes: Axes, names: Sequence[str], unit: str) -> None:
    """Bars one below the other, the first on top, each with its name."""
    axes.set_yticks(range(len(names)), [_wrapped(name) for name in names])
    axes.set_ylim(len(names) - 0.45, -0.55)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=True, axis="x")
    axes.set_xlabel(unit)


def _upright(axes: Axes, points: Sequence[Point], unit: str, *, log: bool) -> None:
    if log:
        axes.set_yscale("log")
    elif all(point.low >= 0 for point in points):
        axes.set_ylim(0, max((point.high for point in points), default=1.0) * 1.08 or 1.0)
    _plain(axes, "y", log=log)
    axes.grid(visible=True, axis="y")
    axes.set_ylabel(unit)


def _plain(axes: Axes, which: str, *, log: bool) -> None:
    """Numbers as people write them, and not too many."""
    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_major_locator(_decades(*axis.get_view_interval()) if log else MaxNLocator(6))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    axis.set_minor_formatter(NullFormatter())


def _decades(low: float, high: float) -> LogLocator:
    return LogLocator(subs=(1.0, 2.0, 5.0) if high / low < 300 else (1.0,), numticks=9)


def _whisker(
    axes: Axes, point: Point, at: float, most: float, *, horizontal: bool, log: bool, colour: str = _INK
) -> None:
    if point.high < point.low * 1.02 if log else point.high - point.low < most / 500:
        return
    reach = [[point.at - point.low], [point.high - point.at]]
    x, y = ([point.at], [at]) if horizontal else ([at], [point.at])
    xerr, yerr = (reach, None) if horizontal else (None, reach)
    axes.errorbar(x, y, xerr=xerr, yerr=yerr, color=colour, elinewidth=1.0, capsize=2.5, fmt="none")


def _is_log(points: Iterable[Point], span: float) -> bool:
    middles = [point.at for point in points]
    return len(middles) > 1 and min(middles) > 0 and max(middles) / min(middles) > span


def _apart(ats: list[float]) -> list[float]:
    """Those that have room for a label on a logarithmic axis."""
    span = math.log(ats[-1] / ats[0]) if ats[0] > 0 else math.log(ats[-1] / min(at for at in ats if at > 0)) + 1
    kept = [ats[-1]]
    for at in reversed(ats[:-1]):
        if at <= 0 or math.log(kept[-1] / at) > span / 12:
            kept.append(at)
    return sorted(kept)


def _wrapped(text: str) -> str:
    lines = [""]
    for word in text.split(" "):
        if lines[-1] and len(lines[-1]) + len(word) >= _LABEL:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}".strip()
    return "\n".join(lines)

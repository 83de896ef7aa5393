"""The report: one HTML file with plots and tables, that needs nothing else and no network."""

from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

from benchmarks import plots
from benchmarks.blocks import Block, blocks, lone, parts
from benchmarks.charts import Chart, charts
from benchmarks.figures import Curve, Figure, Results
from benchmarks.spelling import counted, samples, spell, spread, unit
from benchmarks.suite import PARTS

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>ingest: benchmarks, {at}</title>
<style>{style}</style>
</head>
<body>
<header>
<h1>ingest: benchmarks</h1>
<p><code>{command}</code>, {at}</p>
</header>
{body}
</body>
</html>
"""

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --bad: #d9574f; }
body { font: 15px/1.5 system-ui, "DejaVu Sans", sans-serif; max-width: 78rem; margin: 0 auto; padding: 1.5rem; }
h1 { margin: 0; font-size: 1.6rem; } h2 { margin: 3rem 0 .2rem; padding-top: .6rem; border-top: 2px solid var(--line); }
h3 { margin: 0 0 .4rem; font-size: 1rem; } p { margin: .3rem 0; }
code { font: .85em ui-monospace, "DejaVu Sans Mono", monospace; background: var(--soft); padding: .1em .3em; }
nav { border: 1px solid var(--line); border-radius: 6px; padding: .6rem 1rem; margin: 1rem 0; }
nav a { color: inherit; display: block; text-decoration: none; } nav a:hover { text-decoration: underline; }
nav a span { opacity: .7; margin-left: .6rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; margin: .5rem 0; }
dt { opacity: .7; } dd { margin: 0; overflow-wrap: anywhere; }
.faults { border: 2px solid var(--bad); border-radius: 6px; padding: .6rem 1rem; margin: 1rem 0; }
.faults li { overflow-wrap: anywhere; }
.plots { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(32rem, 100%), 1fr)); gap: 1rem; }
.plots { margin: 1rem 0; }
figure { margin: 0; border: 1px solid var(--line); border-radius: 6px; padding: .8rem; }
figure svg { width: 100%; height: auto; display: block; }
figcaption, caption { font-size: .8rem; opacity: .8; text-align: left; caption-side: bottom; padding-top: .3rem; }
.wide { overflow-x: auto; margin: 1rem 0; }
table { border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .7rem; border-bottom: 1px solid var(--line); text-align: right; vertical-align: top; }
th:first-child, td:first-child { text-align: left; }
th { font-weight: 600; } tbody th { font-weight: 400; } thead th { vertical-align: bottom; }
th small, td small { opacity: .7; font-weight: 400; display: block; white-space: nowrap; }
tbody tr:nth-child(even) { background: var(--soft); }
td.samples { text-align: left; max-width: 30rem; overflow-wrap: anywhere; } td.words { text-align: left; }
details { margin: 1rem 0; } summary { cursor: pointer; }
"""


_ABOUT = {"machine": "Machine", "versions": "Versions", "settings": "Settings", "took_s": "Seconds that it took"}


def save(path: Path, results: Results) -> None:
    """Write the report to `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(html(results))


def html(results: Results) -> str:
    """The report as a text."""
    about = results.about
    body = "\n".join(_body(results))
    said = {name: escape(str(about.get(name, ""))) for name in ("command", "at")}
    return _PAGE.format(style=_STYLE, body=body, **said)


def _body(results: Results) -> Iterator[str]:
    outcome = results.outcome
    figures = parts(outcome.figures)
    curves: dict[str, list[Curve]] = {}
    for curve in outcome.curves:
        curves.setdefault(curve.part, []).append(curve)
    names = [name for name in PARTS if name in figures or name in curves]
    names += sorted((figures.keys() | curves.keys()).difference(names))
    if outcome.faults:
        yield f'<section class="faults"><h3>Faults</h3>{_list(outcome.faults)}</section>'
    links = (f'<a href="#{name}">{name} <span>{escape(PARTS.get(name, ""))}</span></a>' for name in map(escape, names))
    yield f"<nav>{''.join(links)}</nav>"
    yield from _about(results)
    yield (
        "<p>In the plots a bar or a mark is the median of the samples, and so is the number beside it; whiskers go "
        "from the least to the most sample. Ratios have a dashed line at 1.</p>"
    )
    if outcome.notes:
        yield f"<h3>Notes</h3>{_list(outcome.notes)}"
    for name in names:
        yield from _part(name, figures.get(name, []), curves.get(name, []))


def _about(results: Results) -> Iterator[str]:
    for key, title in _ABOUT.items():
        pairs = results.about.get(key) or {}
        rows = [f"<dt>{escape(str(name))}</dt><dd>{escape(_said(value))}</dd>" for name, value in pairs.items()]
        if rows:
            opened = " open" if key == "machine" else ""
            yield f"<details{opened}><summary>{title}</summary><dl>{''.join(rows)}</dl></details>"


def _said(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {each}" for name, each in value.items()) or "as by default"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _list(texts: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(text)}</li>' for text in texts)}</ul>"


def _part(name: str, figures: Sequence[Figure], curves: Sequence[Curve]) -> Iterator[str]:
    yield f'<section id="{escape(name)}"><h2>{escape(name)}</h2><p>{escape(PARTS.get(name, ""))}</p>'
    drawn = (_plot(chart, f"{name}-{number}") for number, chart in enumerate(charts(figures, curves)))
    yield f'<div class="plots">{"".join(drawn)}</div>'
    found, listed = lone(list(blocks(figures)))
    for block in found:
        yield _table(block)
    if listed:
        yield _listed(listed)
    if figures:
        yield _every_sample(figures)
    yield "</section>"


def _plot(chart: Chart, prefix: str) -> str:
    return (
        f"<figure><h3>{escape(chart.title or chart.unit)}</h3>{plots.svg(chart, prefix)}"
        f"<figcaption>{_commands(chart.commands)}</figcaption></figure>"
    )


def _commands(commands: Sequence[str]) -> str:
    return ", ".join(f"<code>{escape(command)}</code>" for command in commands)


def _table(block: Block) -> str:
    by_case = len(block.names) <= len(block.cases)
    rows, columns = (block.cases, block.names) if by_case else (block.names, block.cases)
    units = {name: unit(block.of_name(name)[0]) for name in block.names}

    def head(text: str) -> str:
        small = f"<small>{escape(units[text])}</small>" if text in units else ""
        return f"<th>{escape(text)}{small}</th>"

    lines = []
    for row in rows:
        pairs = [(row, column) if by_case else (column, row) for column in columns]
        cells = "".join(_cell(block.figures.get(pair)) for pair in pairs)
        lines.append(f"<tr>{f'<th>{escape(row)}</th>' if by_case else head(row)}{cells}</tr>")
    heads = "".join(head(column) if by_case else f"<th>{escape(column)}</th>" for column in columns)
    return (
        f'<div class="wide"><table><caption>{counted(*block.sample_counts())}; '
        f"{_commands(block.commands())}</caption>"
        f"<thead><tr><th></th>{heads}</tr></thead><tbody>{''.join(lines)}</tbody></table></div>"
    )


def _listed(figures: Sequence[Figure]) -> str:
    rows = "".join(
        f'<tr><th>{escape(figure.case)}</th><td class="words">{escape(figure.name)}</td>{_cell(figure)}'
        f'<td class="words">{escape(unit(figure))}</td></tr>'
        for figure in figures
    )
    commands = _commands(list(dict.fromkeys(figure.command for figure in figures)))
    counts = [len(figure.samples) for figure in figures]
    return (
        f'<div class="wide"><table><caption>{counted(min(counts), max(counts))}; {commands}</caption>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _cell(figure: Figure | None) -> str:
    if figure is None:
        return "<td>-</td>"
    said = samples(len(figure.samples))
    return f'<td title="{said}">{spell(figure.median)}<small>{spread(figure)}</small></td>'


def _every_sample(figures: Sequence[Figure]) -> str:
    rows = "".join(
        f'<tr><td>{escape(figure.case)}</td><td class="words">{escape(figure.name)}</td><td class="words">'
        f'{escape(unit(figure))}</td><td class="words">{figure.better}</td><td>{spell(figure.median)}</td>'
        f'<td class="samples">{" ".join(map(spell, figure.samples))}</td>'
        f'<td class="words"><code>{escape(figure.command)}</code></td></tr>'
        for figure in figures
    )
    heads = "".join(f"<th>{head}</th>" for head in ("case", "figure", "unit", "better", "median", "samples", "command"))
    return (
        f"<details><summary>Every sample of all {len(figures)} figures</summary>"
        f'<div class="wide"><table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div></details>'
    )

"""Figures for people at a terminal."""

from collections.abc import Callable, Iterator, Sequence

from rich.console import Console
from rich.table import Table

from benchmarks.blocks import Block, blocks, lone, parts
from benchmarks.figures import Figure, Outcome
from benchmarks.spelling import counted, spell, spread, unit

_MARGIN = 3  # between columns


def show(console: Console, outcome: Outcome) -> None:
    """A table for each block of each part, then the notes and the faults."""
    for name, figures in parts(outcome.figures).items():
        console.print(f"\n[bold]{name}[/bold]")
        found, listed = lone(list(blocks(figures)))
        for block in found:
            for table in tables(block, console.width):
                console.print(table)
            console.print(_caption(block), markup=False, style="dim")
        if listed:
            console.print(_listed(listed))
    for note in outcome.notes:
        console.print(f"note: {note}", markup=False)
    for fault in outcome.faults:
        console.print(f"FAULT: {fault}", markup=False, style="bold red")


def _listed(figures: Sequence[Figure]) -> Table:
    """A row a figure: for cases that have no name in common."""
    table = Table(header_style="")
    for heading in ("", "", "median", "least - most", "unit", "samples"):
        table.add_column(heading, justify="right" if heading in ("median", "least - most", "samples") else "left")
    case = None
    for figure in figures:
        head = figure.case if figure.case != case else ""
        if head and case is not None:
            table.add_section()
        cells = (spell(figure.median), spread(figure), unit(figure), str(len(figure.samples)))
        table.add_row(head, figure.name, *cells)
        case = figure.case
    return table


def show_beside(console: Console, peer: str, outcome: Outcome) -> None:
    """The ratios to one peer alone: what a reader of a long output looks for at its end."""
    ratios = [each for each in outcome.figures if each.ratio and each.case.endswith(f" beside {peer}")]
    if ratios:
        console.print(f"\n[bold]beside the {peer}[/bold]")
    for block in blocks(ratios):
        for table in tables(block, console.width):
            console.print(table)


def tables(block: Block, width: int) -> Iterator[Table]:
    """A block as one table, or as several where it is wider than `width`."""
    by_case = len(block.names) <= len(block.cases)
    rows, columns = (block.cases, block.names) if by_case else (block.names, block.cases)

    def find(row: str, column: str) -> Figure | None:
        return block.figures.get((row, column) if by_case else (column, row))

    names = {name: unit(block.of_name(name)[0]) for name in block.names}
    heads = [name if not by_case else f"{name}\n{names[name]}" for name in columns]
    labels = [row if by_case else f"{row}, {names[row]}" for row in rows]
    cells = [[_cell(find(row, column), block) for column in columns] for row in rows]
    for chosen in _fitting(labels, heads, cells, width):
        table = Table(header_style="")
        table.add_column("")
        for column in chosen:
            table.add_column(heads[column], justify="right", no_wrap=False)
        for label, row in zip(labels, cells, strict=True):
            table.add_row(label, *(row[column] for column in chosen))
        yield table


def _cell(figure: Figure | None, block: Block) -> str:
    if figure is None:
        return "-"
    least, most = block.sample_counts()
    count = f" /{len(figure.samples)}" if least < most else ""
    between = spread(figure)
    return spell(figure.median) + (f" ({between})" if between else "") + count


def _caption(block: Block) -> str:
    least, most = block.sample_counts()
    said = counted(least, most) + (", their number behind the /" if least < most else "")
    return f"{said}; {', '.join(block.commands())}"


def _fitting(
    labels: Sequence[str], heads: Sequence[str], cells: Sequence[Sequence[str]], width: int
) -> Iterator[list[int]]:
    """The columns of each table: as many as have room beside the labels, one at least."""
    longest: Callable[[Sequence[str]], int] = lambda texts: max(map(len, texts), default=0)  # noqa: E731
    first = longest(labels) + _MARGIN + 1
    chosen: list[int] = []
    used = first
    for column, head in enumerate(heads):
        # A head may wrap, a cell must not.
        wide = max(longest([row[column] for row in cells]), longest(head.replace("\n", " ").split()), 10) + _MARGIN
        if chosen and used + wide > width:
            yield chosen
            chosen, used = [], first
        chosen.append(column)
        used += wide
    yield chosen

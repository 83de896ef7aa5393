"""A table whose columns fit the width.

Rules
1. Columns are left out as the width shrinks, those with the least `keep` first; at equal `keep` the last one. A column
   is left out as a whole, so no figure is cut.
2. A column of names may shrink down to its `least` before a column is left out; its names are shortened in the middle.
3. A column in which no row has a value is not shown.
4. One column always stays. If even it is too wide, its cells are shortened.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rich.cells import cell_len

from ingest.status.live import text
from ingest.status.live.text import Line, Part


@dataclass(frozen=True, slots=True)
class Column:
    """A heading and its cells. `least`: a column of names may shrink to this width; None: it is shown whole.

    `prose`: it is shortened at its end, not in the middle.
    """

    heading: str
    cells: tuple[str, ...]
    keep: int
    left: bool = False
    least: int | None = None
    styles: tuple[str, ...] = ()
    prose: bool = False

    @property
    def width(self) -> int:
        """In cells of the terminal, heading included."""
        return max([cell_len(self.heading), *map(cell_len, self.cells)])


def fitting(columns: Sequence[Column], width: int, gap: int) -> tuple[list[tuple[Column, int]], list[str]]:
    """The columns that fit `width` with their widths, and the headings of those left out by rule 1."""
    kept = [column for column in columns if any(column.cells)]
    dropped: list[str] = []
    while len(kept) > 1 and _least(kept, gap) > width:
        index = min(range(len(kept)), key=lambda index: (kept[index].keep, -index))
        dropped.append(kept.pop(index).heading)
    widths = [column.width for column in kept]
    over = sum(widths) + gap * (len(kept) - 1) - width
    for index, column in enumerate(kept):
        if over > 0 and (column.least is not None or len(kept) == 1):
            less = min(over, widths[index] - min(column.least or 1, widths[index]))
            widths[index] -= less
            over -= less
    return list(zip(kept, widths, strict=True)), dropped


def whole(columns: Sequence[Column], gap: int) -> int:
    """The width at which nothing is left out or shortened."""
    kept = [column for column in columns if any(column.cells)]
    return sum(column.width for column in kept) + gap * max(len(kept) - 1, 0)


def rows(columns: Sequence[tuple[Column, int]], gap: int) -> list[Line]:
    """The heading and the rows."""
    made: list[list[Part]] = [[]]
    for index, (column, width) in enumerate(columns):
        space = " " * gap if index else ""
        made[0].append(Part(space + _padded(column.heading, width, left=column.left), "dim"))
        made += [[] for _ in range(len(column.cells) + 1 - len(made))]
        for row, cell in enumerate(column.cells, 1):
            style = column.styles[row - 1] if column.styles else ""
            made[row].append(Part(space + _padded(cell, width, left=column.left, prose=column.prose), style))
    return [tuple(row) for row in made]


def part_of(column: Column, start: int, stop: int) -> Column:
    """The same column with some of its cells."""
    return replace(column, cells=column.cells[start:stop], styles=column.styles[start:stop])


def _least(columns: Sequence[Column], gap: int) -> int:
    widths = [column.width if column.least is None else min(column.least, column.width) for column in columns]
    return sum(widths) + gap * (len(columns) - 1)


def _padded(cell: str, width: int, *, left: bool, prose: bool = False) -> str:
    cell = text.sentence(cell, width) if prose else text.name(cell, width)
    space = " " * (width - cell_len(cell))
    return cell + space if left else space + cell

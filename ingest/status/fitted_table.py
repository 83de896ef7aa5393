"""A table of a report that fits the width it is printed at: columns are left out and named, figures stay whole."""

from collections.abc import Sequence

from rich.table import Table

from ingest.status.live.columns import Column, fitting

_BORDER = 4  # cells around the first and the last column
_BETWEEN = 3


def fitted(title: str, columns: Sequence[Column], width: int, *, total: bool) -> Table:
    """The table in `width` cells; prose is wrapped. With `total` the last row is the sum of the others."""
    found, dropped = fitting(columns, width - _BORDER, _BETWEEN)
    table = Table(title=title, title_justify="left")
    for column, wide in found:
        left = column.left or column.prose
        table.add_column(column.heading, justify="left" if left else "right", width=wide, no_wrap=not column.prose)
    rows = list(zip(*(column.cells for column, _ in found), strict=True))
    for index, row in enumerate(rows):
        if total and index == len(rows) - 1:
            table.add_section()
        table.add_row(*row)
    if dropped:
        table.caption = f"too narrow for: {', '.join(dropped)} (--json has all)"
    return table

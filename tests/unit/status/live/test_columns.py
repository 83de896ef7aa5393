"""Columns are left out by importance, names shrink first, and one column always stays."""

from ingest.status.live.columns import Column, fitting, rows, whole

COLUMNS = [
    Column("worker", ("0", "1"), 9),
    Column("topic", ("predictions-of-europe", "x"), 8, left=True, least=8),
    Column("read/s", ("12,345", "1"), 5),
    Column("pid", ("", ""), 7),
    Column("memory", ("180 MB", "180 MB"), 3),
]


def test_names_shrink_before_columns_are_left_out() -> None:
    assert whole(COLUMNS, 2) == 45
    found, dropped = fitting(COLUMNS, 40, 2)
    assert ([column.heading for column, _ in found], dropped) == (["worker", "topic", "read/s", "memory"], [])
    assert [width for _, width in found] == [6, 16, 6, 6]


def test_the_least_important_columns_are_left_out_and_named() -> None:
    found, dropped = fitting(COLUMNS, 24, 2)
    assert [column.heading for column, _ in found] == ["worker", "topic", "read/s"]
    assert dropped == ["memory"]
    assert fitting(COLUMNS, 3, 2)[0][0][1] == 3


def test_rows_are_as_wide_as_their_columns() -> None:
    found, _ = fitting(COLUMNS, 40, 2)
    lines = ["".join(part.text for part in line) for line in rows(found, 2)]
    assert lines == [
        "worker  topic             read/s  memory",
        "     0  predicti…-europe  12,345  180 MB",
        "     1  x                      1  180 MB",
    ]

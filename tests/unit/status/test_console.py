"""A table has the width of its terminal; COLUMNS counts everywhere, and a file or a pipe has no width."""

import io

import pytest

from ingest.status.console import width_for


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("columns", "in_a_terminal", "in_a_pipe"),
    [("80", 80, 80), ("200", 200, 200), ("", None, 160), ("0", None, 160), ("wide", None, 160), ("-5", None, 160)],
)
def test_columns_count_where_they_are_set(
    columns: str, in_a_terminal: int | None, in_a_pipe: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert width_for(Terminal(), 160) == in_a_terminal
    assert width_for(io.StringIO(), 160) == in_a_pipe


def test_without_columns_a_pipe_has_no_width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    assert width_for(Terminal(), 160) is None
    assert width_for(io.StringIO(), 160) == 160

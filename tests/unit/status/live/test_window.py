"""The view lives on the alternate screen: lines alone stay on the main one, and the end leaves nothing behind."""

from ingest.status.live.window import Window
from tests.harness.terminal import Emulator


def test_lines_are_in_the_scrollback_while_the_view_is_there() -> None:
    terminal = Emulator(20, 5)
    window = Window(terminal)
    window.draw(["view 1"], (20, 5))
    window.draw(["view 2"], (20, 5), ["line 1", "line 2"])
    assert (terminal.alternate, terminal.cursor, terminal.shown[0]) == (True, False, "view 2")
    assert terminal.main == ["line 1", "line 2", ""]
    window.close(["line 3"])
    assert (terminal.alternate, terminal.cursor, terminal.wraps) == (False, True, True)
    assert terminal.main == ["line 1", "line 2", "line 3", ""]


def test_the_last_column_and_the_last_row_are_shown_and_nothing_scrolls() -> None:
    terminal = Emulator(8, 3)
    Window(terminal).draw(["12345678", "abcdefgh", "ABCDEFGH"], (8, 3))
    assert terminal.shown == ["12345678", "abcdefgh", "ABCDEFGH"]
    assert terminal.scrolled == 0


def test_a_window_of_another_size_has_no_rest_of_the_former() -> None:
    terminal = Emulator(20, 6)
    window = Window(terminal)
    window.draw(["x" * 20] * 6, (20, 6))
    terminal.resize(10, 4)
    window.draw(["y" * 5, "z"], (10, 4))
    assert terminal.shown == ["yyyyy", "z", "", ""]
    terminal.resize(30, 8)
    window.draw(["w"], (30, 8))
    assert terminal.shown == ["w", *[""] * 7]
    window.close()
    assert terminal.main == [""]


def test_what_did_not_change_is_not_written_again() -> None:
    terminal = Emulator()
    window = Window(terminal)
    for _ in range(3):
        window.draw(["the same"], (80, 24))
    assert len(terminal.writes) == 1


def test_without_a_view_lines_are_only_lines() -> None:
    terminal = Emulator()
    Window(terminal).close(["a line"])
    assert terminal.writes == ["a line\n"]
    Window(terminal).close()
    assert len(terminal.writes) == 1


def test_nothing_of_the_view_is_left_for_a_terminal_that_has_grown_to_keep() -> None:
    # tmux 3.3 moves what stands on the alternate screen into the scrollback when that has grown and is left.
    terminal = Emulator()
    window = Window(terminal)
    window.draw(["a"], (80, 24))
    window.draw(["b"], (80, 24), above=["line"])
    window.close(["end"])
    leaving = [text.partition("\x1b[?1049l")[0] for text in terminal.writes if "\x1b[?1049l" in text]
    assert len(leaving) == 2
    assert all(text.startswith("\x1b[H\x1b[2J") for text in leaving)
    assert [line for line in terminal.main if line] == ["line", "end"]

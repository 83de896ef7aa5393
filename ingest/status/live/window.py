"""The terminal's alternate screen, in which the live view is redrawn, and the main screen, on which lines stay.

Rules
1. The view is drawn on the alternate screen, as by `top` and `less`: resizing it can't leave half a table behind, and
   the scrollback holds lines alone. `close` brings the main screen and the cursor back. The view is erased before it is
   left: tmux moves a part of it into the scrollback if the window has grown.
2. Lines are printed on the main screen when they come: the window switches there and back in the same write. So they
   are in the scrollback even if the process is killed.
3. Every row is erased before it is drawn (after it, the last column would be lost), and the last one has no newline:
   the screen never scrolls.
4. What is drawn and did not change is not written again.
"""

from collections.abc import Sequence
from typing import IO

_ALTERNATE, _MAIN = "\x1b[?1049h", "\x1b[?1049l"
_HIDE, _SHOW = "\x1b[?25l", "\x1b[?25h"
_NO_WRAP, _WRAP = "\x1b[?7l", "\x1b[?7h"
_HOME, _ERASE_LINE, _ERASE_BELOW, _ERASE_ALL = "\x1b[H", "\x1b[K", "\x1b[J", "\x1b[2J"


class Window:
    """Draws on `stream`, which is a terminal. Raises what writing to it raises."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._open = False
        self._drawn: tuple[tuple[int, int], list[str]] | None = None

    def draw(self, lines: Sequence[str], size: tuple[int, int], above: Sequence[str] = ()) -> None:
        """Show `lines`, which fit `size` (columns, rows); first print `above` on the main screen."""
        shown = list(lines[: size[1]])
        fresh = not self._open or bool(above) or self._drawn is None or self._drawn[0] != size
        if not fresh and self._drawn is not None and self._drawn[1] == shown:
            return
        text = self._printed(above) if above else ""
        text += _ALTERNATE + _HIDE + _NO_WRAP if above or not self._open else ""
        text += _ERASE_ALL if fresh else ""
        text += _HOME + "\r\n".join(f"{_ERASE_LINE}{one}" for one in shown)
        if len(shown) < size[1]:
            text += "\r\n" + _ERASE_BELOW
        self._open, self._drawn = True, (size, shown)
        self._write(text)

    def close(self, above: Sequence[str] = ()) -> None:
        """Bring the main screen back, and print `above` on it."""
        text = self._printed(above)
        self._open, self._drawn = False, None
        if text:
            self._write(text)

    def _printed(self, above: Sequence[str]) -> str:
        leave = _HOME + _ERASE_ALL + _WRAP + _SHOW + _MAIN if self._open else ""
        return leave + "".join(f"{one}\n" for one in above)

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()

"""As much of a terminal as the live view uses: the main and the alternate screen, erasing, the cursor's visibility."""

import io
import re

_CODE = re.compile(r"\x1b\[(\??[0-9;]*)([A-Za-z])|\r|\n|[^\x1b\r\n]")


class Emulator(io.StringIO):
    """A stream that is a terminal. `main` has the lines that were printed, `shown` the rows of the alternate screen."""

    def __init__(self, width: int = 80, height: int = 24) -> None:
        super().__init__()
        self.width, self.height = width, height
        self.alternate, self.cursor, self.wraps = False, True, True
        self.main: list[str] = [""]
        self.rows: list[list[str]] = []
        self.scrolled = 0
        self.writes: list[str] = []
        self._at = (0, 0)
        self._clear()

    def isatty(self) -> bool:
        """It is."""
        return True

    @property
    def shown(self) -> list[str]:
        """The rows, without blanks at their ends."""
        return ["".join(row).rstrip() for row in self.rows]

    def resize(self, width: int, height: int) -> None:
        """The alternate screen is cut or grows; nothing moves."""
        before, self.width, self.height = self.rows, width, height
        self._clear()
        for old, new in zip(before, self.rows, strict=False):
            new[: min(len(old), width)] = old[:width]

    def write(self, text: str) -> int:
        """Do what `text` says."""
        self.writes.append(text)
        for found in _CODE.finditer(text):
            code, final = found.groups()
            if final is None:
                self._character(found[0])
            else:
                self._control(code, final)
        return len(text)

    def _clear(self) -> None:
        self.rows = [[" "] * self.width for _ in range(self.height)]

    def _control(self, code: str, final: str) -> None:
        row, column = self._at
        match code, final:
            case "?1049", _:
                self.alternate = final == "h"
                self._clear()
            case "?25", _:
                self.cursor = final == "h"
            case "?7", _:
                self.wraps = final == "h"
            case "", "H":
                self._at = (0, 0)
            case "2", "J":
                self._clear()
            case "", "J" | "K":
                self._erase(row, column, rest=final == "J")
            case _:
                assert final == "m", f"a code that nobody expects: {code}{final}"

    def _erase(self, row: int, column: int, *, rest: bool) -> None:
        start = min(column, self.width - 1)  # after the last column the cursor still stands on it
        self.rows[row][start:] = " " * (self.width - start)
        if rest:
            self.rows[row + 1 :] = [[" "] * self.width for _ in self.rows[row + 1 :]]

    def _character(self, character: str) -> None:
        if not self.alternate:
            if character == "\n":
                self.main.append("")
            elif character != "\r":
                self.main[-1] += character
            return
        row, column = self._at
        if character == "\r":
            self._at = (row, 0)
        elif character == "\n":
            self.scrolled += row + 1 >= self.height
            self._at = (min(row + 1, self.height - 1), column)
        else:
            self.rows[row][min(column, self.width - 1)] = character
            self._at = (row, column + 1)

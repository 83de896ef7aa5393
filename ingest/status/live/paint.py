"""Lines as what a terminal takes, and as rich's text for pictures."""

from rich.console import Console
from rich.text import Text

from ingest.status.live.text import Line

_MARK = "x"


class Painter:
    """Makes escape codes, as many as rich's `console` allows: no colours with NO_COLOR, or on a terminal without."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._codes: dict[str, tuple[str, str]] = {"": ("", "")}

    def paint(self, line: Line) -> str:
        """The line without a newline."""
        found = []
        for part in line:
            before, after = self._code(part.style)
            found.append(f"{before}{part.text}{after}")
        return "".join(found)

    def _code(self, style: str) -> tuple[str, str]:
        if style not in self._codes:
            with self._console.capture() as capture:
                self._console.print(Text(_MARK, style), end="")
            before, _, after = capture.get().partition(_MARK)
            self._codes[style] = (before, after)
        return self._codes[style]


def as_text(lines: list[Line]) -> Text:
    """The same for rich."""
    return Text("\n").join(Text.assemble(*((part.text, part.style) for part in line)) for line in lines)

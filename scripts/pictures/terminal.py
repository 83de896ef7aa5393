"""Pictures of the terminal, as SVG, from a run's own snapshot."""

import io
from pathlib import Path

from rich.console import Console

from ingest.status import remote
from ingest.status.live.paint import as_text
from ingest.status.live.view import render

FONT = "'Fira Code', 'DejaVu Sans Mono', Menlo, Consolas, monospace"


def draw(base: str, file: Path, size: tuple[int, int], title: str) -> None:
    """The run at `base` as the live view shows it in a window of `size` (columns, rows)."""
    width, height = size
    snapshot = remote.ask(remote.address(base)).snapshot
    console = Console(record=True, file=io.StringIO(), width=width, height=height, force_terminal=True)
    console.print(as_text(render(snapshot, width, height)))
    svg = console.export_svg(title=title, font_aspect_ratio=0.61)
    # The picture must not load a font from elsewhere: the documents work without a network.
    head, rest = svg.split("<style>", 1)
    style, tail = rest.split("</style>", 1)
    first, *faces = style.split("@font-face")
    kept = first + "".join(face.split("}", 1)[1] for face in faces)
    svg = head + "<style>" + kept.replace("Fira Code, monospace", FONT) + "</style>" + tail
    file.write_text("\n".join(line.rstrip() for line in svg.splitlines()) + "\n")

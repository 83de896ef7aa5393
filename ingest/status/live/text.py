"""Text that fits: what is shortened, and where.

Rules
1. A name is shortened in the middle, as its beginning and its end tell it apart. A sentence is shortened at its end,
   between two words. A figure is never shortened: the column or field that holds it is left out.
2. Widths are in cells of the terminal: some characters take two. Control characters are not passed on.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size

ELLIPSIS = "…"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a line in one of rich's styles."""

    text: str
    style: str = ""


Line = tuple[Part, ...]
"""One row of the window; it is not wider than the window."""


def line(*parts: Part | str) -> Line:
    """A line of these parts."""
    return tuple(Part(part) if isinstance(part, str) else part for part in parts)


def width_of(parts: Iterable[Part]) -> int:
    """In cells."""
    return sum(cell_len(part.text) for part in parts)


def plain(text: str) -> str:
    """`text` in one line, without control characters."""
    return _CONTROL.sub(" ", text) if not text.isprintable() else text


def name(text: str, width: int) -> str:
    """A name of at most `width` cells: `predictions-of-eu-west` in 12 is `predic…-west`."""
    text = plain(text)
    if cell_len(text) <= width:
        return text
    if width <= 1:
        return ELLIPSIS[:width]
    end = (width - 1) // 2
    first = set_cell_size(text, width - 1 - end).rstrip()
    last = text[len(text) - end :] if end else ""
    while cell_len(last) > end:
        last = last[1:]
    return f"{first}{ELLIPSIS}{last}"


def sentence(text: str, width: int) -> str:
    """A sentence of at most `width` cells, whole words and an ellipsis."""
    text = plain(text)
    if cell_len(text) <= width:
        return text
    cut = set_cell_size(text, max(width - 2, 0))
    words = cut.rpartition(" ")[0] if not text[len(cut) : len(cut) + 1].isspace() else cut
    return f"{(words or cut).rstrip()} {ELLIPSIS}"[: max(width, 0)]


def wrapped(text: str, first: int, width: int, most: int) -> list[str]:
    """`text` in at most `most` rows of `width` cells, the first one of `first`; the last is shortened if need be."""
    words, rows, room = plain(text).split(), list[str](), first
    row = ""
    for index, word in enumerate(words):
        longer = f"{row} {word}" if row else word
        if cell_len(longer) <= room:
            row = longer
            continue
        if len(rows) + 1 == most:
            return [*rows, sentence(" ".join([row, *words[index:]]).strip(), room)]
        if not row:  # one word that is wider than the row
            rows.append(name(word, room))
            row, room = "", width
            continue
        rows.append(row)
        row, room = name(word, width), width
    return [*rows, row]


@dataclass(frozen=True, slots=True)
class Field:
    """A figure in a line of figures. `keep`: the fields with the greatest are the last to be left out."""

    text: str
    keep: int
    style: str = ""


def fields(found: Sequence[Field], width: int, gap: int = 3) -> Line:
    """As many whole fields as fit, in their order, the most important ones first chosen."""
    chosen: set[int] = set()
    used = -gap
    for index in sorted(range(len(found)), key=lambda index: -found[index].keep):
        needed = cell_len(found[index].text) + gap
        if found[index].text and used + needed <= width:
            chosen.add(index)
            used += needed
    parts: list[Part] = []
    for index in sorted(chosen):
        parts += ([Part(" " * gap)] if parts else []) + [Part(found[index].text, found[index].style)]
    return tuple(parts)

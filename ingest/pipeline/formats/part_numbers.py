"""Which of a message's predictions are meant: their indices, as text in a header.

Rules
1. The header `ingest.parts` of a message names the predictions that are to be delivered, the others have been before: a
   replay sets it, and a dead letter of which only some predictions failed has it.
2. The text is ascending numbers and ranges with both ends: `0,2-4`.
3. A header that can't be read is not there: then the whole message is meant.
4. The header `ingest.decoded` marks a dead letter whose message Kafka no longer had: its value is the row of each of
   these predictions, an object or a list of them.
"""

import re
from collections.abc import Sequence

from ingest.records import Headers, header_pairs

PARTS = "ingest.parts"
DECODED = "ingest.decoded"

_RANGE = re.compile(r"([0-9]{1,9})(?:-([0-9]{1,9}))?")
_MOST = 10_000_000


def as_text(parts: Sequence[int]) -> str:
    """Ascending indices as text (rule 2)."""
    ranges: list[list[int]] = []
    for part in parts:
        if ranges and part == ranges[-1][1] + 1:
            ranges[-1][1] = part
        else:
            ranges.append([part, part])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in ranges)


def from_text(text: str) -> tuple[int, ...]:
    """The indices in `text`; none if it can't be read (rule 3)."""
    found: list[int] = []
    for each in text.split(","):
        match = _RANGE.fullmatch(each)
        if match is None:
            return ()
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first or (found and first <= found[-1]) or last - first + len(found) >= _MOST:
            return ()
        found.extend(range(first, last + 1))
    return tuple(found)


def chosen(headers: Headers) -> tuple[int, ...]:
    """The predictions that a message's headers name; empty if all of it is meant."""
    values = [value for name, value in header_pairs(headers) if name == PARTS and value is not None]
    if not values:
        return ()
    return from_text(values[-1] if isinstance(values[-1], str) else values[-1].decode("ascii", "replace"))


def is_decoded(headers: Headers) -> bool:
    """Rule 4."""
    return any(name == DECODED for name, _ in header_pairs(headers))

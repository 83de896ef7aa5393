r"""The decode step, and the one place that knows orjson.

orjson decides what is valid JSON: it refuses NaN, Infinity, 1e400, lone surrogates, bad UTF-8, a byte order
mark and trailing content. Three things that it accepts silently are refused here, because a value would change:
- integers past 64 bits, which it turns into floats,
- duplicate keys, of which it keeps the last,
- valid JSON that is not an object.
`\u0000` in a string is a character like any other and passes.

A chunk of about 5,000 messages stays in the processor's cache. Each message is decoded by itself: joined with commas,
two broken messages can make valid ones and shift every row after them.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from ingest.errors import DecodeError
from ingest.pipeline.decoding import diagnosis
from ingest.pipeline.decoding.flatten import Row, flatten
from ingest.reasons import Reason
from ingest.records import Rejected

_QUOTE, _COLON, _BRACE = ord('"'), ord(":"), ord("{")
_IS_BLANK = np.zeros(256, dtype=np.bool_)
_IS_BLANK[list(b" \t\r\n")] = True
_TOO_DEEP, _TOO_LARGE = "depth limit exceeded", "number is infinity when parsed as double"  # in orjson's words
_TOMBSTONE = Reason("tombstone", "the message has no value (a tombstone); there is no prediction in it")
DUPLICATE_KEY = Reason("duplicate_key", "a key appears twice in one object, or it is nested too deep to tell")
_NUMBER = re.compile(r"-?[0-9]+([.eE])?")


@dataclass(frozen=True, slots=True)
class Parsed:
    """The objects of a chunk, flattened: `rows`, and in `indices` which of `values` each one was.

    `rejected` has the others by their index. Rows and rejected messages together are the whole chunk.
    """

    values: Sequence[bytes | None]
    rows: Sequence[Row]
    indices: Sequence[int]
    rejected: Mapping[int, Rejected]

    def choose(self, indices: Sequence[int]) -> "Parsed":
        """Only the messages of these indices, in this order; each index becomes the position in `indices`."""
        if len(indices) == len(self.values):
            return self
        found = dict(zip(self.indices, self.rows, strict=True))
        there = [(position, found[index]) for position, index in enumerate(indices) if index in found]
        return Parsed(
            [self.values[index] for index in indices],
            [row for _, row in there],
            [position for position, _ in there],
            {
                position: self.rejected[index].at(position)
                for position, index in enumerate(indices)
                if index in self.rejected
            },
        )


def parse(values: Sequence[bytes | None]) -> Parsed:
    """`values` are the raw messages of a chunk, None for a tombstone. Every index is parsed or rejected."""
    rejected: dict[int, Rejected] = {}
    rows, indices = _parse(values, rejected)
    text = _Text([values[index] or b"" for index in indices])
    keys = _flatten(rows, indices, text, rejected)
    twice = [indices[row] for row in text.beyond(keys) if has_duplicate(text.messages[row])]
    for index in twice:
        rejected.setdefault(index, Rejected(index, DUPLICATE_KEY))
    if rejected:
        rows = [row for row, index in zip(rows, indices, strict=True) if index not in rejected]
        indices = [index for index in indices if index not in rejected]
    return Parsed(values, rows, indices, rejected)


def _parse(values: Sequence[bytes | None], rejected: dict[int, Rejected]) -> tuple[list[Row], list[int]]:
    """The objects among `values` and their indices; everything else is put into `rejected`."""
    loads = orjson.loads
    try:
        rows = [loads(value) for value in values if value is not None]
    except orjson.JSONDecodeError:
        rows = []
    if len(rows) == len(values) and set(map(type, rows)) == {dict}:
        return rows, list(range(len(rows)))
    rows, indices = [], []
    for index, value in enumerate(values):
        try:
            rows.append(parse_object(value))
            indices.append(index)
        except DecodeError as fault:
            rejected[index] = Rejected(index, fault.reason)
    return rows, indices


def parse_object(value: bytes | None) -> Row:
    """The JSON object in one raw message. Raises DecodeError; its text never holds the payload."""
    if value is None:
        raise DecodeError(_TOMBSTONE)
    try:
        row = orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise DecodeError(_syntax_reason(value, error)) from None
    if not isinstance(row, dict):
        raise DecodeError(Reason("not_an_object", diagnosis.not_an_object(row)))
    return row


def parse_value(value: bytes) -> Any:
    """Any JSON value. Raises DecodeError; its text never holds the payload."""
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise DecodeError(_syntax_reason(value, error)) from None


def write_value(tree: object) -> bytes:
    """`tree` as JSON; a `Number` in it as its characters. Raises TypeError if it is nested too deep."""
    return orjson.dumps(tree, default=_fragment, option=orjson.OPT_PASSTHROUGH_SUBCLASS)


def _fragment(number: object) -> orjson.Fragment:
    return orjson.Fragment(str(number))


def _syntax_reason(value: bytes, error: orjson.JSONDecodeError) -> Reason:
    """Why orjson refused `value`. What is JSON, but more than orjson takes, is no syntax error."""
    if error.msg == _TOO_DEEP:
        return Reason("nested_too_deep", f"it is nested too deep at character {error.pos}")
    if error.msg == _TOO_LARGE:
        number = _NUMBER.match(value.decode(errors="replace"), error.pos)
        if number is not None and number[1] is None:
            return Reason("integer_past_64_bits", f"an integer past 64 bits, at character {error.pos}")
        return Reason("number_range", f"a number past the range of a 64-bit float at character {error.pos}")
    return Reason("not_json", diagnosis.not_json(value, error.pos, error.msg))


class _Text:
    """The text of a few hundred messages, examined together."""

    def __init__(self, messages: Sequence[bytes]) -> None:
        self.messages = messages
        self._bytes = np.frombuffer(b"".join(messages), dtype=np.uint8)

    def nested(self) -> list[int]:
        """The messages with a second opening brace: nested objects, or a brace in a string."""
        braces = self._bytes == _BRACE
        if int(np.count_nonzero(braces)) == len(self.messages):
            return []
        found: list[int] = np.flatnonzero(self._count(np.flatnonzero(braces)) > 1).tolist()
        return found

    def beyond(self, keys: npt.NDArray[np.int64]) -> list[int]:
        """The messages whose text may have more keys than were parsed.

        orjson keeps the last of two equal keys silently. Every key is followed by a colon whose last non-blank
        neighbour is a quote, so a message with no more of these than keys has no duplicate: that settles all but the
        few that hold such a colon inside a string.
        """
        text = self._bytes
        is_colon = text[1:] == _COLON  # the first byte is none, in an object
        is_colon &= text[:-1] <= _QUOTE  # a quote or a blank, seldom an exclamation mark: none is missed
        if int(np.count_nonzero(is_colon)) == int(keys.sum()):
            return []
        colons = np.flatnonzero(is_colon) + 1
        before = text[colons - 1]
        after_key = before == _QUOTE
        blank = _IS_BLANK[before]
        if blank.any():
            further = text[colons - 2]
            after_key |= blank & ((further == _QUOTE) | _IS_BLANK[further])
        if int(np.count_nonzero(after_key)) == int(keys.sum()):
            return []
        found: list[int] = np.flatnonzero(self._count(colons[after_key]) > keys).tolist()
        return found

    def _count(self, positions: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """The number of `positions` within each message."""
        ends = np.cumsum(np.fromiter(map(len, self.messages), dtype=np.int64, count=len(self.messages)))
        messages = np.searchsorted(ends, positions, side="right")
        return np.bincount(messages, minlength=len(self.messages))


def _flatten(
    rows: list[Row], indices: Sequence[int], text: _Text, rejected: dict[int, Rejected]
) -> npt.NDArray[np.int64]:
    """Flatten the nested rows in place; the number of keys of every row, nested ones included."""
    keys = np.fromiter(map(len, rows), dtype=np.int64, count=len(rows))
    for row in text.nested():
        try:
            rows[row], keys[row] = flatten(rows[row])
        except DecodeError as fault:
            rejected[indices[row]] = Rejected(indices[row], fault.reason)
    return keys


def has_duplicate(value: bytes) -> bool:
    """A key comes twice in an object of `value`, or it is nested too deep to tell."""
    seen_twice = False

    def pairs(found: list[tuple[str, Any]]) -> None:
        nonlocal seen_twice
        seen_twice = seen_twice or len({key for key, _ in found}) < len(found)

    try:
        json.loads(value, object_pairs_hook=pairs, parse_int=str)
    except RecursionError:
        # orjson goes 1,024 levels deep, Python's parser less. What can't be examined may hide a duplicate.
        return True
    return seen_twice

"""Values in the text of their message, for where parsing loses it: the digits of a number.

Rules
1. The text of a string is the string, of true and false the word, of a number its very characters: 1.0, 1.00 and 1e0
   stay apart, and an integer of any size keeps its digits.
2. The text of a list is JSON without blanks, its numbers as above, what isn't ASCII unescaped. A list has no text when
   it is nested more than `MAX_DEPTH` levels deep.
3. An integer past 64 bits is found by its text: the parser made a float of it.

This is slow, so it is done only for the few messages that need it.
"""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from ingest.errors import DecodeError
from ingest.pipeline.decoding.flatten import LISTS_TOO_DEEP, MAX_DEPTH, Row, flatten
from ingest.reasons import Reason

TOO_DEEP = Reason("nested_too_deep", "it is nested too deep to look into")
_ALL_ZEROS, _LONG = bytes.maketrans(b"123456789", b"000000000"), b"0" * 19
_DIGITS = re.compile(rb"[0-9]+")


def has_long_digits(value: bytes) -> bool:
    """19 digits follow each other in `value`, as in every integer past 64 bits."""
    return _LONG in value.translate(_ALL_ZEROS)


def long_digits(value: bytes) -> Iterator[re.Match[bytes]]:
    """Each 19 or more digits that follow each other in `value`. Much quicker than a pattern that looks for them."""
    zeros = value.translate(_ALL_ZEROS)
    at = zeros.find(_LONG)
    while at >= 0:
        found = _DIGITS.match(value, at)
        assert found is not None
        yield found
        at = zeros.find(_LONG, found.end())


class Number(str):
    """The characters of a number."""

    __slots__ = ()


class RawText:
    """The messages of a chunk's rows. `raw` gives the bytes of the row with that index."""

    def __init__(self, raw: Callable[[int], bytes]) -> None:
        self._raw = raw
        self._leaves: dict[int, Row] = {}

    def text(self, index: int, path: str, value: object) -> str:
        """The text of `value`, which was parsed and is not null. Raises DecodeError (nested_too_deep)."""
        if isinstance(value, str):
            return value
        if isinstance(value, bool | int) and (value or b"-0" not in self._raw(index)):
            return _text(value, 1)
        return _text(self._leaves_as_text(index)[path], 1)

    def past_64_bits(self, index: int) -> set[str]:
        """The paths with an integer past 64 bits, within lists too. Raises DecodeError (nested_too_deep)."""
        if not has_long_digits(self._raw(index)):
            return set()
        return {path for path, value in self._leaves_as_text(index).items() if _past_64_bits(value)}

    def _leaves_as_text(self, index: int) -> Row:
        """The leaves by path, every number as its characters."""
        if index not in self._leaves:
            try:
                row = json.loads(self._raw(index).decode(), parse_int=Number, parse_float=Number)
            except RecursionError:
                # orjson goes 1,024 levels deep, Python's parser less.
                raise DecodeError(TOO_DEEP) from None
            self._leaves[index], _ = flatten(row)
        return self._leaves[index]


def _text(value: Any, depth: int) -> str:
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, list | dict):
        if depth > MAX_DEPTH:
            raise DecodeError(LISTS_TOO_DEEP)
        if isinstance(value, list):
            return f"[{','.join(_text(item, depth + 1) for item in value)}]"
        return f"{{{','.join(f'{_quoted(key)}:{_text(item, depth + 1)}' for key, item in value.items())}}}"
    return _quoted(value)


def _quoted(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _past_64_bits(value: Any) -> bool:
    if isinstance(value, Number):
        digits = value.lstrip("-").lstrip("0")
        # Short ones and those with a point or an exponent are none; Python refuses to read very long ones.
        return len(digits) >= 19 and digits.isdecimal() and (len(digits) > 19 or not -(2**63) <= int(value) < 2**63)
    if isinstance(value, dict):
        return any(map(_past_64_bits, value.values()))
    return isinstance(value, list) and any(map(_past_64_bits, value))

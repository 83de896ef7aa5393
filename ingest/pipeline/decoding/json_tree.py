"""A message as a tree of Python values that can be changed and written again, without changing any other value.

Rules
1. orjson decides what is valid, and duplicate keys are refused, as `parse` does it.
2. Written again, every string, float and integer has the value that it had. Integers past 64 bits, of which the parser
   makes floats, keep their digits: a message that may hold one has its numbers as text (`Number`).
3. With `as_written` all numbers keep their characters: 1.0, 1.00 and 1e0 stay apart, for columns of text.
"""

import json
import re
from typing import Any

from ingest.errors import DecodeError
from ingest.pipeline.decoding.parse import DUPLICATE_KEY, has_duplicate, parse_value, write_value
from ingest.pipeline.decoding.raw_text import TOO_DEEP, Number, long_digits

_KEY = re.compile(rb'"[ \t\r\n]*:')
_BEFORE_NUMBER, _MINUS = b":[, \t\r\n", ord("-")
_LONGEST = 20  # characters of an integer of 64 bits


def tree_of(value: bytes, *, as_written: bool = False) -> Any:
    """The JSON value in `value`; a number may be a `Number`. Raises DecodeError; its text never holds the payload."""
    tree = parse_value(value)
    try:
        # Only a string that ends in a colon's neighbour makes more of these than keys.
        if _count_colons(value) != _count_keys(tree) and has_duplicate(value):
            raise DecodeError(DUPLICATE_KEY)
        if as_written or _may_be_past_64_bits(value):
            tree = json.loads(value, parse_int=Number, parse_float=Number)
    except RecursionError:
        # orjson goes 1,024 levels deep, Python less.
        raise DecodeError(TOO_DEEP) from None
    return tree


def text_of(tree: object) -> bytes:
    """`tree` as JSON. Raises DecodeError (nested_too_deep)."""
    try:
        return write_value(tree)
    except TypeError:
        raise DecodeError(TOO_DEEP) from None


def _may_be_past_64_bits(value: bytes) -> bool:
    """There may be such an integer: numbers as text make all that comes after it several times slower."""
    return any(_is_past_64_bits(value, found.start(), found.end()) for found in long_digits(value))


def _is_past_64_bits(value: bytes, start: int, end: int) -> bool:
    """A number follows a colon, a bracket, a comma or a blank; most digits in strings do not."""
    if start and value[start - 1] == _MINUS:
        start -= 1
    if start and value[start - 1] not in _BEFORE_NUMBER:
        return False
    return end - start > _LONGEST or not -(2**63) <= int(value[start:end]) < 2**64


def _count_colons(value: bytes) -> int:
    """The colons after a quote, blanks between the two or not; without those in JSON that is in a string."""
    if b" :" in value or b"\t:" in value or b"\n:" in value or b"\r:" in value:
        return len(_KEY.findall(value))
    colons = value.count(b'":')
    if b'\\":' in value and b'\\\\":' not in value:  # the latter may be the end of a key
        colons -= value.count(b'\\":')
    return colons


def _count_keys(tree: object) -> int:
    keys = 0
    left = [tree]
    while left:
        inner: Any = left.pop()
        if type(inner) is dict:
            keys += len(inner)
            inner = inner.values()
        elif type(inner) is not list:
            continue
        left += [value for value in inner if type(value) is dict or type(value) is list]
    return keys

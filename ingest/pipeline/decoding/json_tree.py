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
from ingest.pipeline.decoding.raw_text import TOO_DEEP, Number, has_long_digits

_KEY = re.compile(rb'"[ \t\r\n]*:')


def tree_of(value: bytes, *, as_written: bool = False) -> Any:
    """The JSON value in `value`; a number may be a `Number`. Raises DecodeError; its text never holds the payload."""
    tree = parse_value(value)
    try:
        # Only a string that ends in a colon's neighbour makes more of these than keys.
        keys = _count_keys(tree)
        if value.count(b":") != keys and len(_KEY.findall(value)) != keys and has_duplicate(value):
            raise DecodeError(DUPLICATE_KEY)
        if as_written or has_long_digits(value):
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


def _count_keys(tree: Any) -> int:
    keys, values = 0, tree
    if type(tree) is dict:
        keys, values = len(tree), tree.values()
    elif type(tree) is not list:
        return 0
    for value in values:
        if type(value) is dict or type(value) is list:
            keys += _count_keys(value)
    return keys

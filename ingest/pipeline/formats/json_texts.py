"""JSON that is held as text within a message: a JSON string with JSON in it, and text in a field.

Rules
1. It is read as a message is: orjson decides what is valid, duplicate keys are refused, and [format] non_finite
   applies.
2. A text may be a JSON string again, as of producers that encode twice: up to `MAX_STRINGS` of them are opened. One
   that is left is no object, so the message is a dead letter.
"""

import re
from typing import Any

from ingest.pipeline.decoding.json_tree import tree_of
from ingest.pipeline.decoding.parse import parse_value
from ingest.pipeline.formats.non_finite import without_non_finite

MAX_STRINGS = 4

_BEGINS_STRING = re.compile(rb'[ \t\r\n]*"')


class JsonTexts:
    """Reads JSON texts. `as_written` as in `tree_of`; `nulls` puts null in the place of non-finite numbers."""

    def __init__(self, *, as_written: bool, nulls: bool) -> None:
        self._as_written = as_written
        self._nulls = nulls

    def tree(self, text: str) -> Any:
        """The value in `text`. Raises DecodeError; its text never holds the payload."""
        return tree_of(self._cleaned(text.encode()), as_written=self._as_written)

    def opened(self, tree: Any) -> Any:
        """The value in `tree` if that is a string, else `tree`. Raises DecodeError."""
        for _ in range(MAX_STRINGS):
            if type(tree) is not str:
                break
            tree = self.tree(tree)
        return tree

    def opened_bytes(self, value: bytes) -> bytes:
        """The same of a message that has not been parsed; what is in the string is not parsed either."""
        for _ in range(MAX_STRINGS):
            if _BEGINS_STRING.match(value) is None:
                break
            value = self._cleaned(str(parse_value(value)).encode())
        return value

    def _cleaned(self, value: bytes) -> bytes:
        return without_non_finite(value) if self._nulls else value

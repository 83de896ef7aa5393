"""Values that have another form than their column: numbers written as text, lists, objects, class scores.

Rules
1. A conversion changes the value under a path of the message; `ingest.config.conversions` decides which one. null stays
   null, and a value that the conversion has nothing to do with stays as it is: its column decides about it.
2. number: a text with a number in JSON's grammar becomes that number, with the characters that it has; blanks around
   it are left out. So do the texts within a list. "", "null", "NaN", "1,000" and "0x1f" are no numbers: the message is
   rejected (`not_a_number`), or the value becomes null and is counted, as [schema.conflicts] says of its column. A
   column of text keeps the text.
3. columns: a list becomes an object with the keys 0, 1, ..., and so do the lists in it.
4. json: an object or a list becomes its JSON text, without blanks between its parts, its numbers as they are written.
   Keys that [schema] exclude covers are left out.
5. class_scores: an object of class = score becomes the list of classes and scores, in order of appearance.
6. A path above is converted before the paths in it.
"""

import math
import re
from collections.abc import Mapping
from typing import Any, Literal

from ingest.config.conversions import Conversions
from ingest.config.patterns import matcher
from ingest.config.schema import Conversion, Schema
from ingest.errors import DecodeError
from ingest.pipeline.decoding.flatten import LISTS_TOO_DEEP, MAX_DEPTH
from ingest.pipeline.decoding.json_tree import text_of
from ingest.pipeline.decoding.raw_text import Number
from ingest.pipeline.decoding.rules import rules
from ingest.reasons import Reason

_BLANKS = " \t\r\n"
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)([.][0-9]+)?([eE][+-]?[0-9]+)?")
_MOST_DIGITS = 300  # numbers of fewer characters without an exponent are floats
_MOST_REMEMBERED = 10_000  # keys may be data
# What must stand in a message that has something to convert, beside the path.
_MARKS: Mapping[Conversion, bytes] = {"number": b'"', "columns": b"[", "json": b"", "class_scores": b"{"}


class _NoNumberError(Exception):
    """A text is no number."""


class Converter:
    """Applies [schema.convert] to messages of one route. Without entries it is `plain` and changes nothing."""

    def __init__(self, schema: Schema, model_type: str) -> None:
        self.plain = not schema.convert
        # Where numbers must keep their characters through the change.
        self.as_written = "json" in schema.convert.values() or "text" in schema.conflicts.values()
        self._conversions = Conversions(schema, model_type)
        self._rules = rules(schema, model_type)
        self._rename = schema.rename
        self._unknown_are_sent = schema.unknown == "send"
        self._excluded = matcher(schema.exclude)
        self._found: dict[str, Conversion | Literal[""]] = {}
        self._wild = any("*" in path for path in schema.convert)
        self._exact = sorted(filter(self._of, schema.convert), key=len)
        self._marks = [(_fragment(path), _MARKS[word]) for path, word in schema.convert.items()]

    def may_apply(self, value: bytes) -> bool:
        """False if nothing in the JSON text `value` can be converted: it need not be parsed."""
        # A key with an escape may be any key.
        if b"\\" in value:
            return True
        for fragment, mark in self._marks:  # noqa: SIM110  any() takes twice the time
            if fragment in value and mark in value:
                return True
        return False

    def convert(self, tree: Any, nulled: list[str]) -> bool:
        """Convert the values in a message, in place; whether any was changed.

        Adds to `nulled` the column of each value that became null. Raises DecodeError with the path.
        """
        if type(tree) is not dict:
            return False
        if self._wild:
            return self._walk(tree, "", 1, nulled)
        changed = False
        for path in self._exact:
            changed |= self._descend(tree, path, path, nulled)
        return changed

    def _walk(self, holder: dict[str, Any], prefix: str, depth: int, nulled: list[str]) -> bool:
        """Convert everything in `holder`."""
        if depth > MAX_DEPTH:
            return False  # the message is rejected when it is decoded
        changed = False
        found = self._found
        for key, before in holder.items():
            path = prefix + key
            after = before
            if found.get(path) != "":  # not known yet, or to be converted
                after = self._after(path, before, nulled)
                if after is not before:
                    holder[key] = after
                    changed = True
            if type(after) is dict:
                changed |= self._walk(after, f"{path}.", depth + 1, nulled)
        return changed

    def _descend(self, holder: dict[str, Any], rest: str, path: str, nulled: list[str]) -> bool:
        """Convert what is at `rest` in `holder`; its keys may have dots."""
        before = holder.get(rest)
        after = self._after(path, before, nulled)
        changed = after is not before
        if changed:
            holder[rest] = after
        dot = rest.find(".")
        while dot >= 0:
            if type(inner := holder.get(rest[:dot])) is dict:
                changed |= self._descend(inner, rest[dot + 1 :], path, nulled)
            dot = rest.find(".", dot + 1)
        return changed

    def _after(self, path: str, value: Any, nulled: list[str]) -> Any:
        """`value` converted; itself if there is nothing to convert."""
        if value is None or not (conversion := self._of(path)):
            return value
        if conversion == "number":
            return self._number(path, value, nulled)
        if conversion == "columns":
            return self._columns(path, value)
        if conversion == "json":
            return self._json(path, value)
        return _class_scores(value)

    def _number(self, path: str, value: Any, nulled: list[str]) -> Any:
        try:
            return _number(path, value, 1)
        except _NoNumberError:
            column = self._rename.get(path, path)
            rule = self._rules.get(column)
            if rule is not None and rule.on_conflict == "null":
                nulled.append(column)
                return None
            detail = f'"{path}" holds a text that is no number as JSON writes it ([schema.convert] is "number")'
            raise DecodeError(Reason("not_a_number", detail)) from None

    def _columns(self, path: str, value: Any) -> Any:
        if type(value) is not list:
            return value
        found = {}
        for index, item in enumerate(value):
            inner = f"{path}.{index}"
            # One with an entry of its own is left to that.
            found[str(index)] = item if type(item) is not list or self._of(inner) else self._columns(inner, item)
        return found

    def _json(self, path: str, value: Any) -> Any:
        if type(value) not in {dict, list}:
            return value
        try:
            return text_of(self._without_excluded(path, value, 1)).decode()
        except DecodeError as fault:
            raise DecodeError(Reason(fault.reason.code, f'"{path}" has no text: {fault}')) from None

    def _without_excluded(self, path: str, value: Any, depth: int) -> Any:
        if type(value) is not dict:
            return value
        if depth > MAX_DEPTH:
            raise DecodeError(LISTS_TOO_DEEP)
        return {
            key: self._without_excluded(f"{path}.{key}", inner, depth + 1)
            for key, inner in value.items()
            if not self._excluded.fullmatch(f"{path}.{key}")
        }

    def _of(self, path: str) -> Conversion | Literal[""]:
        """The conversion of the values under `path`, "" without one."""
        try:
            return self._found[path]
        except KeyError:
            if len(self._found) >= _MOST_REMEMBERED:
                self._found.clear()
            self._found[path] = found = self._decide(path)
            return found

    def _decide(self, path: str) -> Conversion | Literal[""]:
        conversion = self._conversions.of(path)
        if conversion is None or conversion == "columns":
            return conversion or ""
        rule = self._rules.get(self._rename.get(path, path))
        if not self._unknown_are_sent and (rule is None or not rule.known):
            return ""  # not sent at all
        if conversion == "number" and rule is not None and rule.on_conflict == "text":
            return ""
        return conversion


def _number(path: str, value: Any, depth: int) -> Any:
    """Raises DecodeError for a number that is out of range, and `_NoNumberError`."""
    if type(value) is list:
        if depth > MAX_DEPTH:
            raise DecodeError(LISTS_TOO_DEEP)
        found = [_number(path, item, depth + 1) for item in value]
        return found if any(one is not item for one, item in zip(found, value, strict=True)) else value
    if type(value) is not str:
        return value
    text = value.strip(_BLANKS)
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise _NoNumberError
    if (match[2] is not None or len(text) > _MOST_DIGITS) and math.isinf(float(text)):
        if match[1] is None and match[2] is None:
            detail = f'"{path}" holds an integer past 64 bits, which Arize has no type for'
            raise DecodeError(Reason("integer_past_64_bits", detail))
        raise DecodeError(Reason("number_range", f'"{path}" holds a number past the range of a 64-bit float'))
    return Number(text)


def _class_scores(value: Any) -> Any:
    if type(value) is not dict or not value:
        return value
    return [{"class_name": name, "score": score} for name, score in value.items()]


def _fragment(path: str) -> bytes:
    """The longest part of `path` that must stand in a message which has it, where its keys hold no escapes."""
    parts = re.split(r"[*.]", path)
    fragment = max(parts, key=len)
    if "*" not in path and parts[-1]:
        fragment = f'{parts[-1]}"'
    return fragment.encode()

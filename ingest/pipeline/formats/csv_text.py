"""CSV as lists of values, by RFC 4180.

Rules
1. Fields are separated by commas, lines by CRLF, LF or CR; a line break after the last line begins no other one. Blanks
   belong to their field. A quote within a field that is not quoted is refused, and so is a quoted field that does not
   end.
2. A field without quotes is a number if it is one in JSON, and null if it is empty: CSV has no other way to leave a
   value out. Everything else is a string; a quoted field always is.
3. An empty text has no lines; an empty line is one empty field. Lines may have different numbers of fields.
"""

import re

from ingest.pipeline.decoding.raw_text import Number

_FIELD = re.compile(r'"((?:[^"]++|"")*+)"|([^",\r\n]*+)')
_END = re.compile(r",|\r\n|\n|\r|\Z")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")

Field = Number | str | None


class NotCsvError(ValueError):
    """The text is not CSV; where and why."""


def rows_of(text: str) -> list[list[Field]]:
    """The lines of `text`, each a list of its fields. Raises NotCsvError, which quotes nothing of it."""
    rows: list[list[Field]] = []
    row: list[Field] = []
    at = 0
    while at < len(text) or row:
        found = _FIELD.match(text, at)
        end = None if found is None else _END.match(text, found.end())
        if found is None or end is None:
            raise NotCsvError(f"a quote that does not enclose a whole field, at line {len(rows) + 1}")
        row.append(_value(found[1], found[2]))
        at = end.end()
        if end[0] != ",":
            rows.append(row)
            row = []
    return rows


def _value(quoted: str | None, bare: str | None) -> Field:
    if quoted is not None:
        return quoted.replace('""', '"')
    if not bare:
        return None
    return Number(bare) if _NUMBER.fullmatch(bare) is not None else bare

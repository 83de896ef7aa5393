"""Fields that hold a message's parts as text: base64, JSON and CSV.

Rules
1. A field that is absent or null stays so. Any other value must be text of the configured kind; else the message is
   refused (bad_field), and the reason names the field. Of a list, each item is taken.
2. base64 is that of RFC 4648, with either alphabet; padding may be missing, and line breaks are passed over. It must
   hold UTF-8.
3. JSON is read as a message is (`json_texts`); what is refused there keeps its own code.
"""

import base64
import re
from collections.abc import Callable
from typing import Any

from ingest.errors import DecodeError
from ingest.pipeline.formats.csv_text import NotCsvError, rows_of
from ingest.pipeline.formats.json_texts import JsonTexts
from ingest.pipeline.formats.paths import replace_at
from ingest.reasons import Reason

_BASE64 = re.compile(r"[A-Za-z0-9+/]*")
_STANDARD = str.maketrans("-_", "+/", "\r\n")
_QUANTUM = 4


def decode_base64(tree: Any, path: str) -> None:
    """Replace base64 under `path` by its text. Raises DecodeError (bad_field)."""
    _replace(tree, path, "base64", lambda text: _from_base64(path, text))


def parse_json(tree: Any, path: str, texts: JsonTexts) -> None:
    """Replace JSON text under `path` by its value. Raises DecodeError."""
    _replace(tree, path, "JSON", lambda text: _from_json(path, text, texts))


def parse_csv(tree: Any, path: str) -> None:
    """Replace CSV under `path` by its rows. Raises DecodeError (bad_field)."""
    _replace(tree, path, "CSV", lambda text: _from_csv(path, text))


def _replace(tree: Any, path: str, kind: str, parsed: Callable[[str], Any]) -> None:
    def replaced(value: Any) -> Any:
        if value is None:
            return None
        if type(value) is not str:
            raise DecodeError(_bad(path, f"holds something other than {kind} as text"))
        return parsed(value)

    replace_at(tree, path, replaced)


def _from_base64(path: str, text: str) -> str:
    standard = text.translate(_STANDARD)
    digits = standard.rstrip("=")
    padding = -len(digits) % _QUANTUM
    if _BASE64.fullmatch(digits) is None or padding == 3 or len(standard) - len(digits) not in (0, padding):
        raise DecodeError(_bad(path, "is not valid base64"))
    try:
        return base64.b64decode(digits + "=" * padding).decode()
    except UnicodeDecodeError:
        raise DecodeError(_bad(path, "is base64 of something that is not UTF-8 text")) from None


def _from_json(path: str, text: str, texts: JsonTexts) -> Any:
    try:
        return texts.tree(text)
    except DecodeError as fault:
        detail = f'"{path}" in [format] json_fields: {fault.reason.detail}'
        if fault.reason.code == "not_json":
            raise DecodeError(Reason("bad_field", detail)) from None
        raise DecodeError(Reason(fault.reason.code, detail)) from None


def _from_csv(path: str, text: str) -> list[list[Any]]:
    try:
        return rows_of(text)
    except NotCsvError as fault:
        raise DecodeError(_bad(path, f"is not valid CSV: {fault}")) from None


def _bad(path: str, what: str) -> Reason:
    return Reason("bad_field", f'"{path}" {what}')

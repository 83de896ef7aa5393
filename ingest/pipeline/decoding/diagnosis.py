"""What a message is that is not the JSON object that it should be, and what to do: words for the detail of a reason.

Rules
1. The first bytes decide about formats of bytes (`byte_formats`), then about other formats of text. At most
   `HEAD_BYTES` are examined.
2. Else the characters around the parser's position decide. It counts characters, so a text that is not ASCII is
   decoded up to there.
3. The remedy is an option of [format] where there is one, else it is the producer's.
4. No text quotes the message: it holds fixed words and a position.
5. These are words only. The parser alone decides whether a message is accepted, and the reason's code stays.
"""

import base64
import binascii
import re
from collections.abc import Callable
from typing import Any

from ingest.pipeline.decoding.byte_formats import BLANKS, HEAD_BYTES, byte_format, not_utf8

_AROUND = 64  # characters before and after a position
_NON_FINITE = 'NaN and Infinity are not JSON; set [format] non_finite = "null", or write null at the producer'
_PYTHON = "use json.dumps at the producer, not str or repr"


def not_json(value: bytes, position: int, parser_words: str) -> str:
    """Why `value` is not JSON, and what to do; `position` (characters) and `parser_words` are what the parser reports.

    Quotes nothing of `value`.
    """
    if not value:
        return "the message is empty"
    if not value.strip(BLANKS):
        return "the message holds nothing but blanks"
    return (
        byte_format(value)
        or not_utf8(value)
        or _text_format(value[:HEAD_BYTES])
        or _syntax(value, position, parser_words)
    )


# --- text -----------------------------------------------------------------------------------------

_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{12,}={0,2}\s*")
_TEXT_FORMATS: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(r"<(!doctype\s+)?html", re.IGNORECASE),
        "it is HTML, perhaps an error page; let the producer send JSON",
    ),
    (re.compile(r"<"), "it is XML; let the producer send JSON"),
    (re.compile(r"eyJ[\w-]+\.[\w-]+\."), "it is a JSON Web Token; let the producer send the JSON that it holds"),
    (re.compile(r"\)\]\}'"), "it begins with a guard against inclusion by scripts; remove that at the producer"),
    (re.compile(r"[A-Za-z_$][\w$.]*\("), "it is a call around JSON (JSONP?); remove that at the producer"),
    (re.compile(r"-{3}\s|[\w.-]+:\s"), "it looks like YAML, or like text of the form key: value; send JSON"),
    (re.compile(r"[\w.-]+=\S"), "it looks like text of the form key=value; let the producer send a JSON object"),
    (
        re.compile(r"[^\s{}\[\]=:,;\t]*(?P<separator>[,;\t])[^{}\[\]=:]*\Z", re.DOTALL),
        "it looks like CSV; let the producer send a JSON object per line of it",
    ),
)
_OBJECT_OF = re.compile(r"\s*[\[{]")


def _text_format(head: bytes) -> str:
    """Another format of text than JSON; "" if it begins as JSON does."""
    text = head.decode(errors="ignore").lstrip("\x00\x1e \t\r\n")
    if head[:1] == b"\x1e":
        return "it begins with a record separator (RFC 7464); remove that at the producer"
    if _OBJECT_OF.match(text) or text[:1] in '"-' or (text[:1].isdigit() and _number_alone(text)):
        return ""
    if (word := re.fullmatch(r"[+-]?\w+", text.strip())) and (words := _literal(word[0])):
        return words
    if _BASE64.fullmatch(text[:256]) and (found := _decoded(text)):
        return f"it is base64 of {found}; let the producer send the bytes themselves"
    return next((words for pattern, words in _TEXT_FORMATS if pattern.match(text)), "")


def _number_alone(text: str) -> bool:
    return re.fullmatch(r"[-+.\dA-Za-z_]+\s*", text) is not None and _decoded(text) == ""


def _decoded(text: str) -> str:
    """What the base64 `text` holds, if that can be told; "" if not."""
    start = text[: min(len(text.rstrip("=\r\n ")), 64) // 4 * 4].replace("-", "+").replace("_", "/")
    try:
        first = base64.b64decode(start, validate=True)
    except (binascii.Error, ValueError):
        return ""
    if re.match(rb"\s*[\[{]\s*[\"}\[{\]\d]", first):
        return "JSON"
    if first.startswith((b"\x1f\x8b", b"\x28\xb5\x2f\xfd")):
        return "compressed data"
    return ""


# --- the position ---------------------------------------------------------------------------------

_NOT_FINITE = re.compile(r"[+-]?(nan|inf(inity)?)\b", re.IGNORECASE)
_PYTHON_WORD = re.compile(r"(None|True|False)\b")
_WORD = re.compile(r"[+-]?[A-Za-z_]\w*")
_NUMBER_FORM = re.compile(r"[+-]?(\.\d|0[0-9xXbBoO]|\d+\.(?!\d)|\d+[_nfFdLl])|\+\d")
_CUT_OFF = "the message ends within its JSON: it is cut off; check the producer's limits on size"
_NEXT_OBJECT = re.compile(r"[\s,;]*\{")
_AT_POSITION: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile("'"), f"a single quote where JSON has a double quote; a Python dict as text? {_PYTHON}"),
    (re.compile(r"//|/\*|#"), "a comment, which JSON does not have; remove it at the producer"),
    (re.compile("[\u201c\u201d\u2018\u2019\xab\xbb]"), "a typographic quote where JSON has a double quote"),
    (re.compile(r"[^\S\x00-\x7f]|[\ufeff\u200b]"), "a character that only looks like a blank; correct the producer"),
)
_OF_PARSER: tuple[tuple[str, str], ...] = (  # in orjson's words
    ("trailing comma", "a comma before a closing bracket; remove it at the producer"),
    ("unexpected content after document", "something follows the JSON document; send one JSON object per message"),
    ("unexpected end of data", _CUT_OFF),
    ("unexpected control character", "a control character stands unescaped in a string; use a JSON serializer"),
    ("invalid escaped sequence", "a backslash in a string begins no escape of JSON; use a JSON serializer"),
    ("surrogate", "an escape \\u is half of a surrogate pair: a character was cut; correct the producer"),
    ("expected a string key", "a key without double quotes, or none; use a JSON serializer at the producer"),
)


def _literal(word: str) -> str:
    """A bare word that stands where a value should; "" for one without a meaning of its own."""
    if _NOT_FINITE.fullmatch(word):
        return _NON_FINITE
    if _PYTHON_WORD.fullmatch(word):
        return f"{word} is Python's, not JSON's; {_PYTHON}"
    if word == "undefined":
        return "undefined is JavaScript's, not JSON's; use JSON.stringify at the producer, or write null"
    return ""


def _syntax(value: bytes, position: int, parser_words: str) -> str:
    before, after = _surroundings(value, position)
    return f"not valid JSON at character {position}: {_fault(before, after, parser_words)}"


def _surroundings(value: bytes, position: int) -> tuple[str, str]:
    """Some characters before `position`, and those from it on."""
    start = value[: position + _AROUND]
    if start.isascii():
        return start[max(position - _AROUND, 0) : position].decode(), start[position:].decode()
    text = value[: 4 * (position + _AROUND)].decode(errors="ignore")
    return text[max(position - _AROUND, 0) : position], text[position : position + _AROUND]


def _fault(before: str, after: str, parser_words: str) -> str:
    """What stands at the position, in words that say what to do; else the parser's own."""
    longer = f"{before[-1:]}{after}"  # a sign is part of what follows it
    for token in (after, longer):
        if (word := _WORD.match(token)) and (words := _literal(word[0])):
            return words
    for pattern, words in _AT_POSITION:
        if pattern.match(after):
            return words
    if not after:
        return _CUT_OFF
    if "content after document" in parser_words and _NEXT_OBJECT.match(after):
        return "another JSON object follows the first; send one object per message"
    if _NUMBER_FORM.match(after) or _NUMBER_FORM.match(longer):
        return "a number in a form that JSON does not have (as 01, +1, .5, 1. or 0x1); use a JSON serializer"
    return next((words for known, words in _OF_PARSER if known in parser_words), parser_words)


# --- JSON that is no object -----------------------------------------------------------------------


def not_an_object(value: Any) -> str:
    """What a message is whose JSON `value` is not an object, and what to do. Quotes nothing of it."""
    what = _WHAT[type(value)](value)
    return f"the message is {what}"


def _string(value: str) -> str:
    head = value[:HEAD_BYTES]
    if head.lstrip()[:1] in {"{", "["}:
        return "a JSON string that holds JSON; set [format] json_string = true"
    return f"a JSON string{' that holds base64' if _decoded(head) else ''}, not an object; {_ONE_OBJECT}"


def _array(value: list[Any]) -> str:
    if not value:
        return "a JSON array without any item; there is no prediction in it"
    if all(isinstance(item, dict) for item in value[:8]):
        return "a JSON array of objects; set [format] explode, or send each object as a message of its own"
    return f"a JSON array, not an object; {_ONE_OBJECT}"


_ONE_OBJECT = "send one JSON object per message"
_WHAT: dict[type, Callable[[Any], str]] = {
    str: _string,
    list: _array,
    type(None): lambda _: (
        "the JSON null, not an object; a deletion in Kafka is a message without a value (a tombstone)"
    ),
    bool: lambda _: f"a JSON boolean, not an object; {_ONE_OBJECT}",
    int: lambda _: f"a JSON number, not an object; {_ONE_OBJECT}",
    float: lambda _: f"a JSON number, not an object; {_ONE_OBJECT}",
}

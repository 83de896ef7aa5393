"""NaN, Infinity and -Infinity outside of strings become null. Every other byte stays.

Rules
1. These three tokens are what producers write that don't keep to JSON: Python's json.dumps, Jackson without its quotes
   for them, Gson, Json.NET, JavaScript's JSON5. Other spellings (nan, inf, +Infinity) are refused like any syntax
   error.
2. In quotes they are strings, and stay strings.
3. Nothing invalid becomes valid but a number's place that held a token: -NaN or NaN as a key stay invalid.
"""

import re

# A string, to its end or that of the value, is taken whole and never tried again: the time is linear in the bytes.
_TOKENS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)|-?Infinity|NaN', re.DOTALL)
_QUOTE = b'"'


def without_non_finite(value: bytes) -> bytes:
    """`value` with null for each token; the same object if it has none."""
    if b"NaN" not in value and b"Infinity" not in value:
        return value
    if b'\\"' in value:
        return _TOKENS.sub(_null, value)
    for token in (b"NaN", b"-Infinity", b"Infinity"):
        value = _with_nulls(value, token)
    return value


def _with_nulls(value: bytes, token: bytes) -> bytes:
    """Without an escaped quote, a token is outside of strings if the quotes before it are even in number."""
    first, *others = value.split(token)
    if not others:
        return value
    quotes, pieces = first.count(_QUOTE), [first]
    for piece in others:
        pieces += (token if quotes % 2 else b"null", piece)
        quotes += piece.count(_QUOTE)
    return b"".join(pieces)


def _null(found: re.Match[bytes]) -> bytes:
    return found[0] if found[0].startswith(_QUOTE) else b"null"

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
    return _TOKENS.sub(_null, value)


def _null(found: re.Match[bytes]) -> bytes:
    return found[0] if found[0].startswith(_QUOTE) else b"null"

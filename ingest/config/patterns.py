"""Patterns of paths: `*` matches any characters, case matters, and a pattern of an object covers all keys in it.

`features.*`, `tag_*`, `*.email`; `user` covers `user.email`.
"""

import re
from collections.abc import Iterable

MATCHES_NOTHING = r"(?!)"
_NOWHERE = "\U0010ffff"  # no character: Unicode keeps it free for such uses


def matcher(patterns: Iterable[str]) -> re.Pattern[str]:
    """Matches the paths that one of `patterns` covers; nothing without patterns."""
    parts = [".*".join(map(re.escape, pattern.split("*"))) for pattern in patterns]
    return re.compile(rf"(?:{'|'.join(parts)})(?:\..*)?" if parts else MATCHES_NOTHING, re.DOTALL)


def covers(patterns: Iterable[str], pattern: str) -> bool:
    """Whether every path that `pattern` covers is one that `patterns` cover.

    A character that stands in no pattern takes the place of `*`: only another `*` can match that.
    """
    return matcher(patterns).fullmatch(pattern.replace("*", _NOWHERE)) is not None

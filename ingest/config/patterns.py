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


def overlap(one: str, other: str) -> bool:
    """Some path matches both patterns, taken literally: neither covers the keys of an object."""
    # found[i][j]: one[i:] and other[j:] have a path in common.
    found = [[False] * (len(other) + 1) for _ in range(len(one) + 1)]
    for i in range(len(one), -1, -1):
        for j in range(len(other), -1, -1):
            left, right = one[i : i + 1], other[j : j + 1]
            if left == "*" or right == "*":
                found[i][j] = (bool(left) and found[i + 1][j]) or (bool(right) and found[i][j + 1])
            else:
                found[i][j] = left == right and (not left or found[i + 1][j + 1])
    return found[0][0]

"""Patterns of paths: `*` stands for any characters, case counts, and a pattern that names an object names all in it.

`features.*`, `tag_*`, `*.email`; `user` covers `user.email`.
"""

import re
from collections.abc import Iterable

NOTHING = r"(?!)"


def matcher(patterns: Iterable[str]) -> re.Pattern[str]:
    """Matches the paths that one of `patterns` names; nothing without patterns."""
    parts = [".*".join(map(re.escape, pattern.split("*"))) for pattern in patterns]
    return re.compile(rf"(?:{'|'.join(parts)})(?:\..*)?" if parts else NOTHING, re.DOTALL)

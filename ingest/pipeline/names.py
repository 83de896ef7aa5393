"""Names of columns: what a key of a message is called at Arize, and whether it goes there at all.

Rules
1. `exclude` comes first: an excluded key is dropped before anything looks at its values. It can neither conflict nor
   leave.
2. `rename` gives an exact key another name. Everything after it (features, tags, rules) goes by the new name.
3. Patterns are paths in which `*` stands for any characters: `features.*`, `tag_*`, `*.email`. Case counts. A pattern
   that names an object names all that is in it: `user` covers `user.email`.
4. Two keys of one message that end up with the same name are refused with the row: one would be dropped.
"""

import re
from collections.abc import Iterable, Mapping

NOTHING = r"(?!)"


def matcher(patterns: Iterable[str]) -> re.Pattern[str]:
    """Matches the paths that one of `patterns` names; nothing without patterns."""
    parts = [".*".join(map(re.escape, pattern.split("*"))) for pattern in patterns]
    return re.compile(rf"(?:{'|'.join(parts)})(?:\..*)?" if parts else NOTHING, re.DOTALL)


class Names:
    """What each key is called, remembered from one chunk to the next (keys come again and again)."""

    def __init__(self, rename: Mapping[str, str] | None = None, exclude: Iterable[str] = ()) -> None:
        self._rename = dict(rename or {})
        self._excluded = matcher(exclude)
        self._known: dict[str, str | None] = {}
        self.plain = not self._rename and self._excluded.pattern == NOTHING

    def of(self, key: str) -> str | None:
        """The column's name, None when the key is excluded."""
        if key not in self._known:
            if len(self._known) >= 10_000:
                self._known.clear()
            self._known[key] = None if self._excluded.fullmatch(key) else self._rename.get(key, key)
        return self._known[key]

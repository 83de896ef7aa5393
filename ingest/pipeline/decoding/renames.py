"""The column of each key of a message: its name at Arize, or none where the key is excluded.

Rules
1. `exclude` comes first: an excluded key is dropped before its values are examined. It can't conflict, and is never
   sent.
2. `rename` gives keys other names, one by one or by a pattern (`ingest.config.renames`). Everything after it (features,
   tags, rules) uses the new name.
3. Two keys of one message that end up with the same name are refused with the row: one would be dropped.
"""

from collections.abc import Iterable, Mapping

from ingest.config.patterns import MATCHES_NOTHING, matcher
from ingest.config.renames import Renames


class ColumnRenamer:
    """The column of each key, remembered from chunk to chunk, as the same keys come again."""

    def __init__(self, rename: Mapping[str, str] | None = None, exclude: Iterable[str] = ()) -> None:
        self._renames = Renames(rename or {})
        self._excluded = matcher(exclude)
        self._known: dict[str, str | None] = {}
        self.plain = not rename and self._excluded.pattern == MATCHES_NOTHING

    def column_of(self, key: str) -> str | None:
        """The column's name, None when the key is excluded."""
        if key not in self._known:
            if len(self._known) >= 10_000:
                self._known.clear()
            self._known[key] = None if self._excluded.fullmatch(key) else self._renames.column_of(key)
        return self._known[key]

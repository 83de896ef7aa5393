"""[schema] rename: the column of a key, and the keys that become a column.

Rules
1. An entry without `*` names one key, and takes precedence. Of the others the first one that matches counts.
2. An entry with one `*` in the path has one in the new name: what `*` stands for, one character at least, is put there.
   So `"payload.*" = "*"` strips a prefix, and `"*" = "features.*"` adds one.
3. A key that no entry matches is the column's name.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

_NOWHERE = "\U0010ffff"  # no character: Unicode keeps it free for such uses


def fault(path: str, name: str) -> str:
    """Why this entry can't be used; "" if it can."""
    if not path:
        return "a path is empty"
    stars = path.count("*"), name.count("*")
    if stars not in {(0, 0), (1, 1)}:
        return f'"{path}" = "{name}": one * in the path and one in the new name, or none in both'
    return ""


@dataclass(frozen=True, slots=True)
class StarredName:
    """A name with one `*`, which stands for one character or more."""

    head: str
    tail: str

    @classmethod
    def of(cls, text: str) -> "StarredName":
        """From its text."""
        head, _, tail = text.partition("*")
        return cls(head, tail)

    def match(self, name: str) -> str:
        """What `*` stands for in `name`; "" if the name doesn't match."""
        if len(name) > len(self.head) + len(self.tail) and name.startswith(self.head) and name.endswith(self.tail):
            return name[len(self.head) : len(name) - len(self.tail)]
        return ""

    def fill(self, text: str) -> str:
        """The name with `text` for `*`."""
        return f"{self.head}{text}{self.tail}"


class Renames:
    """The entries of [schema] rename, in their order."""

    def __init__(self, entries: Mapping[str, str]) -> None:
        self._exact = {path: name for path, name in entries.items() if "*" not in path}
        self._patterns: Sequence[tuple[StarredName, StarredName]] = [
            (StarredName.of(path), StarredName.of(name)) for path, name in entries.items() if "*" in path
        ]

    def column_of(self, key: str) -> str:
        """The name of the column that `key` becomes."""
        if (name := self._exact.get(key)) is not None:
            return name
        for path, new in self._patterns:
            if found := path.match(key):
                return new.fill(found)
        return key

    def covers(self, path: str) -> bool:
        """Whether an entry, itself a pattern, matches every key that the pattern `path` matches."""
        return any(own.match(path.replace("*", _NOWHERE)) for own, _ in self._patterns)

    def keys_of(self, column: str) -> list[str]:
        """Every key that becomes `column`."""
        return [key for key in dict.fromkeys(self._candidates(column)) if self.column_of(key) == column]

    def _candidates(self, column: str) -> Iterable[str]:
        yield column
        yield from (path for path, name in self._exact.items() if name == column)
        yield from (path.fill(found) for path, new in self._patterns if (found := new.match(column)))

"""The line of each key in a TOML file: tomllib keeps no positions. Read only when a fault or a value is located.

The text has been parsed by tomllib before, so only what separates keys from values is looked at here.
"""

import re

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_SPACE = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BLANK = re.compile(r"[ \t]*")
_STRINGS = (
    re.compile(r'"""(?:[^\\]|\\.)*?"{3,5}', re.DOTALL),
    re.compile(r"'''.*?'{3,5}", re.DOTALL),
    re.compile(r'"(?:[^"\\\n]|\\.)*"'),
    re.compile(r"'[^'\n]*'"),
)
_PLAIN = re.compile(r"[^,\]}\n#]*")

Path = tuple[str, ...]


def lines(text: str) -> dict[Path, int]:
    """The line, counted from 1, where each key and each table first stands; items of arrays have their index."""
    return _Scanner(text.replace("\r\n", "\n")).found


class _Scanner:
    def __init__(self, text: str) -> None:
        self.found: dict[Path, int] = {}
        self._text, self._at = text, 0
        self._arrays: dict[Path, int] = {}
        table: Path = ()
        while self._skip(_SPACE) < len(text):
            table = self._statement(table)

    def _statement(self, table: Path) -> Path:
        """One `key = value` or one header; returns the table that the next keys belong to."""
        if self._peek() != "[":
            self._pair(table)
            return table
        array = self._text.startswith("[[", self._at)
        start = self._at
        self._at += 2 if array else 1
        path = self._with_indices(self._key())
        self._skip(_BLANK)
        self._at += 2 if array else 1
        if array:
            self._note(path, start)
            self._arrays[path] = self._arrays.get(path, -1) + 1
            path = (*path, str(self._arrays[path]))
        self._note(path, start)
        return path

    def _with_indices(self, key: Path) -> Path:
        path: Path = ()
        for part in key[:-1]:
            path = (*path, part)
            if path in self._arrays:
                path = (*path, str(self._arrays[path]))
        return (*path, *key[-1:])

    def _pair(self, table: Path) -> None:
        start = self._at
        path = (*table, *self._key())
        self._note(path, start)
        self._skip(_BLANK)
        self._at += 1  # =
        self._skip(_BLANK)
        self._value(path)

    def _value(self, path: Path) -> None:
        char = self._peek()
        if char in {'"', "'"}:
            self._string()
        elif char in {"[", "{"}:
            self._at += 1
            count = 0
            while self._skip(_SPACE) < len(self._text) and self._peek() not in {"]", "}"}:
                if char == "[":
                    self._note((*path, str(count)), self._at)
                    self._value((*path, str(count)))
                else:
                    self._pair(path)
                count += 1
                self._skip(_SPACE)
                if self._peek() == ",":
                    self._at += 1
            self._at += 1
        else:
            self._skip(_PLAIN)

    def _key(self) -> Path:
        parts: list[str] = []
        while True:
            self._skip(_BLANK)
            if self._peek() in {'"', "'"}:
                parts.append(_unquoted(self._string()))
            else:
                bare = _BARE.match(self._text, self._at)
                if bare is None:  # never in a file that tomllib takes
                    self._at = len(self._text)
                    return tuple(parts)
                parts.append(bare[0])
                self._at = bare.end()
            self._skip(_BLANK)
            if self._peek() != ".":
                return tuple(parts)
            self._at += 1

    def _string(self) -> str:
        for pattern in _STRINGS:
            if (found := pattern.match(self._text, self._at)) is not None:
                self._at = found.end()
                return found[0]
        self._at = len(self._text)
        return '""'

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _skip(self, pattern: re.Pattern[str]) -> int:
        if (found := pattern.match(self._text, self._at)) is not None:
            self._at = found.end()
        return self._at

    def _note(self, path: Path, at: int) -> None:
        line = self._text.count("\n", 0, at) + 1
        for depth in range(1, len(path) + 1):
            self.found.setdefault(path[:depth], line)


def _unquoted(text: str) -> str:
    if text[0] == "'":
        return text[1:-1]
    # TOML's escapes are Python's, as far as keys have them; \u and \U are the same.
    return re.sub(r"\\(u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)", _escape, text[1:-1])


def _escape(found: re.Match[str]) -> str:
    code = found[1]
    if code[0] in "uU":
        return chr(int(code[1:], 16))
    return {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "e": "\x1b"}.get(code, code)

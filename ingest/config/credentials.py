"""Secrets and the values around them: which characters they may hold, and how they are kept out of texts.

Rules
1. Characters that can't be intended are removed: white space, line ends and a byte order mark around the Arize key, the
   space id and the content of a secret's file; line ends after a secret that is written in [kafka.options] itself,
   where a blank may be intended. A value that is then empty is missing.
2. The Arize key and the space id are HTTP header values: printable ASCII without blanks (0x21 to 0x7e). Any other
   character is a fault. The HTTP library would quote the value in its error, and no retry would help.
3. librdkafka takes C strings, and NUL would cut one short. NUL and the other control characters are faults in every
   value for it, except tabs, and except the line breaks of an option called `*.pem`.
4. A fault names the setting, the kind of the first wrong character and its position: counted from 1, in the value
   that rule 1 gives. It never quotes the value.
5. A secret's file is a regular file of UTF-8, 64 KiB at most, or a link to one, as Kubernetes makes them. Pipes, such
   as `<(command)`, and devices are refused: every worker reads the file, and again when Arize refuses the key, but a
   pipe gives its content once, and may block for ever.
6. librdkafka's texts may quote the value of an option, whole or in pieces. `Scrubber` removes values that came from a
   file or from an option that `is_secret`: the whole value, and every piece of six characters. Names of options stay.
7. A host in a variable may be written with a login (`user:password@host`): `without_logins` removes it from a text.
"""

import os
import re
import stat
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from ingest.errors import ConfigError

HEADER_ADVICE = "it must be one line of printable ASCII without blanks: copy it from Arize again"
OPTION_ADVICE = "remove it"

_BOM = "\ufeff"
_MAX_BYTES = 64 * 1024
_PIECE = 6
_ITEM = 3
_REMOVED = "***"
_PEM_ARMOUR = "-----"
_LINE_BREAKS = "\n\r\v\f"
_NAMES = {"\t": "a tab", " ": "a blank", "\0": "NUL", "\x7f": "a control character (DEL)"}
_SECRET = re.compile(r"password|passphrase|secret|key|token|credential|sasl\.username|sasl\.oauthbearer")
_LOGIN = re.compile(r"[^\s'\"]*@")
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


def stripped(text: str) -> str:
    """`text` without the white space, line ends and byte order marks around it."""
    first, end = 0, len(text)
    while first < end and _is_padding(text[first]):
        first += 1
    while first < end and _is_padding(text[end - 1]):
        end -= 1
    return text[first:end]


def header_fault(text: str) -> str:
    """The first character that an HTTP header value can't hold, as "character 9 is a line break"; "" without one."""
    return next((_described(at, char) for at, char in enumerate(text) if not "\x21" <= char <= "\x7e"), "")


def text_fault(text: str, *, lines: bool = False) -> str:
    """The first character that librdkafka can't take, in the same words. With `lines`, line breaks are allowed."""
    allowed = "\t\n\r" if lines else "\t"
    return next((_described(at, char) for at, char in enumerate(text) if char not in allowed and _is_control(char)), "")


def option_fault(option: str, value: str) -> str:
    """`text_fault` of an option's value."""
    return text_fault(value, lines=option.endswith(".pem"))


def given_option(option: str, value: str) -> str:
    """The value of an option that is written in the configuration itself: rule 1."""
    return value.rstrip("\r\n") if is_secret(option) else value


def is_secret(option: str) -> bool:
    """Whether librdkafka's option of this name holds a secret."""
    return bool(_SECRET.search(option)) and not option.endswith((".location", ".method", "_file"))


def read_secret(key: str, path: str, *, keep_bom: bool = False) -> str:
    """The stripped content of a secret's file; with `keep_bom`, a byte order mark is part of it.

    Raises `ConfigError` naming `key` and `path`, never the content.
    """
    try:
        content = _read(path).decode()
    except OSError as error:
        raise ConfigError(f"{key} = {path}: can't be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        like = ", but looks like UTF-16" if error.object.startswith(_UTF_16) else ""
        raise ConfigError(f"{key} = {path}: can't be read: not UTF-8{like}; save it as UTF-8") from None
    except ValueError as unusable:  # NUL in the path, or one of _read's own
        reason = unusable if isinstance(unusable, _UnusableFileError) else "the path is not usable"
        raise ConfigError(f"{key} = {path!r}: {reason}") from None
    secret = content.strip() if keep_bom else stripped(content)
    if not secret:
        raise ConfigError(f"{key} = {path}: it is empty")
    return secret


class _UnusableFileError(ValueError):
    pass


def _read(path: str) -> bytes:
    # Without O_NONBLOCK, opening a pipe waits for its writer.
    file = os.open(Path(path), os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
    try:
        found = os.fstat(file)
        if stat.S_ISDIR(found.st_mode):
            raise _UnusableFileError("it is a directory; name the file in it")
        if not stat.S_ISREG(found.st_mode):
            raise _UnusableFileError(
                "it is not a regular file but a pipe or a device, and has to be read more than once; write the secret "
                "to a file"
            )
        if found.st_size > _MAX_BYTES:
            raise _UnusableFileError(f"it is larger than {_MAX_BYTES // 1024} KiB, so it can't be a secret's file")
        content = b""
        while len(content) <= _MAX_BYTES and (block := os.read(file, _MAX_BYTES + 1)):
            content += block
        if len(content) > _MAX_BYTES:  # it grows, or it is one of /proc, which have no size
            raise _UnusableFileError(f"it is larger than {_MAX_BYTES // 1024} KiB, so it can't be a secret's file")
        return content
    finally:
        os.close(file)


def without_logins(text: object) -> str:
    """`text` without the user and the password before an @, as in an address."""
    return _LOGIN.sub(f"{_REMOVED}@", str(text))


class Scrubber:
    """Removes these secrets from texts. `names` of options stay, even if they are a piece of a secret."""

    def __init__(self, secrets: Iterable[str], names: Iterable[str] = ()) -> None:
        lines = {line.strip() for secret in secrets for line in secret.splitlines()}
        found = {line for line in lines if line and not line.startswith(_PEM_ARMOUR)}
        # A list is quoted by its items.
        found |= {item for line in found for item in line.split(",") if len(item) >= _ITEM}
        self._long = [line for line in found if len(line) >= _PIECE]
        short = sorted((re.escape(line) for line in found if len(line) < _PIECE), key=len, reverse=True)
        self._short = re.compile(rf"(?<!\w)(?:{'|'.join(short)})(?!\w)") if short else None
        kept = sorted(map(re.escape, set(names) - found), key=len, reverse=True)
        self._kept = re.compile(rf"(?<![\w.])(?:{'|'.join(kept)})(?![\w.])") if kept else None

    def __call__(self, text: str) -> str:
        """`text` with *** instead of each secret."""
        secret = [False] * len(text)
        for at in range(len(text) - _PIECE + 1):
            if any(text[at : at + _PIECE] in line for line in self._long):
                secret[at : at + _PIECE] = [True] * _PIECE
        for found in self._short.finditer(text) if self._short else ():
            secret[found.start() : found.end()] = [True] * len(found[0])
        for found in self._kept.finditer(text) if self._kept else ():
            # A name inside a longer secret is that secret's.
            around = secret[max(found.start() - 1, 0) : found.start()] + secret[found.end() : found.end() + 1]
            if not any(around):
                secret[found.start() : found.end()] = [False] * len(found[0])
        return "".join(
            char if not hidden else ("" if at and secret[at - 1] else _REMOVED)
            for at, (char, hidden) in enumerate(zip(text, secret, strict=True))
        )


def _is_padding(char: str) -> bool:
    return char.isspace() or char == _BOM


def _is_control(char: str) -> bool:
    return unicodedata.category(char) in {"Cc", "Cs"}


def _described(at: int, char: str) -> str:
    if char in _LINE_BREAKS:
        kind = "a line break"
    elif unicodedata.category(char) == "Cs":  # what Python makes of a byte of a variable that is not UTF-8
        kind = "not UTF-8"
    elif char in _NAMES:
        kind = _NAMES[char]
    elif char < " " or (_is_control(char) and char > "\x7f"):
        kind = "a control character"
    else:
        kind = "not ASCII"
    return f"character {at + 1} is {kind}"

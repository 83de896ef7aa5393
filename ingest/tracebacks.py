"""The text about an unexpected exception: its type and where it was raised, for a report of the defect.

1. The text of a foreign exception may quote an event's values or a secret, so it is left out: an HTTP library quotes
   the header that it refuses, and a header contains the key.
2. The texts of `ingest`'s own exceptions, of librdkafka and of the operating system quote neither.
3. The source lines of a traceback hold no values, and local variables are never shown.
4. The same holds for what Python itself writes about an exception in a thread, or where none can be raised.
"""

import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path

from ingest.errors import ConfigError, FatalError, IngestError

_TRIMMED = 300
_FRAMES = 6
# Their exceptions are about connections and machines, and never quote an event's values or a secret.
_OPEN_MODULES = ("confluent_kafka", "cimpl", "ssl", "socket")
_LEFT_OUT = "(its text is left out, as it may quote an event or a secret)"


def describe(error: BaseException) -> str:
    """An exception for people: its type, its text where that can't quote an event or a secret, and its place."""
    if isinstance(error, FatalError | ConfigError):
        return str(error)
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
    place = " < ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in reversed(frames))
    return f"{_named(error)} at {place or 'an unknown place'}"


def report(error: BaseException) -> str:
    """The whole traceback of an exception and of those before it, as Python writes it, except for the texts."""
    parts = []
    seen: set[int] = set()
    each: BaseException | None = error
    while each is not None and id(each) not in seen:
        seen.add(id(each))
        stack = "".join(traceback.format_tb(each.__traceback__))
        parts.append(f"Traceback (most recent call last):\n{stack}{_named(each)}\n")
        each = each.__cause__ or (None if each.__suppress_context__ else each.__context__)
    return "\nwhich led to:\n\n".join(reversed(parts))


def keep_texts_out(tell: Callable[[BaseException], None] | None = None) -> None:
    """From now on this process writes no exception's text to stderr: rule 4. `tell` gets them instead of stderr."""

    def told(error: BaseException) -> None:
        if tell is not None:
            tell(error)
        else:
            sys.stderr.write(report(error))

    def in_thread(hook: threading.ExceptHookArgs) -> None:
        if hook.exc_value is not None and not isinstance(hook.exc_value, SystemExit):
            told(hook.exc_value)

    def unraisable(hook: "sys.UnraisableHookArgs") -> None:
        if hook.exc_value is not None:
            told(hook.exc_value)

    threading.excepthook = in_thread
    sys.unraisablehook = unraisable


def _named(error: BaseException) -> str:
    if isinstance(error, IngestError) or type(error).__module__.split(".")[0] in _OPEN_MODULES:
        text = str(error)
    elif isinstance(error, OSError) and type(error).__module__ == "builtins":
        text = f"{error.strerror or 'no reason given'}{f': {error.filename}' if error.filename else ''}"
    else:
        text = _LEFT_OUT
    if len(text) > _TRIMMED:
        text = text[:_TRIMMED] + "..."
    return f"{type(error).__name__}: {text}"

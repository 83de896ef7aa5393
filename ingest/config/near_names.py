"""The nearest of some known names, for every "did you mean", and a fixed set of words in a sentence.

A cutoff is a ratio of `difflib`: 1 is the same name.
"""

import difflib
from collections.abc import Iterable, Sequence


def near(name: str, known: Iterable[str], *, cutoff: float = 0.6) -> str:
    """The known name that `name` is most like, whatever its case and its separators; "" if none is like it."""
    return next(iter(nearest(name, known, most=1, cutoff=cutoff)), "")


def nearest(name: str, known: Iterable[str], *, most: int, cutoff: float = 0.6) -> list[str]:
    """At most `most` known names that `name` is like, the nearest first; of those that differ in case only, one."""
    plain: dict[str, str] = {}
    for each in known:
        plain.setdefault(_plain(each), each)
    return [plain[found] for found in difflib.get_close_matches(_plain(name), plain, n=most, cutoff=cutoff)]


def one_of(known: Sequence[str], given: object = "") -> str:
    """The sentence that one of `known` is expected, with the nearest; it never quotes `given`."""
    quoted = [f'"{each}"' for each in known]
    listed = f"{', '.join(quoted[:-1])} or {quoted[-1]}" if len(quoted) > 1 else quoted[0]
    guess = near(given, known) if isinstance(given, str) and given else ""
    return f"{listed} is expected" + (f'; did you mean "{guess}"?' if guess else "")


def _plain(name: str) -> str:
    return name.lower().replace("-", "_").replace(".", "_")

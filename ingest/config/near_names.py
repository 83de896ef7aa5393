"""The nearest of some known names, and a fixed set of words in a sentence."""

import difflib
from collections.abc import Iterable, Sequence


def near(name: str, known: Iterable[str], *, cutoff: float = 0.6) -> str:
    """The known name that `name` is most like, whatever its case and its separators; "" if none is like it."""
    plain = {_plain(each): each for each in known}
    found = difflib.get_close_matches(_plain(name), plain, n=1, cutoff=cutoff)
    return plain[found[0]] if found else ""


def one_of(known: Sequence[str], given: object = "") -> str:
    """The sentence that one of `known` is expected, with the nearest; it never quotes `given`."""
    quoted = [f'"{each}"' for each in known]
    listed = f"{', '.join(quoted[:-1])} or {quoted[-1]}" if len(quoted) > 1 else quoted[0]
    guess = near(given, known) if isinstance(given, str) and given else ""
    return f"{listed} is expected" + (f'; did you mean "{guess}"?' if guess else "")


def _plain(name: str) -> str:
    return name.lower().replace("-", "_").replace(".", "_")

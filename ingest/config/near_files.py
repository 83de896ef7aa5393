"""The file that is meant where a configuration isn't found: one beside it with a name like it.

Rules
1. A name in other case, with another ending (ingest.yaml) or with a slip (ingets.toml) is like it.
2. A file is only named, never read: what is read is what was asked for.
"""

import os
from pathlib import Path

from ingest.config.near_names import near

_LIKE = 0.8
_OTHER_FORMATS = frozenset({".yaml", ".yml", ".json"})
_ENDINGS = _OTHER_FORMATS | {".toml", ".tml", ".conf", ".cfg", ".txt", ".bak"}
_MOST_FILES = 10_000


def near_file(missing: Path) -> str:
    """The name of the file in the directory of `missing` that may be meant, "" if there is none."""
    names: list[str] = []
    try:
        with os.scandir(missing.parent) as found:
            for at, entry in enumerate(found):
                if at == _MOST_FILES:
                    break
                if Path(entry.name).suffix.lower() in _ENDINGS and entry.is_file():
                    names.append(entry.name)
    except OSError:
        return ""
    wanted = missing.name.lower()
    same = [name for name in sorted(names) if name.lower() == wanted or _stem(name) == _stem(missing.name)]
    if same:
        return min(same, key=lambda name: name.lower() != wanted)
    lowered = {name.lower(): name for name in sorted(names)}
    return lowered.get(near(wanted, lowered, cutoff=_LIKE), "")


def no_default_file(default: str) -> str:
    """The fault of a directory without the file that is read by default."""
    found = near_file(Path(default))
    if not found:
        return f"there is no {default} here: ingest init writes one, or name one with --config FILE"
    if Path(found).suffix.lower() in _OTHER_FORMATS:
        return f"there is no {default} here, and {found} is not read: a configuration is TOML; ingest init writes one"
    return f"there is no {default} here; is {found} meant? Rename it, or name it with --config {found}"


def _stem(name: str) -> str:
    return name.lower().partition(".")[0]

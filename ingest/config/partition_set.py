"""A set of partitions as it is written: `0-31`, `0,3,5-7`, `0..3` or `all`.

Rules
1. Both ends of a range belong to it, also of `0..3`.
2. A partition that is named twice is a fault: `0-3,3-5` is as likely to be a wrong end as a careless one.
3. An error names the text that can't be read and its position; nothing is guessed.
"""

import re

from ingest.errors import ConfigError

ALL = "all"
EXAMPLES = 'write "0-31", "0,3,5-7" or "all"'
# More than any cluster has; a typing error must not fill the memory.
HIGHEST = 1_000_000

_ITEM = re.compile(r"\s*(\d+)\s*(?:(?:-|\.\.)\s*(\d+)\s*)?")


def parse(text: str, setting: str) -> tuple[int, ...] | None:
    """The partitions that `text` names, sorted; None for `all`. `setting` is where the text stands.

    Raises `ConfigError` naming the text and the position (counted from 1) where it can't be read.
    """
    if text.strip().lower() == ALL:
        return None
    found: set[int] = set()
    at = 0
    while True:
        item = _ITEM.match(text, at)
        if item is None:
            raise _fault(setting, text, at, "a partition number is expected")
        first, last = int(item[1]), int(item[2] or item[1])
        if last < first:
            raise _fault(setting, text, item.start(1), f"the range {first}-{last} runs backwards; write {last}-{first}")
        if last > HIGHEST:
            raise _fault(setting, text, item.start(1), f"partition {last} is out of reach (at most {HIGHEST})")
        if (twice := next((one for one in range(first, last + 1) if one in found), None)) is not None:
            raise _fault(setting, text, item.start(1), f"partition {twice} is named twice")
        found.update(range(first, last + 1))
        at = item.end()
        if at == len(text):
            return tuple(sorted(found))
        if text[at] != ",":
            raise _fault(setting, text, at, 'a "," or the end is expected')
        at += 1


def _fault(setting: str, text: str, at: int, reason: str) -> ConfigError:
    return ConfigError(f'{setting} "{text}": position {at + 1}: {reason}; {EXAMPLES}')

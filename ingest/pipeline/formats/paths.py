"""Fields of a message by their path: where they are in its tree.

Rules
1. A path is dotted, and its keys may hold dots themselves: "a.b" is the key "a.b", or the key "b" of the object "a".
2. To replace values, a list on the way stands for each of its items: "records.data" is the field "data" of every
   record. To find one value, it leads nowhere.
3. A path that leads nowhere is no place.
"""

from collections.abc import Callable, Iterator
from typing import Any


def value_at(tree: Any, path: str) -> Any:
    """The value under `path`, None without one."""
    if not isinstance(tree, dict):
        return None
    found = tree.get(path)
    dot = path.find(".")
    while found is None and dot >= 0:
        found = value_at(tree.get(path[:dot]), path[dot + 1 :])
        dot = path.find(".", dot + 1)
    return found


def replace_at(tree: Any, path: str, replaced: Callable[[Any], Any]) -> None:
    """Put what `replaced` makes of them in the place of the values under `path`, of a list for each of its items."""
    for place, key in list(_places(tree, path)):
        place[key] = _each(place[key], replaced)


def _each(value: Any, replaced: Callable[[Any], Any]) -> Any:
    return [_each(item, replaced) for item in value] if isinstance(value, list) else replaced(value)


def _places(tree: Any, path: str) -> Iterator[tuple[dict[str, Any], str]]:
    if isinstance(tree, list):
        for item in tree:
            yield from _places(item, path)
    elif isinstance(tree, dict):
        if path in tree:
            yield tree, path
        dot = path.find(".")
        while dot >= 0:
            if (key := path[:dot]) in tree:
                yield from _places(tree[key], path[dot + 1 :])
            dot = path.find(".", dot + 1)

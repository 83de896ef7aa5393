"""Fields of a message by their path: where they are in its tree.

Rules
1. A path is dotted, as columns are named, and its keys may hold dots themselves: "a.b" is the key "a.b", or the key "b"
   of the object "a".
2. To find one value, the first of these places that holds one counts, the longest key first. A null is no value where
   there is another place; where there is none, it is found.
3. To replace values, all of the places count, and a list on the way stands for each of its items: "records.data" is the
   field "data" of every record. To find one value, it leads nowhere.
4. A path that leads nowhere is no place.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

MISSING = object()


def find(tree: Any, path: str) -> Any:
    """The value under `path`; MISSING without one."""
    if isinstance(tree, dict) and (value := tree.get(path)) is not None:
        return value
    way = _way(tree, path)
    return MISSING if way is None else way[-1][0][way[-1][1]]


def take(tree: Any, path: str) -> Any:
    """As `find`, and removed from `tree`, with each object that becomes empty by that."""
    way = _way(tree, path)
    if way is None:
        return MISSING
    owner, key = way[-1]
    value = owner.pop(key)
    for owner, key in reversed(way[:-1]):
        if owner[key]:
            break
        del owner[key]
    return value


def replace_at(tree: Any, path: str, replaced: Callable[[Any], Any]) -> None:
    """Put what `replaced` makes of them in the place of the values under `path`, of a list for each of its items."""
    for place, key in list(_places(tree, path)):
        place[key] = _each(place[key], replaced)


def _each(value: Any, replaced: Callable[[Any], Any]) -> Any:
    return [_each(item, replaced) for item in value] if isinstance(value, list) else replaced(value)


# The objects on the way to a value, each with the key that leads on.
_Way = Sequence[tuple[dict[str, Any], str]]


def _way(tree: Any, path: str) -> _Way | None:
    """Rule 2; None without a place."""
    null: _Way | None = None
    for way in _ways(tree, path):
        owner, key = way[-1]
        if owner[key] is not None:
            return way
        null = null or way
    return null


def _ways(tree: Any, path: str) -> Iterator[_Way]:
    if not isinstance(tree, dict):
        return
    if path in tree:
        yield [(tree, path)]
    for key, rest in _heads(path):
        if key in tree:
            for way in _ways(tree[key], rest):
                yield [(tree, key), *way]


def _places(tree: Any, path: str) -> Iterator[tuple[dict[str, Any], str]]:
    if isinstance(tree, list):
        for item in tree:
            yield from _places(item, path)
    elif isinstance(tree, dict):
        if path in tree:
            yield tree, path
        for key, rest in _heads(path):
            if key in tree:
                yield from _places(tree[key], rest)


def _heads(path: str) -> Iterator[tuple[str, str]]:
    """Each key that the path may begin with, and the rest of the path."""
    dot = path.find(".")
    while dot >= 0:
        yield path[:dot], path[dot + 1 :]
        dot = path.find(".", dot + 1)

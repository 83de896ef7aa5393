"""Dotted paths in a JSON tree, as columns are named: `a.b` is the key "b" of the object "a", or the key "a.b"."""

from typing import Any

MISSING = object()


def find(tree: Any, path: str) -> Any:
    """The value under `path`; MISSING without one."""
    found = _owner(tree, path)
    return MISSING if found is None else found[-1][0][found[-1][1]]


def take(tree: Any, path: str) -> Any:
    """As `find`, and removed from `tree`, with each object that becomes empty by that."""
    found = _owner(tree, path)
    if found is None:
        return MISSING
    owner, key = found[-1]
    value = owner.pop(key)
    for owner, key in reversed(found[:-1]):
        if owner[key]:
            break
        del owner[key]
    return value


def _owner(tree: Any, path: str) -> list[tuple[dict[str, Any], str]] | None:
    """The objects on the way to the value, each with the key that leads on; None without one."""
    if not isinstance(tree, dict):
        return None
    if path in tree:
        return [(tree, path)]
    at = path.find(".")
    while at >= 0:
        further = _owner(tree.get(path[:at]), path[at + 1 :])
        if further is not None:
            return [(tree, path[:at]), *further]
        at = path.find(".", at + 1)
    return None

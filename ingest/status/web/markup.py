"""HTML by construction: whatever is not made here is text, and text is escaped.

Topics, errors and the like are hostile input: there is no way to put one into a page unescaped, because only `tag`,
`DOCTYPE` and `joined` make `Markup`.
"""

import html
from collections.abc import Iterable

_VOID = frozenset({"meta", "link", "input"})


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


DOCTYPE = Markup("<!doctype html>\n")
Child = object


def tag(name: str, /, *children: Child, **attributes: object) -> Markup:
    """The element: `tag("p", "a < b", class_="x")` is `<p class="x">a &lt; b</p>`.

    `_` in a name is `-`, one at the end is dropped; True is an attribute without a value, None and False are none.
    Children are texts, `Markup`, or None for nothing.
    """
    given = "".join(_attribute(key, value) for key, value in attributes.items())
    if name in _VOID:
        return Markup(f"<{name}{given}>")
    return Markup(f"<{name}{given}>{joined(children)}</{name}>")


def joined(children: Iterable[Child]) -> Markup:
    """Children one after the other."""
    return Markup("".join(_child(child) for child in children))


def _child(child: Child) -> str:
    if child is None:
        return ""
    return str(child) if isinstance(child, Markup) else html.escape(str(child))


def _attribute(key: str, value: object) -> str:
    if value is None or value is False:
        return ""
    name = key.removesuffix("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{html.escape(str(value))}"'

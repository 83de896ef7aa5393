"""What a topic or a route says of its own, laid over what the configuration says for all.

Rules
1. An overlay has the keys of its section, each optional. A key that it says replaces the base's, a list or a table of
   free names as a whole, so that `[]`, `{}` and `""` switch off what the base says. Only sub-sections of fixed keys
   ([schema.ranking]) are laid over key by key.
2. All, then the topic, then the route: the last that says something wins. What can't be said together is judged of
   the outcome, never of an overlay alone.
3. [topics.NAME.routes] takes the place of [routes] in that topic.
4. The order of routes is that of the file. A route after one without `when` would never be reached: a fault.
5. `when` compares a value with its type: 1 is not "1", and true is not 1. A header and a key are text, a partition is
   an integer: anything else could never hold, and is a fault.
"""

import json
import math
import re
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Self, TypeVar

from pydantic import AfterValidator, Field, field_validator, model_validator

from ingest.config import templates
from ingest.config.schema import Schema, Section
from ingest.config.sections import Arize, Batch

Scalar = str | bool | int | float

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")  # org.apache.kafka.common.internals.Topic

_S = TypeVar("_S", bound=Section)


class RouteOverlay(Section):
    """[routes.NAME]: which messages it takes, and what is different for them."""

    when: dict[str, tuple[Scalar, ...]] = Field(
        default_factory=dict, description="path -> the values of which it must have one; without it, every message"
    )
    deliver: bool = Field(default=True, description="false: its messages are left out on purpose, and counted")
    columns: Schema = Field(default=Schema(), alias="schema")
    arize: Arize = Arize()

    @field_validator("when", mode="before")
    @classmethod
    def _conditions(cls, when: Any) -> Any:
        if not isinstance(when, dict):
            raise ValueError('a table of conditions is expected, as in { model = "fraud" }')  # noqa: TRY004  pydantic's
        values = {path: tuple(value) if isinstance(value, list | tuple) else (value,) for path, value in when.items()}
        if faults := [fault for path, each in values.items() for fault in _condition(path, each)]:
            raise ValueError("; ".join(faults))
        return values

    @model_validator(mode="after")
    def _nothing_of_what_is_left_out(self) -> Self:
        if not self.deliver and (said := [key for key in ("schema", "arize") if _says(self, key)]):
            raise ValueError(f"deliver = false sends nothing, so {' and '.join(said)} mean nothing here: remove them")
        return self


def _sensible(routes: dict[str, RouteOverlay]) -> dict[str, RouteOverlay]:
    """Rule 4, and routes that deliver nothing at all. Raises `ValueError`."""
    faults = ["one of them has no name"] if "" in routes else []
    names = list(routes)
    first = next((at for at, name in enumerate(names) if not routes[name].when), len(names))
    faults += [
        f"{toml_key(never)} is never reached: {toml_key(names[first])} before it has no when and takes every message"
        for never in names[first + 1 :]
    ]
    if routes and not any(route.deliver for route in routes.values()):
        faults.append("none of them delivers anything: give one of them no deliver = false, or stop reading the topic")
    if faults:
        raise ValueError("; ".join(faults))
    return routes


Routes = Annotated[dict[str, RouteOverlay], AfterValidator(_sensible)]


class TopicOverlay(Section):
    """[topics.NAME]: one of several topics, and what is different in it."""

    partitions: str = "all"
    columns: Schema = Field(default=Schema(), alias="schema")
    arize: Arize = Arize()
    batch: Batch = Batch()
    routes: Routes = Field(default_factory=dict)

    @property
    def has_routes(self) -> bool:
        """It says its own routes, were it that there are none."""
        return "routes" in self.model_fields_set


def _named(topics: dict[str, TopicOverlay]) -> dict[str, TopicOverlay]:
    wrong = [toml_key(name) for name in topics if not _TOPIC.fullmatch(name) or name in {".", ".."}]
    if wrong:
        raise ValueError(
            f"{', '.join(wrong)}: no name of a Kafka topic, which has up to 249 of the characters A-Z a-z 0-9 . _ -"
        )
    return topics


Topics = Annotated[dict[str, TopicOverlay], AfterValidator(_named)]


def merge(base: _S, overlay: _S) -> _S:
    """`base` with what `overlay` says: rule 1."""
    said: dict[str, Any] = {}
    for name in overlay.model_fields_set:
        old, new = getattr(base, name), getattr(overlay, name)
        said[name] = merge(old, new) if isinstance(old, Section) and type(old) is type(new) else new
    return base.model_copy(update=said)


def toml_key(name: str) -> str:
    """`name` as a part of a TOML key: in quotes where it needs them."""
    return name if _BARE.fullmatch(name) else json.dumps(name, ensure_ascii=False)


def locate(found: Sequence[tuple[str, str, Iterable[str]]]) -> list[str]:
    """Faults of outcomes, each told once, with where it stands.

    `found` has the section of the topic ("" if there is one alone), that of the route ("") and the faults of each
    outcome. What holds of every outcome is the base's own fault, and what holds of all of a topic, or of a route in
    all topics, is that section's.
    """
    places: dict[str, list[tuple[str, str]]] = {}
    for topic, route, faults in found:
        for fault in faults:
            places.setdefault(fault, []).append((topic, route))
    every = [(topic, route) for topic, route, _ in found]
    groups = {section: [place for place in every if section in place] for place in every for section in place[::-1]}
    groups.pop("", None)
    told = []
    for fault, at in places.items():
        if len(at) == len(every):
            told.append(fault)
            continue
        left = at
        for section, group in sorted(groups.items(), key=lambda item: -len(item[1])):
            if all(place in left for place in group):
                told.append(f"{section}: {fault}")
                left = [place for place in left if place not in group]
        told += [f"{topic} with {route}: {fault}" for topic, route in left]
    return told


def _says(overlay: RouteOverlay, key: str) -> bool:
    return {"schema": "columns"}.get(key, key) in overlay.model_fields_set


def _condition(path: str, values: tuple[Any, ...]) -> Iterable[str]:
    """What is wrong with one entry of `when`. No value is told: it may be an event's."""
    if not templates.is_path(path):
        yield f"{json.dumps(path)} is no path of a field, headers.NAME, key or partition"
    elif not values:
        yield f"{toml_key(path)} has no value, so it could never hold"
    elif not all(isinstance(value, str | bool | int | float) for value in values):
        yield f"{toml_key(path)} takes a string, a number, true or false, or a list of them"
    elif not all(math.isfinite(value) for value in values if isinstance(value, float)):
        yield f"{toml_key(path)}: JSON has no such number"
    elif path == "partition" and not all(type(value) is int for value in values):
        yield "partition takes integers"
    elif (path == "key" or path.startswith("headers.")) and not all(isinstance(value, str) for value in values):
        yield f"{toml_key(path)} takes strings: in Kafka it is text"

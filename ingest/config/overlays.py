"""Overlays: the keys that a topic or a route sets for itself, merged into those that hold for all.

Rules
1. An overlay has the keys of its section, each optional. A key that it sets replaces the base's, a list or a table of
   free names as a whole, so that `[]`, `{}` and `""` switch off what the base sets. Only sub-sections of fixed keys
   ([schema.ranking]) are merged key by key.
2. The base comes first, then the topic, then the route: the last one that sets a key wins. Contradictions are looked
   for in the merged result, never in an overlay alone.
3. [topics.NAME.routes] replaces [routes] in that topic.
4. The order of routes is that of the file. A route after one without `when` would never be reached: a fault.
5. `when` compares a value with its type: 1 is not "1", and true is not 1. A header and a key are text, a partition is
   an integer: any other value could never match, and is a fault.
"""

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Self, TypeVar

from pydantic import AfterValidator, Field, field_validator, model_validator

from ingest.config import templates
from ingest.config.format import Format
from ingest.config.messages import toml_key
from ingest.config.schema import Schema, Section
from ingest.config.sections import Arize, Batch

Scalar = str | bool | int | float


_S = TypeVar("_S", bound=Section)


class RouteOverlay(Section):
    """[routes.NAME]: the messages that a route takes, and the keys that differ for them."""

    when: dict[str, tuple[Scalar, ...]] = Field(
        default_factory=dict,
        description=(
            "Conditions that a message must meet, all of them: a field's dotted path, headers.NAME, key or partition, "
            'and the value or the list of values that it may have. 1 is not "1", and * in a string matches any '
            "characters. Without it the route takes every message"
        ),
    )
    deliver: bool = Field(
        default=True, description="Whether messages are sent; false filters them: not sent, not dead letters, counted"
    )
    sample: Annotated[float, Field(gt=0, le=1)] | None = Field(
        default=None, description="Share of the route's predictions that are sent, in place of [arize] sample"
    )
    columns: Schema = Field(default=Schema(), alias="schema", description="Keys of [schema] that differ for the route")
    arize: Arize = Field(default=Arize(), description="Keys of [arize] that differ for the route")

    @field_validator("when", mode="before")
    @classmethod
    def _conditions(cls, when: Any) -> Any:
        if not isinstance(when, dict):
            raise ValueError('a table of conditions is expected, as in { model = "fraud" }')  # noqa: TRY004  pydantic's
        values = {path: tuple(value) if isinstance(value, list | tuple) else (value,) for path, value in when.items()}
        if faults := [fault for path, each in values.items() for fault in _condition(path, each)]:
            raise ValueError("; ".join(faults))
        return values

    @field_validator("arize")
    @classmethod
    def _no_endpoint(cls, arize: Arize) -> Arize:
        return _without_endpoint(arize)

    @model_validator(mode="after")
    def _no_settings_of_filtered_messages(self) -> Self:
        named = (("sample", "sample"), ("schema", "columns"), ("arize", "arize"))
        unused = [key for key, name in named if name in self.model_fields_set]
        if unused and not self.deliver:
            raise ValueError(f"deliver = false sends nothing, so {' and '.join(unused)} mean nothing here: remove them")
        return self

    @model_validator(mode="after")
    def _one_sample(self) -> Self:
        if self.sample is not None and "sample" in self.arize.model_fields_set:
            raise ValueError("sample and arize.sample are the same setting: remove one of them")
        return self

    def merged_arize(self, base: Arize) -> Arize:
        """`base` with the route's keys of [arize], and with its sample."""
        merged = merge(base, self.arize)
        return merged if self.sample is None else merged.with_sample(self.sample)


def _without_endpoint(arize: Arize) -> Arize:
    if own := arize.model_fields_set & {"endpoint", "host", "port", "scheme", "region"}:
        raise ValueError(f"{' and '.join(sorted(own))} can't differ by topic or route: a run has one endpoint")
    return arize


def _reachable(routes: dict[str, RouteOverlay]) -> dict[str, RouteOverlay]:
    """Rule 4; and at least one route delivers. Raises `ValueError`."""
    faults = ["one of them has no name"] if "" in routes else []
    names = list(routes)
    first = next((at for at, name in enumerate(names) if not routes[name].when), len(names))
    faults += [
        f"{toml_key(never)} is never reached: {toml_key(names[first])} before it has no when and takes every message"
        for never in names[first + 1 :]
    ]
    if routes and not any(route.deliver for route in routes.values()):
        faults.append("none of them delivers anything: remove deliver = false from one, or stop reading the topic")
    if faults:
        raise ValueError("; ".join(faults))
    return routes


Routes = Annotated[dict[str, RouteOverlay], AfterValidator(_reachable)]


class TopicOverlay(Section):
    """[topics.NAME]: one of several topics, and the keys that differ in it."""

    partitions: str = Field(default="all", description='Partitions to read: "0-31", "0,3,5-7" or "all"')
    columns: Schema = Field(default=Schema(), alias="schema", description="Keys of [schema] that differ for the topic")
    arize: Arize = Field(default=Arize(), description="Keys of [arize] that differ for the topic")
    format: Format = Field(default=Format(), description="Keys of [format] that differ for the topic")
    batch: Batch = Field(default=Batch(), description="Keys of [batch] that differ for the topic")
    routes: Routes = Field(
        default_factory=dict, description="Routes of this topic alone, which replace [routes.*] in it"
    )

    @field_validator("arize")
    @classmethod
    def _no_endpoint(cls, arize: Arize) -> Arize:
        return _without_endpoint(arize)

    @property
    def has_routes(self) -> bool:
        """It sets its own routes, even if it sets none (`routes = {}`)."""
        return "routes" in self.model_fields_set


Topics = dict[str, TopicOverlay]


def merge(base: _S, overlay: _S) -> _S:
    """`base` with the keys that `overlay` sets: rule 1."""
    update: dict[str, Any] = {}
    for name in overlay.model_fields_set:
        old, new = getattr(base, name), getattr(overlay, name)
        update[name] = merge(old, new) if isinstance(old, Section) and type(old) is type(new) else new
    return base.model_copy(update=update)


def takes_all_of(earlier: Mapping[str, Sequence[Scalar]], later: Mapping[str, Sequence[Scalar]]) -> bool:
    """Whether conditions `earlier` hold for every message for which `later` hold, as their words alone show."""
    return all(
        path in later and all(any(_includes(one, value) for one in values) for value in later[path])
        for path, values in earlier.items()
    )


def _includes(one: Scalar, other: Scalar) -> bool:
    """Whether every value that meets `other` meets `one`."""
    if isinstance(one, str) and isinstance(other, str) and "*" in one:
        pattern = ".*".join(map(re.escape, one.split("*")))
        return re.fullmatch(pattern, other.replace("*", "\U0010ffff"), re.DOTALL) is not None
    return type(one) is type(other) and one == other


def _condition(path: str, values: tuple[Any, ...]) -> Iterable[str]:
    """The faults of one entry of `when`. They quote no value: it may come from an event."""
    if not templates.is_path(path):
        yield f"{json.dumps(path)} is not the path of a field, headers.NAME, key or partition"
    elif not values:
        yield f"{toml_key(path)} has no value, so it could never be met"
    elif not all(isinstance(value, str | bool | int | float) for value in values):
        yield f"{toml_key(path)} takes a string, a number, true or false, or a list of them"
    elif not all(math.isfinite(value) for value in values if isinstance(value, float)):
        yield f"{toml_key(path)}: JSON has no such number"
    elif path == "partition" and not all(type(value) is int for value in values):
        yield "partition takes integers"
    elif (path == "key" or path.startswith("headers.")) and not all(isinstance(value, str) for value in values):
        yield f"{toml_key(path)} takes strings: in Kafka it is text"

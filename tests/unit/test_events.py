"""Every event is a small, frozen, documented value that pickles, and a throttle keeps repeated texts out of the log."""

import dataclasses
import inspect
import pickle
import re
from typing import Annotated, Any, get_args, get_origin

import pytest

from ingest import events
from ingest.events import Event, Throttle
from ingest.records import Counts, PartitionProgress, Span

EVENTS = [kind for _, kind in inspect.getmembers(events, inspect.isclass) if issubclass(kind, Event)]
PROGRESS = PartitionProgress(1, 2, 3, 4, Counts(5, 6))
VALUES: dict[str, Any] = {
    "int": 3,
    "int | None": 3,
    "float": 0.5,
    "float | None": 0.5,
    "bool": True,
    "str": "text",
    "tuple[str, ...]": ("a", "b"),
    "Mapping[int, float]": {0: 0.5},
    "Mapping[int, int | None]": {0: 1, 1: None},
    "str | None": "text",
    "tuple[int, ...]": (1, 2),
    "tuple[Span, ...]": (Span(0, 1, 2, 1),),
    "Mapping[int, int]": {0: 1},
    "Mapping[int, int] | None": {0: 1},
    "Mapping[str, int]": {"not_json": 1},
    "Mapping[int, Counts]": {0: Counts(1, 2, 3, 4)},
    "Mapping[int, PartitionProgress]": {0: PROGRESS},
}


def type_name(annotation: object) -> str:
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    text = (
        annotation.__name__
        if isinstance(annotation, type) and not hasattr(annotation, "__origin__")
        else str(annotation)
    )
    for module in ("collections.abc.", "ingest.records."):
        text = text.replace(module, "")
    text = re.sub(r"typing\.Literal\[[^\]]*\]", "str", text)
    return text.replace("typing.Optional[str]", "str | None")


@pytest.mark.parametrize("kind", EVENTS)
def test_every_event_is_a_small_frozen_value_that_pickles(kind: type[Event]) -> None:
    given = {f.name: VALUES[type_name(f.type)] for f in dataclasses.fields(kind) if f.name != "level"}
    event = kind(**given)
    assert pickle.loads(pickle.dumps(event)) == event
    assert event.level in {"debug", "info", "warning", "error"}
    assert not hasattr(event, "__dict__")
    with pytest.raises(dataclasses.FrozenInstanceError):
        event.worker = 4  # type: ignore[misc]


@pytest.mark.parametrize("kind", EVENTS)
def test_every_event_has_a_docstring_and_each_field_a_description(kind: type[Event]) -> None:
    # A dataclass without a docstring gets its signature as one.
    assert kind.__doc__
    assert not kind.__doc__.startswith(f"{kind.__name__}(")
    assert kind.__doc__.rstrip().endswith(".")
    for each in dataclasses.fields(kind):
        assert get_origin(each.type) is Annotated, each.name
        _, description = get_args(each.type)
        assert description.strip(), each.name
        assert not description.endswith("."), each.name


def test_a_throttle_allows_the_same_text_once_per_interval() -> None:
    throttle = Throttle(every_s=30.0)
    assert throttle.allow("broker down", 100.0)
    assert not throttle.allow("broker down", 129.9)
    assert throttle.allow("another", 129.9)
    assert throttle.allow("broker down", 130.0)
    assert not throttle.allow("broker down", 131.0)


def test_a_throttle_does_not_pile_up_texts_with_changing_details() -> None:
    throttle = Throttle(most=10)
    for number in range(10_000):
        assert throttle.allow(f"lost connection {number}", 0.0)
    assert len(throttle._allowed_at) <= 10

import dataclasses
import inspect
import pickle
from typing import Any

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
    "str": "text",
    "str | None": "text",
    "tuple[int, ...]": (1, 2),
    "tuple[Span, ...]": (Span(0, 1, 2, 1),),
    "Mapping[int, int]": {0: 1},
    "Mapping[int, int] | None": {0: 1},
    "Mapping[str, int]": {"not_json": 1},
    "Mapping[int, Counts]": {0: Counts(1, 2, 3, 4)},
    "Mapping[int, PartitionProgress]": {0: PROGRESS},
}


def spelled(annotation: object) -> str:
    text = (
        annotation.__name__
        if isinstance(annotation, type) and not hasattr(annotation, "__origin__")
        else str(annotation)
    )
    for module in ("collections.abc.", "ingest.records."):
        text = text.replace(module, "")
    return text


@pytest.mark.parametrize("kind", EVENTS)
def test_every_event_is_a_small_frozen_value_that_travels(kind: type[Event]) -> None:
    event = kind(**{f.name: VALUES[spelled(f.type)] for f in dataclasses.fields(kind)})
    assert pickle.loads(pickle.dumps(event)) == event
    assert event.level in {"debug", "info", "warning", "error"}
    assert not hasattr(event, "__dict__")
    with pytest.raises(dataclasses.FrozenInstanceError):
        event.worker = 4  # type: ignore[misc]


def test_the_same_text_is_told_once_in_a_while() -> None:
    repeats = Throttle(every_s=30.0)
    assert repeats.allow("broker down", 100.0)
    assert not repeats.allow("broker down", 129.9)
    assert repeats.allow("another", 129.9)
    assert repeats.allow("broker down", 130.0)
    assert not repeats.allow("broker down", 131.0)


def test_texts_with_changing_details_do_not_pile_up() -> None:
    repeats = Throttle(most=10)
    for number in range(10_000):
        assert repeats.allow(f"lost connection {number}", 0.0)
    assert len(repeats._told) <= 10

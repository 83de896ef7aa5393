"""Every message gets the route and the destination that the configuration names for it, or a reason why it has none."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.config.format import Format
from ingest.config.resolve import RouteConfig
from ingest.config.sections import Arize
from ingest.config.settings import Config
from ingest.pipeline import routing
from ingest.pipeline.routing import RoutedChunk, Router
from tests.harness.messages import FakeMessage

BASE = Arize(space_id="space", model_name="base", model_version="7")


def sent(value: object, **fields: Any) -> FakeMessage:
    """A message with this value: bytes as they are, all else as JSON; `fields` are FakeMessage's."""
    return FakeMessage(value if isinstance(value, bytes) or value is None else json.dumps(value).encode(), **fields)


def route(**arize: Any) -> RouteConfig:
    return when({}, **arize)


def when(conditions: dict[str, Any], name: str = "one", *, deliver: bool = True, **arize: str) -> RouteConfig:
    given = {path: tuple(value) if isinstance(value, list) else (value,) for path, value in conditions.items()}
    whole = Config(arize=BASE.filled(arize)).topics[0].single_route()
    return replace(whole, name=name, when=given, deliver=deliver)


def codes(found: RoutedChunk) -> dict[int, str]:
    return {index: fault.reason.code for index, fault in found.rejected.items()}


def taken(routes: Sequence[RouteConfig], *messages: FakeMessage) -> list[int]:
    found: list[int] = Router(routes).route(messages).routes.tolist()
    return found


def test_a_single_route_for_everything_looks_into_nothing() -> None:
    router = Router([route()])
    found = router.route([sent(b"{"), sent(None), sent({"a": 1})])
    assert (found.routes.tolist(), found.parsed, found.rejected) == ([0, 0, 0], None, {})
    assert [(to.model_name, to.model_version) for to in router.destinations] == [("base", "7")]
    assert router.identity == ""


def test_the_first_route_that_holds_takes_a_message_and_the_rest_has_none() -> None:
    routes = [when({"m": "a"}), when({"m": ["a", "b"]}), when({"m": "x-*", "n": 1})]
    messages = [sent({"m": m, "n": n}) for m, n in [("a", 1), ("b", 1), ("x-", 1), ("x-y", 2), ("c", 1), (None, 1)]]
    found = Router(routes).route([*messages, sent(b"{"), sent(None)])
    assert found.routes.tolist() == [0, 1, 2, 3, 3, 3, 3, 3]
    assert codes(found) == {3: "no_route", 4: "no_route", 5: "no_route", 6: "not_json", 7: "tombstone"}


@pytest.mark.parametrize(
    ("wanted", "value", "holds"),
    [
        (1, 1, True),
        (1, "1", False),
        (1, True, False),
        (1, 1.0, False),
        (True, True, True),
        (True, 1, False),
        (1.5, 1.5, True),
        ("1", 1, False),
        ("*", "", True),
        ("*", 1, False),
        ("a*c", "abbc", True),
        ("a*c", "abbcd", False),
        ("a.c", "abc", False),
        ("a*", "a\nb", True),
        ("a", ["a"], False),
        ("a", {"a": "a"}, False),
    ],
    ids=repr,
)
def test_values_are_compared_with_their_type(wanted: Any, value: Any, holds: bool) -> None:  # noqa: FBT001
    assert taken([when({"m": wanted})], sent({"m": value})) == [0 if holds else 1]


def test_kafka_s_own_and_nested_fields_are_looked_at_too() -> None:
    routes = [
        when({"key": "k"}),
        when({"partition": 3}),
        when({"headers.env": "prod"}),
        when({"user.kind": "robot"}),
    ]
    assert taken(
        routes,
        sent({"a": 1}, key=b"k"),
        sent({"a": 1}, partition=3),
        sent({"a": 1}, headers=[("env", b"test"), ("env", b"prod")]),
        sent({"user": {"kind": "robot"}}),
        sent({"user.kind": "robot"}),
        sent({"a": 1}, key=b"\xff", headers=[("env", b"\xff")]),
        sent({"key": "k", "partition": 3, "headers.env": "prod"}),
    ) == [0, 1, 2, 3, 3, 4, 4]


def test_destinations_are_filled_by_each_message() -> None:
    router = Router([route(model_name="m-{name}", model_version="{headers.v}/{n}", space_id="{{s}}")])
    header = [("v", b"2")]
    found = router.route(
        [
            sent({"name": "a", "n": 1}, headers=header),
            sent({"name": "a", "n": True}, headers=header),
            sent({"name": "a", "n": 1}, headers=header),
            sent({"name": "a", "n": 1.5}, headers=header),
            sent({"name": "", "n": 1}, headers=header),
            sent({"name": "a", "n": None}, headers=header),
            sent({"name": "a", "n": [1]}, headers=header),
            sent({"name": "a", "n": 1}),
        ]
    )
    to = [router.destinations[number] for number in found.destinations[:4].tolist()]
    assert [one.model_version for one in to] == ["2/1", "2/true", "2/1", "2/1.5"]
    assert {(one.model_name, one.space_id, one.environment) for one in to} == {("m-a", "{s}", "production")}
    assert codes(found) == dict.fromkeys(range(4, 8), "no_destination")
    assert '"n"' in found.rejected[5].reason.detail
    assert found.routes.tolist() == [0] * 8, "a dead letter of its route"
    assert found.destinations.tolist()[4:] == [-1] * 4


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ("canary\nx", "character 9 is a line break"),
        ("canary\r\n", "character 9 is a line break"),
        (" canary", "character 3 is a blank"),
        ("canary\0", "character 9 is NUL"),
        ("canary\u20ac", "character 9 is not ASCII"),
        ("canary\u00e9", "character 9 is not ASCII"),
    ],
    ids=ascii,
)
def test_what_can_be_no_space_is_a_dead_letter_and_harms_no_neighbour(value: str, fault: str) -> None:
    router = Router([route(space_id="s-{headers.space}{n}")])
    messages = [sent({"n": 1}, headers=[("space", each.encode())]) for each in ("a", value, "b", "")]
    found = router.route(messages)
    assert codes(found) == {1: "bad_space_id", 3: "no_destination"}
    assert fault in found.rejected[1].reason.detail
    assert "canary" not in found.rejected[1].reason.detail
    assert [router.destinations[number].space_id for number in found.destinations[[0, 2]].tolist()] == ["s-a1", "s-b1"]
    assert found.routes.tolist() == [0] * 4, "a dead letter of its route"


def test_an_environment_is_one_of_arize_s_and_fits_the_schema() -> None:
    router = Router([route(environment="{env}", batch_id="{batch}")])
    found = router.route(
        [sent({"env": env, "batch": "b"}) for env in ("production", "validation", "training", "staging")]
    )
    to = [router.destinations[number] for number in found.destinations[:3].tolist()]
    assert [(one.environment, one.batch_id) for one in to] == [
        ("production", ""),
        ("validation", "b"),
        ("training", ""),
    ]
    assert codes(found) == {3: "no_destination"}


def test_data_in_the_place_of_a_model_is_refused_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routing, "MAX_DESTINATIONS", 3)
    router = Router([route(model_version="{n}")])
    assert codes(router.route([sent({"n": n}) for n in range(3)])) == {}
    found = router.route([sent({"n": n}) for n in (1, 9, 2)])
    assert codes(found) == {1: "too_many_destinations"}
    assert found.routes.tolist() == [0, 0, 0], "another process may still have room for it"
    assert len(router.destinations) == 3


def test_what_is_left_out_on_purpose_needs_no_destination() -> None:
    routes = [when({"kind": "beat"}, deliver=False, model_name="{nothing}"), when({})]
    found = Router(routes).route([sent({"kind": "beat"}), sent({"kind": "x"})])
    assert (found.routes.tolist(), codes(found)) == ([0, 1], {})


def test_the_identity_changes_with_the_rules_and_with_nothing_else() -> None:
    def identity(*routes: RouteConfig) -> str:
        return Router(routes).identity

    one, two = when({"m": "a"}, "one"), when({}, "two")
    assert identity(one, two) == identity(when({"m": "a"}, "one", model_name="other"), two)
    assert len({identity(one, two), identity(two, one), identity(when({"m": "b"}, "one"), two), identity(one), ""}) == 5
    assert identity(when({"m": "a", "n": 1})) == identity(when({"n": 1, "m": "a"}))
    # Unwrapped in another way, a message has other fields; exploded, it has the same ones.
    unwrapped = [replace(one, format=Format(envelope=envelope)) for envelope in ("connect", "debezium")]
    assert len({identity(one), *map(identity, unwrapped)}) == 3
    assert identity(one) == identity(replace(one, format=Format(explode=("items",))))


GIVEN = st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "a", "b", "ab", "1", "true"])
VALUES = st.none() | GIVEN


@given(
    st.lists(
        st.dictionaries(st.sampled_from(["x", "y"]), st.lists(VALUES.filter(lambda v: v is not None), min_size=1))
    ),
    st.lists(st.dictionaries(st.sampled_from(["x", "y", "z"]), VALUES, min_size=1), max_size=20),
)
def test_routes_are_as_one_looks_at_message_after_message(
    rules: list[dict[str, list[Any]]], rows: list[dict[str, Any]]
) -> None:
    routes = [when(rule, str(number)) for number, rule in enumerate(rules)] + [when({"z": "last"})]

    def holds(rule: dict[str, list[Any]], row: dict[str, Any]) -> bool:
        return all(
            any(type(value) is type(row.get(path)) and value == row[path] for value in values)
            for path, values in rule.items()
        )

    wanted = [next((n for n, rule in enumerate(rules) if holds(rule, row)), None) for row in rows]
    last = [len(rules) if row.get("z") == "last" else len(routes) for row in rows]
    found = taken(routes, *(sent(row) for row in rows)) if rows else []
    assert found == [number if number is not None else other for number, other in zip(wanted, last, strict=True)]

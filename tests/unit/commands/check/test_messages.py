"""`ingest check` judges a sample of messages as a worker would, and names columns that look like the wanted ones."""

import time
from collections.abc import Sequence
from typing import Any

import pytest

from ingest.commands.check.messages import judge, result, unseen
from ingest.config.resolve import TopicConfig
from ingest.config.settings import Config
from ingest.errors import ExitCode
from tests.harness.messages import FakeMessage, json_messages

NOW_S = time.time()
GOOD = {"prediction_id": "a", "prediction_ts": NOW_S, "prediction_score": 0.5, "age": 1}


def topic(**sections: Any) -> TopicConfig:
    arize = {"model_name": "m", "space_id": "s"} | sections.pop("arize", {})
    return Config(arize=arize, **sections).topics[0]


def check(settings: TopicConfig, messages: Sequence[FakeMessage]) -> tuple[str, str, ExitCode]:
    verdict = judge(settings, messages)
    found = result(verdict, unseen(settings, verdict, messages), "t")
    return found.status, found.text, found.exit_code


def names(settings: TopicConfig, messages: Sequence[FakeMessage]) -> dict[str, tuple[str, ...]]:
    found = unseen(settings, judge(settings, messages), messages)
    return {f"{each.setting} = {each.name}": each.near for each in found}


def test_messages_that_can_all_be_delivered_pass() -> None:
    assert check(topic(), json_messages(GOOD, GOOD)) == (
        "ok",
        "all 2 sampled messages can become rows",
        ExitCode.DONE,
    )
    assert names(topic(), json_messages(GOOD, GOOD)) == {}


def test_nothing_deliverable_fails_with_reasons_an_example_and_the_column_that_looks_like_it() -> None:
    rows = [
        {"request_id": f"r{number}", "prediction_ts": NOW_S, "prediction_score": 0.5, "age": 1} for number in range(3)
    ]
    status, text, code = check(topic(), json_messages(*rows))
    assert (status, code) == ("failed", ExitCode.TOO_MANY_DEAD)
    assert text.startswith("of 3 sampled messages none could be delivered: missing_column 3 (partition 0 offset 0: ")
    assert "[schema] prediction_id = prediction_id: none of them has it; request_id looks like it" in text


def test_a_share_that_stops_a_worker_fails_and_a_smaller_one_is_a_warning() -> None:
    bad = {key: value for key, value in GOOD.items() if key != "prediction_id"}
    status, text, code = check(topic(), json_messages(*[bad] * 150, *[GOOD] * 100))
    assert (status, code) == ("failed", ExitCode.TOO_MANY_DEAD)
    assert "150 of the last 250 messages" in text
    status, text, code = check(topic(), json_messages(*[bad] * 5, *[GOOD] * 5))
    assert (status, code) == ("warning", ExitCode.DONE)
    assert "5 of 10 sampled messages would be dead letters: missing_column 5 (partition 0 offset 0: " in text
    status, _, code = check(topic(dead_letters={"max_share": 1}), json_messages(*[bad] * 150, *[GOOD] * 100))
    assert (status, code) == ("warning", ExitCode.DONE)


def test_tombstones_that_are_passed_over_and_filtered_messages_are_not_judged() -> None:
    settings = topic(
        schema={"tombstones": "ignore"},
        routes={"a": {"when": {"age": 1}}, "b": {"when": {"age": 2}, "deliver": False}},
    )
    other = {**GOOD, "age": 2}
    messages = [*json_messages(GOOD, other), FakeMessage(None, offset=2)]
    assert check(settings, messages)[:2] == ("ok", "all 1 sampled message can become rows")
    assert check(topic(), [*json_messages(GOOD), FakeMessage(None)])[0] == "warning"
    status, text, _ = check(settings, json_messages(other, other))
    assert (status, text) == (
        "warning",
        "all 2 sampled messages would be filtered or passed over: nothing would be sent",
    )


def test_a_sample_of_tombstones_alone_is_a_warning_and_they_hide_nothing() -> None:
    tombstones = [FakeMessage(None)] * 300
    status, text, code = check(topic(), tombstones)
    assert (status, code) == ("warning", ExitCode.DONE)
    assert text.startswith(
        "300 sampled messages would be dead letters, and there is no prediction among them: tombstone 300 (partition 0 "
    )
    assert check(topic(), [*tombstones, *json_messages(GOOD)])[::2] == ("warning", ExitCode.DONE)
    bad = json_messages(*[{"a": 1}] * 250)
    assert check(topic(), [*tombstones, *json_messages(GOOD), *bad])[::2] == ("failed", ExitCode.TOO_MANY_DEAD)
    assert check(topic(), [*tombstones, *bad])[::2] == ("failed", ExitCode.TOO_MANY_DEAD)


@pytest.mark.parametrize(
    ("schema", "name", "near"),
    [
        ({"tags": ["tag_regoin"]}, "[schema] tags = tag_regoin", ("tag_region", "meta.region")),
        ({"tags": ["region"]}, "[schema] tags = region", ("meta.region",)),
        ({"features": ["features.*"]}, "[schema] features = features.*", ()),
        ({"rename": {"Age": "years"}}, "[schema.rename] = Age", ("age",)),
        ({"exclude": ["user.email"]}, "[schema] exclude = user.email", ("customer.email",)),
        ({"types": {"agee": "float"}}, "[schema.types] = agee", ("age",)),
        ({"conflicts": {"agee": "null"}}, "[schema.conflicts] = agee", ("age",)),
        ({"actual_label": "truth"}, "[schema] actual_label = truth", ()),
        ({"shap": {"age": "age_shapp"}}, "[schema] shap.age = age_shapp", ()),
        ({"embeddings": {"e": {"vector": "vec"}}}, "[schema] embeddings.e.vector = vec", ()),
        ({"kafka": {"headers.trace": "trace"}}, "[schema.kafka] = headers.trace", ("headers.Trace",)),
    ],
)
def test_a_configured_name_that_no_message_has_is_named_with_its_like(
    schema: dict[str, Any], name: str, near: tuple[str, ...]
) -> None:
    row = {**GOOD, "tag_region": "eu", "meta": {"region": "eu"}, "customer": {"email": "x"}}
    (message,) = json_messages(row)
    with_header = FakeMessage(message.value(), headers=[("Trace", b"1")])
    assert names(topic(schema=schema), [with_header])[name] == near


def test_conditions_of_routes_and_templates_are_looked_for_as_they_are_in_the_message() -> None:
    settings = topic(
        arize={"model_name": "{modle}"}, routes={"a": {"when": {"regoin": "eu"}}, "b": {"when": {"key": "k"}}, "c": {}}
    )
    found = names(settings, json_messages({**GOOD, "model": "x", "region": "eu"}))
    assert found == {"[routes.a] when = regoin": ("region",), "[arize] model_name = modle": ("model",)}


def test_a_default_name_that_a_topic_does_without_is_no_finding() -> None:
    actual = {"prediction_id": "a", "actual_label": "yes"}
    assert names(topic(), json_messages(actual)) == {}
    no_time = {"prediction_id": "a", "prediction_score": 0.5, "event_ts": NOW_S}
    assert names(topic(), json_messages(no_time)) == {"[schema] timestamp = prediction_ts": ("event_ts",)}

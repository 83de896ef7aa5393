"""From messages to rows that Arize takes, with everything [schema] can say of columns."""

import json
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from ingest.config.load import load
from ingest.config.resolve import RouteConfig, TopicConfig
from ingest.errors import ConfigError
from ingest.pipeline.arize.roles import roles
from ingest.pipeline.dead_letters.queue import DeadLetter
from ingest.pipeline.dead_letters.redact import WITHHELD, RedactingSink, Redactor, is_redacted
from ingest.pipeline.decoding.fast_lane import installed_lane
from ingest.pipeline.decoding.privacy import privacy_of
from ingest.pipeline.rows import RowProcessor, RowProcessors
from ingest.reasons import Reason
from ingest.records import KafkaMessage
from tests.harness.kept_letters import KeptLetters
from tests.harness.messages import FakeMessage

NOW_S = 1_763_900_000.0


def sent(value: bytes | None, offset: int = 0) -> FakeMessage:
    return FakeMessage(
        value,
        topic="t",
        partition=5,
        offset=offset,
        key=b"k",
        headers=[("trace", b"abc")],
        timestamp=(1, 1_763_850_000_123),
    )


def messages(*rows: dict[str, Any]) -> list[FakeMessage]:
    return [sent(json.dumps(row).encode(), offset) for offset, row in enumerate(rows)]


def topic(arize: dict[str, Any] | None = None, **schema: Any) -> TopicConfig:
    flags = {"kafka": {"topic": "t"}, "arize": {"model_name": "m", **(arize or {})}, "schema": schema}
    return load(flags=flags).topics[0]


def config(arize: dict[str, Any] | None = None, **schema: Any) -> RouteConfig:
    return topic(arize, **schema).routes[0]


@pytest.fixture
def key_file(tmp_path: Path) -> str:
    path = tmp_path / "key"
    path.write_text("a key\n")
    return str(path)


def test_a_nested_message_with_everything_said_of_it(key_file: str) -> None:
    settings = config(
        prediction_id="id",
        timestamp="at",
        prediction_label="prediction.label",
        prediction_score="prediction.score",
        tags=["meta.*"],
        rename={"features.age_in_years": "age"},
        exclude=["user.ssn"],
        hash=["user.mail"],
        hash_key_file=key_file,
        kafka={"partition": "kafka_partition", "headers.trace": "trace"},
        constants={"pipeline": "v3"},
    )
    row = {
        "id": "1",
        "at": "2025-11-23T08:00:00.5+02:00",
        "prediction": {"label": "fraud", "score": 0.5},
        "features": {"age_in_years": 30, "city": None},
        "user": {"ssn": "123", "mail": "a@b"},
        "meta": {"region": "eu"},
    }
    judge = RowProcessor(settings, lambda: NOW_S)
    decoded = judge.process(messages(row))
    assert not decoded.rejected
    (read,) = decoded.table.drop_columns(["at"]).to_pylist()
    assert read == {
        "id": "1",
        "prediction.label": "fraud",
        "prediction.score": 0.5,
        "age": 30,
        "features.city": None,
        "user.mail": privacy_of(settings.schema).digest("a@b"),
        "meta.region": "eu",
        "kafka_partition": 5,
        "trace": "abc",
        "pipeline": "v3",
    }
    assert decoded.table.column("at").cast(pa.int64()).to_pylist() == [1_763_877_600_500_000_000]
    assert judge.unit == "iso8601"
    meant = roles(settings.schema, "binary_classification", decoded.table.schema.names)
    assert set(meant.tags) == {"meta.region", "kafka_partition", "trace", "pipeline"}
    assert set(meant.features) == {"age", "features.city", "user.mail"}


def test_rows_are_rejected_by_their_index_at_every_stage() -> None:
    good = {"prediction_id": "1", "prediction_ts": 1_763_850_000, "prediction_score": 0.5}
    rows = messages(good, good | {"prediction_ts": 7}, good | {"p": 1}, good | {"prediction_id": ""}, good)
    rows.insert(1, sent(b"{"))
    decoded = RowProcessor(config(kafka={"partition": "p"}), lambda: NOW_S).process(rows)
    assert decoded.accepted.tolist() == [0, 5]
    assert [(fault.index, fault.reason.code) for fault in decoded.rejected] == [
        (1, "not_json"),
        (2, "timestamp_range"),
        (3, "reserved_column"),
        (4, "id_length"),
    ]
    assert decoded.table.num_rows == 2


def test_a_hash_does_not_hide_that_a_number_was_rounded(key_file: str) -> None:
    good = {"prediction_id": "1", "prediction_ts": 1_763_850_000, "prediction_score": 0.5}
    rows = messages(*(good | {"card": card} for card in (2**64, 2**64 + 1, 2.0**64, 2**64 - 1, [{"a": [2**65]}])))
    rows.append(sent(json.dumps(good)[:-1].encode() + b', "card": ' + b"[" * 1_000 + b"1e20" + b"]" * 1_000 + b"}"))
    rows.append(sent(json.dumps(good)[:-1].encode() + b', "card": 1e20, "n": ' + b"9" * 25 + b"}"))
    decoded = RowProcessor(config(hash=["card"], hash_key_file=key_file, exclude=["n"]), lambda: NOW_S).process(rows)
    assert {fault.index: fault.reason.code for fault in decoded.rejected} == {
        0: "integer_past_64_bits",
        1: "integer_past_64_bits",
        4: "integer_past_64_bits",
        5: "nested_too_deep",
    }
    assert len(set(decoded.table.column("card").to_pylist())) == 3


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"hash": ["a"]}, "hash_key_file"),
        ({"kafka": {"partition": "prediction_id"}}, "prediction_id"),
        ({"kafka": {"partition": "x", "offset": "x"}}, "same name"),
        ({"constants": {"x": 1}, "kafka": {"offset": "x"}}, '"x"'),
        ({"timestamp": "", "timestamp_from_kafka": True}, "timestamp"),
        ({"kafka": {"broker": "x"}}, "headers.NAME"),
    ],
)
def test_what_can_not_work_together_is_said_at_start(schema: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        config(**schema)


def test_dead_letters_hold_no_more_than_what_may_leave(key_file: str) -> None:
    settings = topic(exclude=["ssn"], hash=["user.mail"], hash_key_file=key_file)
    privacy = privacy_of(settings.schema)
    redactor = Redactor(settings)
    kept = KeptLetters()
    sink = RedactingSink(kept, redactor)
    raw = b'{"ssn": "123", "user": {"mail": "a@b", "age": 3}, "list": [{"ssn": 1}]}'
    bad: list[KafkaMessage] = [sent(raw), sent(b'{"ssn": "123"'), sent(None)]
    sink.write([DeadLetter(message, Reason("not_json", "reason")) for message in bad])
    treated, withheld, tombstone = kept.letters
    assert json.loads(treated.message.value() or b"") == {
        "user": {"mail": privacy.digest("a@b"), "age": 3},
        "list": [{"ssn": 1}],
    }
    assert is_redacted(treated.message)
    assert withheld.message.value() is None
    assert withheld.reason.detail == "reason" + WITHHELD
    assert tombstone.reason.detail == "reason"
    again = KeptLetters()
    RedactingSink(again, redactor).write([treated])
    assert again.letters == [treated]


def test_rows_that_would_hide_each_others_values_have_other_shapes() -> None:
    settings = config({"model_type": "regression"})
    judge = RowProcessor(settings, lambda: NOW_S)
    base = {"prediction_id": "1", "prediction_ts": 1_763_850_000}
    decoded = judge.process(messages(base | {"prediction_label": 3.5}, base | {"prediction_score": 4.5}))
    assert not decoded.rejected
    assert len(set(judge.batch_groups(decoded.table).tolist())) == 2


LANES: dict[str, tuple[dict[str, Any], tuple[str, str]]] = {
    "plain": ({}, ("fast", "")),
    "rename": ({"schema": {"rename": {"a": "b"}}}, ("orjson", "[schema] rename switches the fast lane off")),
    "two keys": (
        {"schema": {"exclude": ["a"], "unknown": "ignore"}},
        ("orjson", "[schema] exclude and unknown switch the fast lane off"),
    ),
    "lane": ({"batch": {"lane": "orjson"}}, ("orjson", '[batch] lane is "orjson"')),
    "template": ({"arize": {"model_name": "{m}"}}, ("orjson", "[routes] and the templates of [arize] read parsed")),
    "route": ({"routes": {"a": {"when": {"m": "x"}}, "b": {}}}, ("orjson", "[routes] and the templates of [arize]")),
}


@pytest.mark.skipif(installed_lane("auto") == "orjson", reason="the fast lane is not built: scripts/fastlane")
@pytest.mark.parametrize("name", LANES)
def test_the_lane_is_announced_with_what_keeps_the_fast_one_off(name: str) -> None:
    flags, (lane, reason) = LANES[name]
    settings = load(flags={"kafka": {"topic": "t"}, "arize": {"model_name": "m", "space_id": "s"}, **flags})
    processors = RowProcessors(settings.topics[0], time.time)
    found, why = processors.lane()
    assert (found, why[: len(reason)]) == (lane, reason)
    assert bool(why) == (lane == "orjson")

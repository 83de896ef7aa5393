"""Dead letters hold nothing that exclude and hash cover, in whatever form the message is."""

import base64
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from ingest.config.load import load
from ingest.config.resolve import TopicConfig
from ingest.pipeline.dead_letters.queue import DeadLetter
from ingest.pipeline.dead_letters.redact import WITHHELD, RedactingSink, Redactor, is_redacted
from ingest.pipeline.decoding.privacy import privacy_of
from ingest.pipeline.rows import RowProcessors
from ingest.reasons import Reason
from ingest.records import KafkaMessage
from tests.harness.formats import WRAPPED, confluent
from tests.harness.kept_letters import KeptLetters
from tests.harness.messages import FakeMessage

NOW_S = 1_763_900_000.0
CANARY = "canary-7f3a"
ROW = {"prediction_id": "p", "ssn": CANARY, "user": {"mail": f"{CANARY}@b", "age": 3}, "prediction_score": 0.5}


def topic(tmp_path: Path, **sections: Any) -> TopicConfig:
    key = tmp_path / "key"
    key.write_text("a key\n")
    private = {"exclude": ["ssn"], "hash": ["user.mail"], "hash_key_file": str(key)}
    flags = {"kafka": {"topic": "t"}, "arize": {"model_name": "m"}, "schema": private, **sections}
    return load(flags=flags).topics[0]


def written(config: TopicConfig, *messages: KafkaMessage) -> list[DeadLetter]:
    kept = KeptLetters()
    RedactingSink(kept, Redactor(config)).write([DeadLetter(each, Reason("type_conflict", "why")) for each in messages])
    return kept.letters


def has_canary(letter: DeadLetter) -> bool:
    """Whether it is there, in any form that it is easily read from."""
    value = letter.message.value() or b""
    coded = [base64.b64encode(CANARY.encode()[at:])[:8] for at in range(3)]
    return any(part in value for part in (CANARY.encode(), *coded)) or CANARY in letter.reason.detail


@pytest.mark.parametrize("form", sorted(WRAPPED))
def test_the_unwrapped_message_is_redacted_and_written(form: str, tmp_path: Path) -> None:
    keys, wrap = WRAPPED[form]
    config = topic(tmp_path, format=dict(keys))
    raw = json.dumps(ROW).encode()
    spoilt = wrap(raw)[:-5]
    no_object = wrap(json.dumps([CANARY]).encode())
    letters = written(config, *map(FakeMessage, (wrap(raw), spoilt, no_object, wrap(raw) + CANARY.encode())))
    assert not any(map(has_canary, letters))
    assert all(is_redacted(letter.message) for letter in letters)
    assert json.loads(letters[0].message.value() or b"") == {
        "prediction_id": "p",
        "user": {"mail": privacy_of(config.schema).digest(f"{CANARY}@b"), "age": 3},
        "prediction_score": 0.5,
    }
    assert [letter.message.value() for letter in letters[1:]] == [None] * 3
    assert all(letter.reason.detail == "why" + WITHHELD for letter in letters[1:])


@pytest.mark.parametrize(
    ("format_", "value"),
    [
        ({"envelope": "debezium"}, {"op": "d", "before": ROW, "after": None}),
        ({"envelope": "debezium"}, {"op": "m", "after": ROW}),
        ({"envelope": "connect"}, {"schema": {}, "payload": ROW, "more": CANARY}),
        ({"envelope": "cloudevents"}, {"specversion": "1.0", "id": "1", "source": "s", "data": ROW}),
        ({"payload": "row"}, {"rows": ROW}),
        ({"json_fields": ["user"]}, {"user": json.dumps(ROW)[:-1]}),
        ({"base64_fields": ["user"]}, {"user": CANARY + "%"}),
        ({"csv_fields": ["user"]}, {"user": f'{CANARY}"'}),
        ({"explode": ["items"]}, {"items": [ROW, ROW]}),
        ({"framing": "confluent", "explode": ["items"]}, {"items": [ROW]}),
    ],
)
def test_what_can_not_be_redacted_is_withheld(format_: dict[str, Any], value: Any, tmp_path: Path) -> None:
    raw = json.dumps(value).encode()
    (letter,) = written(topic(tmp_path, format=format_), FakeMessage(confluent(raw) if "framing" in format_ else raw))
    assert not has_canary(letter)
    assert letter.message.value() is None
    assert is_redacted(letter.message)
    assert letter.reason.detail == "why" + WITHHELD


def test_before_and_fields_that_are_texts_are_redacted_by_their_paths(tmp_path: Path) -> None:
    change = FakeMessage(json.dumps({"op": "u", "before": ROW, "after": ROW, "source": {"ssn": CANARY}}).encode())
    (letter,) = written(topic(tmp_path, format={"envelope": "debezium"}), change)
    assert not has_canary(letter)
    coded = base64.b64encode(json.dumps({"mail": CANARY, "age": 3}).encode()).decode()
    fields = {"base64_fields": ["user"], "json_fields": ["user"]}
    (letter,) = written(topic(tmp_path, format=fields), FakeMessage(json.dumps({"user": coded}).encode()))
    assert not has_canary(letter)
    assert json.loads(letter.message.value() or b"")["user"]["age"] == 3


def test_without_exclude_and_hash_the_raw_bytes_are_written(tmp_path: Path) -> None:
    config = topic(tmp_path, schema={}, format={"compression": "gzip"})
    message = FakeMessage(gzip.compress(b"{}"))
    assert not Redactor(config).active
    (letter,) = written(config, message)
    assert letter.message is message


def test_a_route_that_excludes_a_field_excludes_it_in_its_dead_letters(tmp_path: Path) -> None:
    routes = {
        "private": {"when": {"kind": "a"}, "schema": {"exclude": ["ssn"]}},
        "open": {"when": {"kind": "b"}},
    }
    config = topic(tmp_path, schema={}, routes=routes)
    assert Redactor(config).active
    sent = [FakeMessage(json.dumps({**ROW, "kind": kind}).encode()) for kind in ("a", "b", "c")]
    private, open_, nowhere = written(
        config,
        *sent,
    )
    assert "ssn" not in json.loads(private.message.value() or b"")
    assert open_.message is sent[1]
    assert nowhere.message.value() is None  # either may have been meant


def test_a_message_that_no_route_takes_is_redacted_where_routes_agree(tmp_path: Path) -> None:
    config = topic(tmp_path, routes={"a": {"when": {"kind": "a"}}, "b": {"when": {"kind": "b"}}})
    (letter,) = written(config, FakeMessage(json.dumps(ROW).encode()))
    assert not has_canary(letter)
    assert json.loads(letter.message.value() or b"")["user"]["age"] == 3


def test_a_redacted_message_is_neither_unwrapped_nor_redacted_again(tmp_path: Path) -> None:
    config = topic(tmp_path, format={"envelope": "connect"})
    row = {**ROW, "prediction_ts": NOW_S, "prediction_label": "yes"}
    wrapped = json.dumps({"schema": None, "payload": row}).encode()
    (letter,) = written(config, FakeMessage(wrapped))
    (again,) = written(config, letter.message)
    assert again.message is letter.message

    def rows(message: KafkaMessage, *, hashed: bool) -> list[dict[str, Any]]:
        processors = RowProcessors(config, lambda: NOW_S, hashed=hashed)
        found = processors.route([message])
        (processed,) = processors.process(0, found, [message], found.routes * 0)
        assert not processed.decoded.rejected
        table: list[dict[str, Any]] = processed.decoded.table.to_pylist()
        return table

    assert rows(letter.message, hashed=True) == rows(FakeMessage(wrapped), hashed=False)

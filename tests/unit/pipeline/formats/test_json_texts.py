"""JSON in JSON strings."""

import json

import pytest

from ingest.pipeline.formats.json_texts import MAX_STRINGS
from tests.harness.formats import unwrapped

PLAIN = b' { "a" : 1.00 } '


def encoded(times: int) -> bytes:
    text = PLAIN.decode()
    for _ in range(times):
        text = json.dumps(text)
    return text.encode()


@pytest.mark.parametrize("times", range(MAX_STRINGS + 1))
def test_a_message_that_was_encoded_again_is_opened(times: int) -> None:
    assert unwrapped(encoded(times), json_string=True) == PLAIN
    assert unwrapped(b" \n" + encoded(times) + b"\r\n", json_string=True).strip() == PLAIN.strip()


def test_one_that_was_encoded_more_often_stays_a_string() -> None:
    assert unwrapped(encoded(MAX_STRINGS + 1), json_string=True) == encoded(1)


@pytest.mark.parametrize("value", [b'"', b'"abc', b'"a" "b"', b'"\xff"'])
def test_a_string_that_is_none_is_refused(value: bytes) -> None:
    assert unwrapped(value, json_string=True)[0] == "not_json"


def test_what_is_in_the_string_is_left_to_the_decoder() -> None:
    assert unwrapped(b'"hello"', json_string=True) == b"hello"
    assert unwrapped(b'"\\u00e9\\u0000"', json_string=True) == "é\0".encode()


def test_the_payload_of_an_envelope_is_opened() -> None:
    payload = json.dumps({"schema": {"type": "string"}, "payload": encoded(1).decode()}).encode()
    assert unwrapped(payload, envelope="connect", json_string=True) == b'{"a":1.0}'
    after = json.dumps({"op": "c", "after": '{"_id": 7}'}).encode()  # as Debezium's connector for MongoDB writes it
    assert unwrapped(after, envelope="debezium", json_string=True) == b'{"_id":7}'
    assert unwrapped(b'{"op": "c", "after": "{\\"a\\""}', envelope="debezium", json_string=True)[0] == "not_json"

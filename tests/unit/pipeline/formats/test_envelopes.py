"""The envelopes of Kafka Connect and Debezium."""

import pytest

from tests.harness.formats import unwrapped


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (b'{"schema": {"type": "struct"}, "payload": {"a": 1}}', b'{"a":1}'),
        (b'{"payload": {"a": 1}, "schema": null}', b'{"a":1}'),
        (b'{"schema": null, "payload": null}', None),
        (b'{"schema": null, "payload": 5}', b"5"),
    ],
)
def test_of_connect_the_payload_is_the_message(value: bytes, wanted: bytes | None) -> None:
    assert unwrapped(value, envelope="connect") == wanted


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (b'{"payload": {"a": 1}}', '"schema" is missing'),
        (b'{"schema": {}}', '"payload" is missing'),
        (b'{"schema": {}, "payload": {}, "meta": 1}', "keys beside"),
        (b"[]", "not an object"),
        (b"null", "not an object"),
    ],
)
def test_what_is_no_envelope_of_connect_is_refused(value: bytes, said: str) -> None:
    code, detail = unwrapped(value, envelope="connect")
    assert code == "bad_envelope"
    assert detail.startswith("[format] envelope connect: ")
    assert said in detail


@pytest.mark.parametrize("operation", ["c", "u", "r"])
@pytest.mark.parametrize("schema", [b"%s", b'{"schema": {"type": "struct"}, "payload": %s}'])
def test_of_a_change_the_new_row_is_the_message(operation: str, schema: bytes) -> None:
    change = b'{"before": {"a": 0, "b": 2}, "after": {"a": 1}, "source": {"ts_ms": 5}, "op": "%s", "ts_ms": 6}'
    assert unwrapped(schema % (change % operation.encode()), envelope="debezium") == b'{"a":1}'


@pytest.mark.parametrize(
    "value",
    [
        b'{"before": {"a": 0}, "after": null, "op": "d"}',
        b'{"schema": {}, "payload": {"before": {"a": 0}, "after": null, "op": "d"}}',
        b'{"source": {"table": "t"}, "op": "t"}',
        b'{"schema": null, "payload": null}',
    ],
)
def test_a_deletion_is_a_tombstone(value: bytes) -> None:
    assert unwrapped(value, envelope="debezium") is None


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (b'{"after": {"a": 1}}', '"op" is missing'),
        (b'{"op": "u", "before": {"a": 1}}', '"after" is missing'),
        (b'{"op": "c", "after": null}', '"after" is missing'),
        (b'{"op": "m", "message": {"content": "secret"}}', '"op" is none of c, r, u, d and t'),
        (b'{"op": null, "after": {}}', '"op" is none of'),
        (b'{"op": ["c"], "after": {}}', '"op" is none of'),
        (b'{"op": "", "after": {}}', '"op" is none of'),
        (b'{"schema": {}, "payload": []}', "not an object"),
        (b'"c"', "not an object"),
    ],
)
def test_what_is_no_change_is_refused(value: bytes, said: str) -> None:
    code, detail = unwrapped(value, envelope="debezium")
    assert code == "bad_envelope"
    assert detail.startswith("[format] envelope debezium: ")
    assert said in detail
    assert "secret" not in detail

"""CloudEvents in structured mode."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.harness.formats import unwrapped

CONTEXT = {"specversion": "1.0", "id": "e-1", "source": "/models/fraud", "type": "prediction"}
COLUMNS = {"ce_id": "e-1", "ce_source": "/models/fraud", "ce_type": "prediction"}


def opened(event: Any) -> Any:
    found = unwrapped(json.dumps(event).encode(), envelope="cloudevents")
    return json.loads(found) if isinstance(found, bytes) else found


@given(st.dictionaries(st.text("abc", min_size=1), st.integers() | st.text("xyz")), st.booleans())
def test_the_fields_of_data_are_the_message(data: dict[str, Any], as_text: bool) -> None:  # noqa: FBT001
    assert opened({**CONTEXT, "data": json.dumps(data) if as_text else data}) == {**data, **COLUMNS}


def test_every_attribute_is_a_field() -> None:
    event = {
        **CONTEXT,
        "time": "2026-03-01T12:00:00Z",
        "subject": "s",
        "dataschema": "https://schemas.example/1",
        "datacontenttype": "application/json",
        "partitionkey": 7,
        "sampled": True,
        "traceparent": None,
        "data": {"a": 1},
    }
    assert opened(event) == {
        **COLUMNS,
        "a": 1,
        "ce_time": "2026-03-01T12:00:00Z",
        "ce_subject": "s",
        "ce_dataschema": "https://schemas.example/1",
        "ce_partitionkey": 7,
        "ce_sampled": True,
    }


@pytest.mark.parametrize(
    "content_type",
    [None, "application/json", "text/json", "application/vnd.prediction+json; charset=utf-8", "APPLICATION/JSON"],
)
def test_data_that_is_text_is_json_by_its_type(content_type: str | None) -> None:
    for data in ({"data": '{"a": 1}'}, {"data_base64": base64.b64encode(b'{"a": 1}').decode()}):
        assert opened({**CONTEXT, "datacontenttype": content_type, **data}) == {**COLUMNS, "a": 1}


@pytest.mark.parametrize("content_type", ["text/plain", "application/jsonl", "application/xml", "json", 5])
def test_data_of_another_type_is_refused(content_type: Any) -> None:
    for data in ({"data": '{"a": 1}'}, {"data_base64": "e30="}):
        code, detail = opened({**CONTEXT, "datacontenttype": content_type, **data})
        assert (code, '"datacontenttype" is not' in detail) == ("bad_envelope", True)


@pytest.mark.parametrize("key", ["specversion", "id", "source", "type", "data"])
def test_a_missing_key_is_named(key: str) -> None:
    event = {**CONTEXT, "data": {"a": 1}}
    for value in ({name: value for name, value in event.items() if name != key}, {**event, key: None}):
        assert opened(value) == ("bad_envelope", f'[format] envelope cloudevents: "{key}" is missing')


@pytest.mark.parametrize(
    ("change", "code", "said"),
    [
        ({"specversion": "0.3"}, "bad_envelope", '"specversion" is not 1.0'),
        ({"specversion": 1}, "bad_envelope", '"specversion" is not 1.0'),
        ({"data": 5}, "bad_envelope", '"data" is neither'),
        ({"data": "5"}, "bad_envelope", '"data" is neither'),
        ({"data": "secret {"}, "not_json", "envelope: data: not valid JSON at character"),
        ({"data": '{"a": 1, "a": 2}'}, "duplicate_key", "twice"),
        ({"data": {}, "data_base64": "e30="}, "bad_envelope", "both"),
        ({"data": None, "data_base64": "secret"}, "bad_envelope", "not base64"),
        ({"data": None, "data_base64": "/w=="}, "bad_envelope", "not base64 of a text"),
        ({"data": None, "data_base64": 5}, "bad_envelope", "not base64"),
        ({"data": {"ce_id": "x"}}, "ambiguous_key", '"ce_id" stands twice'),
    ],
)
def test_what_is_no_event_is_refused(change: dict[str, Any], code: str, said: str) -> None:
    found, detail = opened({**CONTEXT, "data": {"a": 1}, **change})
    assert (found, said in detail, "secret" in detail) == (code, True, False), detail


def test_data_that_is_a_list_stays_for_explode() -> None:
    assert opened({**CONTEXT, "data": [{"a": 1}]}) == {**COLUMNS, "data": [{"a": 1}]}


def test_a_batch_is_the_list_of_its_messages() -> None:
    events = [{**CONTEXT, "data": {"a": number}} for number in range(3)]
    assert opened(events) == [{**COLUMNS, "a": number} for number in range(3)]
    assert opened([]) == []
    events[1] = {**CONTEXT}
    assert opened(events) == ("bad_envelope", '[format] envelope cloudevents: "data" is missing, event 1')
    assert opened(5) == ("bad_envelope", "[format] envelope cloudevents: the event is not an object")

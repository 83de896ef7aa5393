"""Fields that hold base64, JSON or CSV as text."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.harness.formats import unwrapped


def opened(message: Any, **keys: Any) -> Any:
    found = unwrapped(json.dumps(message).encode(), **keys)
    return json.loads(found) if isinstance(found, bytes) else found


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_base64_becomes_its_text_in_either_alphabet_with_or_without_padding(text: str) -> None:
    raw = text.encode()
    for coded in (base64.b64encode(raw), base64.urlsafe_b64encode(raw), base64.encodebytes(raw)):
        for shown in (coded.decode(), coded.decode().rstrip("=\n")):
            assert opened({"f": shown}, base64_fields=("f",)) == {"f": text}


@pytest.mark.parametrize("value", ["a", "abcde", "ab=", "ab===", "a b=", "ab==cd==", "é===", "=", "%%%%"])
def test_what_is_not_base64_is_refused(value: str) -> None:
    assert opened({"f": value}, base64_fields=("f",)) == ("bad_field", '"f" is not valid base64')


def test_base64_of_other_bytes_is_refused() -> None:
    found = opened({"f": base64.b64encode(b"\xff\xfe").decode()}, base64_fields=("f",))
    assert found == ("bad_field", '"f" is base64 of something that is not UTF-8 text')


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text("abc"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab."), inner, max_size=3),
    max_leaves=8,
)


@given(VALUES)
def test_json_becomes_its_value(value: Any) -> None:
    text = json.dumps(value)
    assert opened({"a": {"b": text}, "c": text}, json_fields=("a.b",)) == {"a": {"b": value}, "c": text}
    coded = base64.b64encode(text.encode()).decode()
    assert opened({"a": coded}, base64_fields=("a",), json_fields=("a",)) == {"a": value}


@pytest.mark.parametrize(
    ("value", "code", "said"),
    [
        ("secret", "bad_field", '"f" in [format] json_fields: not valid JSON at character'),
        ("", "bad_field", '"f" in [format] json_fields: the message is empty'),
        ('{"a": 1, "a": 2}', "duplicate_key", '"f" in [format] json_fields: a key appears twice'),
        ("1e400", "number_range", '"f" in [format] json_fields: a number past'),
        ("[" * 2000, "nested_too_deep", '"f" in [format] json_fields: it is nested too deep'),
        ({"a": 1}, "bad_field", '"f" holds something other than JSON as text'),
        (5, "bad_field", '"f" holds something other than JSON as text'),
    ],
)
def test_what_is_not_json_as_text_is_refused(value: Any, code: str, said: str) -> None:
    found, detail = opened({"f": value}, json_fields=("f",))
    assert (found, detail.startswith(said), "secret" in detail) == (code, True, False), detail


def test_csv_becomes_a_list_of_rows() -> None:
    message = {"a": {"b": "1,x\n2.50,y\n"}}
    assert unwrapped(json.dumps(message).encode(), csv_fields=("a.b",)) == b'{"a":{"b":[[1,"x"],[2.50,"y"]]}}'
    assert opened({"f": 'a"b'}, csv_fields=("f",)) == (
        "bad_field", '"f" is not valid CSV: a quote that does not enclose a whole field, at line 1',
    )  # fmt: skip
    assert opened({"f": 5}, csv_fields=("f",)) == ("bad_field", '"f" holds something other than CSV as text')


@pytest.mark.parametrize("key", ["base64_fields", "json_fields", "csv_fields"])
@pytest.mark.parametrize("message", [{}, {"f": {}}, {"f": {"g": None}}, {"f": "x"}, {"f.g": None}, {"f": [{}, 5]}])
def test_an_absent_or_null_field_stays_so(key: str, message: dict[str, Any]) -> None:
    assert opened(message, **{key: ("f.g",)}) == message


def test_a_list_on_the_way_stands_for_each_of_its_items() -> None:
    records = {"records": [{"data": "WzFd"}, {"data": None}, {}, {"data": ["WzJd", "WzNd"]}]}
    keys = {"base64_fields": ("records.data",), "json_fields": ("records.data",)}
    assert opened(records, **keys) == {"records": [{"data": [1]}, {"data": None}, {}, {"data": [[2], [3]]}]}
    assert opened([{"data": "WzFd"}], base64_fields=("data",), json_fields=("data",)) == [{"data": [1]}]


def test_a_path_is_found_through_keys_with_dots() -> None:
    assert opened({"a.b": {"c": "[1]"}, "a": {"b.c": "[2]"}}, json_fields=("a.b.c",)) == {
        "a.b": {"c": [1]},
        "a": {"b.c": [2]},
    }


def test_fields_are_those_of_the_payload() -> None:
    value = {"p": {"f": "[1]"}, "f": "no JSON"}
    assert opened(value, payload="p", json_fields=("f",)) == {"f": [1]}

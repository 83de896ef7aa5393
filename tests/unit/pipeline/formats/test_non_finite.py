"""NaN and the infinities become null, and no other byte changes."""

import json
import math
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.pipeline.formats.non_finite import without_non_finite
from tests.harness.formats import unwrapped

VALUES = st.recursive(
    st.floats() | st.sampled_from(["NaN", '"NaN"', "\\", '\\"Infinity', "-Infinity,", ""]) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["NaN", "a", '"', "\\"]), inner),
    max_leaves=12,
)


def _nulled(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list):
        return [_nulled(item) for item in value]
    if isinstance(value, dict):
        return {key: _nulled(item) for key, item in value.items()}
    return value


@given(VALUES)
def test_it_is_the_value_with_nulls(value: Any) -> None:
    assert json.loads(without_non_finite(json.dumps(value).encode())) == _nulled(value)


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (b'{"a": NaN}', b'{"a": null}'),
        (b'{"a":-Infinity ,"b":[Infinity]}', b'{"a":null ,"b":[null]}'),
        (b'{"NaN": "NaN, \\"NaN\\" Infinity", "b" : NaN}', b'{"NaN": "NaN, \\"NaN\\" Infinity", "b" : null}'),
        (b'{"a": "\\\\", "b": NaN}', b'{"a": "\\\\", "b": null}'),
    ],
)
def test_every_other_byte_stays(value: bytes, wanted: bytes) -> None:
    assert unwrapped(value, non_finite="null") == wanted


@given(st.lists(st.sampled_from([b'"', b"NaN", b"-Infinity", b"Infinity", b"a", b",", b"-"])).map(b"".join))
def test_whatever_stands_between_quotes_stays(value: bytes) -> None:
    pieces = value.split(b'"')
    pieces[::2] = [re.sub(rb"-?Infinity|NaN", b"null", piece) for piece in pieces[::2]]
    assert without_non_finite(value) == b'"'.join(pieces)


@pytest.mark.parametrize("value", [b'{"a": 1}', b'{"a": nan}', b'{"a": inf}', b'{"a": +Inf}', b""])
def test_a_message_without_them_is_the_same_object(value: bytes) -> None:
    assert without_non_finite(value) is value


@pytest.mark.parametrize(
    "value", [b'{"a": -NaN}', b"{NaN: 1}", b'{"a": NaNs}', b'{"a": 1NaN}', b'{"a": NaN', b'{"a": "NaN}', b'"\\NaN']
)
def test_nothing_else_becomes_valid(value: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        json.loads(without_non_finite(value), parse_constant=int)


def test_a_string_that_does_not_end_is_passed_over_once() -> None:
    value = b'NaN"' + b'\\"' * 500_000  # were it tried from each quote, it would take hours
    assert without_non_finite(value) == b"null" + value[3:]


def test_they_are_refused_without_the_key() -> None:
    assert unwrapped(b'{"a": NaN}') == b'{"a": NaN}'


def test_texts_that_are_parsed_are_cleaned_too() -> None:
    inner = '{"a": NaN}'
    assert unwrapped(json.dumps(inner).encode(), non_finite="null", json_string=True) == b'{"a": null}'
    field = json.dumps({"f": inner}).encode()
    assert unwrapped(field, non_finite="null", json_fields=("f",)) == b'{"f":{"a":null}}'
    assert unwrapped(field, json_fields=("f",))[0] == "bad_field"

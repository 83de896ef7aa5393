"""Messages as trees: written again, no value is another one."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.errors import DecodeError
from ingest.pipeline.decoding.json_tree import text_of, tree_of

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def encoded(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")


@given(VALUES, st.booleans())
def test_a_message_written_again_has_the_same_values(value: object, as_written: bool) -> None:  # noqa: FBT001
    raw = encoded(value)
    assert json.loads(text_of(tree_of(raw, as_written=as_written))) == json.loads(raw)


@pytest.mark.parametrize("text", ["1.0", "1.00", "1e0", "-0", "18446744073709551616", "0.10"])
def test_as_written_numbers_keep_their_characters(text: str) -> None:
    raw = f'{{"a":[{text}]}}'.encode()
    assert text_of(tree_of(raw, as_written=True)) == raw


def test_an_integer_past_64_bits_keeps_its_digits() -> None:
    raw = b'{"a":123456789012345678901234567890,"b":0.5}'
    assert text_of(tree_of(raw)) == raw


@pytest.mark.parametrize(
    "digits",
    ["9223372036854775807", "-9223372036854775808", "9223372036854775808", "-9223372036854775809", "2" + "0" * 19],
)
def test_an_integer_at_the_bounds_of_64_bits_keeps_its_digits(digits: str) -> None:
    raw = f'{{"a":{digits}}}'.encode()
    assert text_of(tree_of(raw)) == raw


def reason_of(raw: bytes) -> str:
    with pytest.raises(DecodeError) as refused:
        text_of(tree_of(raw))
    return refused.value.reason.code


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b'{"a":1,"b":{"a":1,"a" : 2}}', "duplicate_key"),
        (b'[{"a":1,"a":2}]', "duplicate_key"),
        (b"[" * 300 + b"]" * 300, "nested_too_deep"),
        (b"[" * 1000 + b"]" * 1000, "nested_too_deep"),
        (b'{"a":NaN}', "not_json"),
        (b'{"a":1}{"b":2}', "not_json"),
    ],
)
def test_what_can_not_be_written_again_is_refused(raw: bytes, code: str) -> None:
    assert reason_of(raw) == code


def test_a_colon_within_a_string_is_no_key() -> None:
    value: Any = {"a": 'say ":" and "b":', "b": ['x":']}
    assert tree_of(encoded(value)) == value


PIECES = st.lists(st.sampled_from(["a", "\\", '"', ":", " ", '{"k":1}', '"k":']), max_size=4).map("".join)


@given(st.lists(st.tuples(PIECES, PIECES), max_size=5))
def test_a_key_that_comes_twice_is_found_whatever_stands_in_keys_and_strings(pairs: list[tuple[str, str]]) -> None:
    raw = f"{{{','.join(f'{json.dumps(key)}:{json.dumps(text)}' for key, text in pairs)}}}".encode()
    if len(dict(pairs)) < len(pairs):
        assert reason_of(raw) == "duplicate_key"
    else:
        assert tree_of(raw) == dict(pairs)


@pytest.mark.parametrize(
    "text",
    [
        b"18446744073709551616",
        b" -99999999999999999999",
        b"[18446744073709551616]",
        b"[1,-18446744073709551617]",
        b'{"a":18446744073709551616}',
        b'{"a": -18446744073709551616}',
        b'{"a":\n18446744073709551616}',
        b'{"a":18446744073709551616,"s":"x-1234567890123456789","f":0.12345678901234567}',
    ],
)
def test_an_integer_past_64_bits_keeps_its_digits_wherever_it_stands(text: bytes) -> None:
    assert json.loads(text_of(tree_of(text))) == json.loads(text)


def test_digits_in_texts_and_after_a_point_do_not_turn_numbers_into_text() -> None:
    tree = tree_of(b'{"s":"1234567890123456789","t":"p-12345678901234567890","f":0.1234567890123456789,"n":1}')
    assert type(tree["n"]) is int

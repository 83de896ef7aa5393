"""Messages in every form that [format] takes: unwrapped, each is what was wrapped."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.config.format import Format
from ingest.config.schema import Schema
from ingest.pipeline.formats.unwrap import Unwrapper, unwrapper
from tests.harness.formats import WRAPPED, confluent, unwrapped
from tests.harness.messages import FakeMessage

LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
)
OBJECTS = st.dictionaries(
    st.text(st.characters(exclude_categories=["Cs"])),
    st.recursive(
        LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab."), inner, max_size=3)
    ),
    max_size=5,
)


@given(OBJECTS, st.sampled_from(sorted(WRAPPED)), st.booleans())
def test_unwrapped_it_is_the_object_that_was_wrapped(value: dict[str, Any], form: str, as_written: bool) -> None:  # noqa: FBT001
    keys, wrap = WRAPPED[form]
    raw = json.dumps(value, ensure_ascii=False).encode()
    found = unwrapped(wrap(raw), as_written=as_written, **keys)
    assert json.loads(found) == value


@given(st.sampled_from(sorted(WRAPPED)), st.lists(st.binary(max_size=40), max_size=5), st.data())
def test_no_bytes_raise_and_none_depend_on_their_neighbours(
    form: str, around: list[bytes], data: st.DataObject
) -> None:
    keys, wrap = WRAPPED[form]
    whole = wrap(b'{"a": [1, {"b": "c"}], "d": NaN}')
    cut = data.draw(st.integers(0, len(whole)))
    flipped = data.draw(st.integers(0, len(whole) - 1))
    spoilt = whole[:flipped] + bytes([whole[flipped] ^ data.draw(st.integers(1, 255))]) + whole[flipped + 1 :]
    values = [
        *around,
        whole[:cut],
        whole,
        spoilt,
        whole + b"\0",
        wrap(data.draw(st.binary(max_size=20)).hex().encode()),
    ]
    steps = Unwrapper(Format(**keys))
    together = steps.unwrap([FakeMessage(value) for value in values])
    for index, value in enumerate(values):
        alone = Unwrapper(Format(**keys)).unwrap([FakeMessage(value)])
        assert alone.values[0] == together.values[index]
        assert [fault.reason for fault in alone.rejected.values()] == [
            fault.reason for at, fault in together.rejected.items() if at == index
        ]


def test_without_steps_values_are_passed_on_as_they_are() -> None:
    value = b"anything"
    assert unwrapped(value) is value
    assert Unwrapper(Format()).plain
    assert Unwrapper(Format(explode=("$",))).plain


@pytest.mark.parametrize("form", sorted(WRAPPED))
def test_a_message_without_a_value_stays_one(form: str) -> None:
    assert unwrapped(None, **WRAPPED[form][0]) is None


@pytest.mark.parametrize(
    "keys",
    [
        {"framing": "confluent"},
        {"skip_bom": True},
        {"non_finite": "null"},
        {"json_string": True},
        {"compression": "auto"},
    ],
)
def test_steps_of_bytes_leave_the_text_as_it_is(keys: dict[str, Any]) -> None:
    value = b' { "a" : 1.00, "a" : 1e0 } '
    assert unwrapped(confluent(value) if "framing" in keys else value, **keys) == value


def test_a_byte_order_mark_is_skipped_once() -> None:
    assert unwrapped(b"\xef\xbb\xbf{}", skip_bom=True) == b"{}"
    assert unwrapped(b"\xef\xbb\xbf\xef\xbb\xbf{}", skip_bom=True) == b"\xef\xbb\xbf{}"
    assert unwrapped(b"{}", skip_bom=True) == b"{}"


def test_a_duplicate_key_is_refused_wherever_it_is_in_the_envelope() -> None:
    assert unwrapped(b'{"schema": {"a": 1, "a": 2}, "payload": {"b": 1}}', envelope="connect")[0] == "duplicate_key"
    assert unwrapped(b'{"op": "d", "before": {"a": 1, "a": 1}}', envelope="debezium")[0] == "duplicate_key"


def test_numbers_keep_their_characters_where_a_route_makes_text_of_them() -> None:
    message = FakeMessage(b'{"payload": {"a": 1.50, "b": -0}, "schema": null}')
    form = Format(envelope="connect")
    plain, text = Schema(), Schema(conflicts={"a": "text"})
    assert unwrapper(form, [plain]).unwrap([message]).values == [b'{"a":1.5,"b":0}']
    assert unwrapper(form, [plain, text]).unwrap([message]).values == [b'{"a":1.50,"b":-0}']
    assert unwrapped(b'{"p": {"a": 123456789012345678901}}', payload="p") == b'{"a":123456789012345678901}'


@pytest.mark.parametrize("missing", [b"{}", b'{"a": 1}', b'{"a": {"b": null}}', b'{"a": [{"b": {}}]}', b'"a"', b"1"])
def test_a_payload_that_is_missing_is_named(missing: bytes) -> None:
    assert unwrapped(missing, payload="a.b") == ("no_payload", '[format] payload: "a.b" is missing or null')


def test_a_payload_is_found_through_keys_with_dots() -> None:
    assert unwrapped(b'{"a.b": {"c": {"x": 1}}}', payload="a.b.c") == b'{"x":1}'
    assert unwrapped(b'{"a": {"b.c": {"x": 1}}}', payload="a.b.c") == b'{"x":1}'


def test_a_payload_of_a_list_is_that_of_each_item() -> None:
    assert unwrapped(b'[{"p": {"x": 1}}, {"p": {"x": 2}}]', payload="p") == b'[{"x":1},{"x":2}]'
    assert unwrapped(b'[{"p": {"x": 1}}, {"q": 1}]', payload="p")[0] == "no_payload"


def test_a_payload_that_is_a_json_string_is_opened() -> None:
    value = json.dumps({"Type": "Notification", "Message": json.dumps({"x": 1})}).encode()
    assert unwrapped(value, payload="Message", json_string=True) == b'{"x":1}'
    assert unwrapped(value, payload="Message") == b'"{\\"x\\": 1}"'  # no object: the decoder refuses it


@pytest.mark.parametrize("depth", [200, 300, 900, 1_000, 5_000])
def test_what_is_nested_too_deep_is_refused_or_unwrapped_but_never_raises(depth: int) -> None:
    deep = b"[" * depth + b"]" * depth
    for keys in ({"payload": "p"}, {"json_fields": ("p.q",)}, {"envelope": "cloudevents"}):
        found = unwrapped(b'{"p": {"q": ' + deep + b"}}", **keys)
        assert isinstance(found, bytes) or found[0] in ("nested_too_deep", "bad_field", "bad_envelope")


def test_the_steps_are_named_in_their_order() -> None:
    form = Format(
        csv_fields=("c", "d"), payload="p", envelope="debezium", compression="auto", framing="confluent", skip_bom=True
    )
    assert Unwrapper(form).steps == (
        "framing confluent", "compression auto", "skip_bom", "envelope debezium", "payload p", "csv_fields c, d",
    )  # fmt: skip


def test_an_unexpected_error_is_not_taken_for_a_bad_message() -> None:
    class PlantedError(RuntimeError):
        pass

    steps = Unwrapper(Format(payload="p"))

    def fails(_: object) -> object:
        raise PlantedError

    steps._of_trees.append(fails)
    with pytest.raises(PlantedError):
        steps.unwrap([FakeMessage(b'{"p": {}}')])


def test_a_tombstone_within_an_envelope_is_one() -> None:
    assert unwrapped(b'{"schema": null, "payload": null}', envelope="connect", payload="p") is None

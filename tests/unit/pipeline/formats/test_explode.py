"""Several predictions in a message: each item of the arrays becomes a prediction, exactly, or has a reason."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.config.load import load
from ingest.errors import ConfigError
from ingest.pipeline.formats.part_numbers import as_text, chosen, from_text
from ingest.pipeline.formats.reshape import Parts, Reshaper
from tests.harness.messages import FakeMessage


def reshaper(format_: Mapping[str, Any], **schema: Any) -> Reshaper:
    flags = {
        "kafka": {"topic": "t"},
        "arize": {"model_name": "m"},
        "format": dict(format_),
        "schema": schema,
        "batch": {"chunk_events": 5},
    }
    return Reshaper(load(flags=flags).topics[0].routes[0])


def message(value: Any, **more: Any) -> FakeMessage:
    text = value if isinstance(value, bytes | None) else json.dumps(value).encode()
    return FakeMessage(text, topic="t", partition=3, offset=17, **more)


def pieces(format_: Mapping[str, Any], *messages: FakeMessage, **schema: Any) -> list[Parts]:
    return list(reshaper(format_, **schema).reshape(messages, [each.value() for each in messages]))


def rows(format_: Mapping[str, Any], value: Any, **schema: Any) -> list[dict[str, Any]]:
    """The predictions of one message, all of which can be made."""
    (parts,) = pieces(format_, message(value), **schema)
    assert parts.rejected == []
    assert parts.owners.tolist() == [0] * len(parts.values)
    assert parts.numbers.tolist() == list(range(len(parts.values)))
    return [json.loads(each or b"") for each in parts.values]


def reason(format_: Mapping[str, Any], value: Any, **schema: Any) -> tuple[str, tuple[int, ...]]:
    (parts,) = pieces(format_, message(value), **schema)
    (fault,) = parts.rejected
    return fault.reason.code, fault.parts


NO_ID = {"prediction_id": ""}


def test_shared_fields_are_repeated_and_ids_are_made_of_the_messages_own() -> None:
    value = {"prediction_id": "p", "model": {"v": 3}, "instances": [{"a": 1}, {"a": None, "b": [1.5]}]}
    assert rows({"explode": ["instances"]}, value) == [
        {"model": {"v": 3}, "a": 1, "prediction_id": "p-0"},
        {"model": {"v": 3}, "a": None, "b": [1.5], "prediction_id": "p-1"},
    ]


def test_items_of_one_index_in_several_arrays_are_one_prediction() -> None:
    value = {"prediction_id": "p", "r": {"instances": [[1, 2], [3, 4]], "predictions": [0.5, "x"]}}
    format_ = {
        "explode": ["r.instances", "r.predictions"],
        "arrays": {"r.instances": {"names": ["a", "b"], "prefix": "in."}, "r.predictions": {"names": ["score"]}},
    }
    assert rows(format_, value, **NO_ID) == [
        {"prediction_id": "p", "in.a": 1, "in.b": 2, "score": 0.5},
        {"prediction_id": "p", "in.a": 3, "in.b": 4, "score": "x"},
    ]


@pytest.mark.parametrize(
    ("arrays", "items", "expected"),
    [
        ({}, [[1, "x"]], [{"d.x.0": 1, "d.x.1": "x"}]),
        ({"prefix": "f_"}, [[1, 2]], [{"f_0": 1, "f_1": 2}]),
        ({}, [1, None, "s"], [{"x": 1}, {}, {"x": "s"}]),
        ({"names": ["n"]}, [1, [2]], [{"n": 1}, {"n": 2}]),
        ({"prefix": "f."}, [{"a": {"b": 1}}], [{"f.a": {"b": 1}}]),
        ({"squeeze": True}, [{"a": [1], "b": [1, 2], "c": [[1]], "d": 5}], [{"a": 1, "b": [1, 2], "c": [[1]], "d": 5}]),
    ],
)
def test_items_become_columns(arrays: dict[str, Any], items: list[Any], expected: list[dict[str, Any]]) -> None:
    assert rows({"explode": ["d.x"], "arrays": {"d.x": arrays}}, {"d": {"x": items}}, **NO_ID) == expected


def test_a_message_may_be_the_array_itself() -> None:
    format_ = {"explode": ["$"], "part_id": "{topic}-{partition}-{offset}-{index}"}
    assert rows(format_, [{"a": 1}, {"prediction_id": "own"}, {"prediction_id": None}]) == [
        {"a": 1, "prediction_id": "t-3-17-0"},
        {"prediction_id": "own"},
        {"prediction_id": "t-3-17-2"},
    ]
    assert reason(format_, {"a": 1}) == ("not_an_array", ())


def test_names_come_from_the_message_and_are_not_a_column() -> None:
    value = {"data": {"names": ["a", "b"], "ndarray": [[1, 2], [3, 4]]}, "puid": "u"}
    format_ = {"explode": ["data.ndarray"], "arrays": {"data.ndarray": {"names_from": "data.names", "prefix": "f."}}}
    assert rows(format_, value, **NO_ID) == [{"puid": "u", "f.a": 1, "f.b": 2}, {"puid": "u", "f.a": 3, "f.b": 4}]
    for names in (None, "a", [], ["a", 1], ["a", "a"], ["a", ""]):
        assert reason(format_, {"data": {"names": names, "ndarray": [[1, 2]]}}) == ("bad_names", ())
    assert reason(format_, {"data": {"names": ["a"], "ndarray": [[1], [1, 2]]}}, **NO_ID) == ("item_length", (1,))
    assert reason(format_, {"data": {"names": ["a", "b"], "ndarray": [[1, 2], 5]}}, **NO_ID) == ("item_length", (1,))


def test_an_object_of_arrays_is_read_by_its_columns() -> None:
    format_ = {"explode": ["inputs", "outputs"], "arrays": {"inputs": {"squeeze": True}}}
    value = {"inputs": {"a": [[1], [2]], "b": ["x", None]}, "outputs": [0.25, 0.5]}
    assert rows(format_, value, **NO_ID) == [{"a": 1, "b": "x", "outputs": 0.25}, {"a": 2, "b": None, "outputs": 0.5}]
    assert reason(format_, {**value, "inputs": {"a": [1, 2], "b": [1]}}) == ("unequal_arrays", ())
    assert reason(format_, {**value, "inputs": {"a": [1, 2], "b": 1}}) == ("not_an_array", ())
    assert reason(format_, {**value, "inputs": {"": [1, 2]}}) == ("empty_key", ())


@pytest.mark.parametrize("data", [[1, 2, 3, 4], [[1, 2], [3, 4]]])
def test_tensors_are_read_by_their_first_dimension(data: list[Any]) -> None:
    value = {
        "id": "r",
        "inputs": [
            {"name": "v", "shape": [2, 2], "datatype": "INT64", "data": data},
            {
                "name": "s",
                "shape": [2, 1],
                "datatype": "BYTES",
                "parameters": {"content_type": "str"},
                "data": ["a", "b"],
            },
        ],
        "outputs": [{"name": "score", "shape": [2], "datatype": "FP32", "data": [0.5, 0.25]}],
    }
    format_ = {
        "explode": ["inputs", "outputs"],
        "arrays": {"inputs": {"tensors": True, "prefix": "f."}, "outputs": {"tensors": True}},
        "part_id": "{id}/{index}",
    }
    assert rows(format_, value) == [
        {"id": "r", "f.v": [1, 2], "f.s": "a", "score": 0.5, "prediction_id": "r/0"},
        {"id": "r", "f.v": [3, 4], "f.s": "b", "score": 0.25, "prediction_id": "r/1"},
    ]


def test_an_only_tensor_may_have_names_for_its_rows() -> None:
    value = {"data": {"names": ["a", "b"], "tensor": {"shape": [2, 2], "values": [1, 2, 3, 4]}}}
    arrays = {"data.tensor": {"tensors": True, "names_from": "data.names"}}
    format_ = {"explode": ["data.tensor"], "arrays": arrays}
    assert rows(format_, value, **NO_ID) == [{"a": 1, "b": 2}, {"a": 3, "b": 4}]
    value["data"]["names"] = ["a"]
    assert reason(format_, value) == ("item_length", ())


@pytest.mark.parametrize(
    "tensor",
    [
        5,
        {"name": "", "shape": [1], "data": [1]},
        {"name": 1, "shape": [1], "data": [1]},
        {"name": "x", "shape": [], "data": [1]},
        {"name": "x", "shape": [-1], "data": [1]},
        {"name": "x", "shape": [1.0], "data": [1]},
        {"name": "x", "shape": [True], "data": [1]},
        {"name": "x", "shape": [1, 0], "data": []},
        {"name": "x", "data": [1]},
        {"name": "x", "shape": [2], "data": [1]},
        {"name": "x", "shape": [2], "data": "AAAA"},
        {"name": "x", "shape": [2], "parameters": {"binary_data_size": 8}},
    ],
)
def test_what_is_no_tensor_has_a_reason(tensor: Any) -> None:
    format_ = {"explode": ["i"], "arrays": {"i": {"tensors": True}}}
    assert reason(format_, {"i": [tensor]}) == ("bad_tensor", ())


def test_tensors_must_agree() -> None:
    format_ = {"explode": ["i"], "arrays": {"i": {"tensors": True}}}
    one = {"name": "x", "shape": [1], "data": [1]}
    assert reason(format_, {"i": [one, one]}) == ("bad_tensor", ())
    assert reason(format_, {"i": [one, {"name": "y", "shape": [2], "data": [1, 2]}]}) == ("unequal_arrays", ())
    assert reason(format_, {"i": [{"name": "x", "shape": [0], "data": []}]}) == ("empty_array", ())
    assert reason(format_, {"i": []}) == ("empty_array", ())


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ({}, "missing_array"),
        ({"x": {}}, "missing_array"),
        ({"x": {"y": None}}, "missing_array"),
        ({"x": 5}, "missing_array"),
        ({"x": {"y": 5}}, "not_an_array"),
        ({"x": {"y": "text"}}, "not_an_array"),
        ({"x": {"y": []}}, "empty_array"),
        ({"x": {"y": {}}}, "empty_array"),
        ([1], "not_an_object"),
        (None, "tombstone"),
        (b"{", "not_json"),
        (b'{"x": {"y": [1]}, "x": 2}', "duplicate_key"),
    ],
)
def test_a_message_without_predictions_is_a_dead_letter(value: Any, code: str) -> None:
    assert reason({"explode": ["x.y"]}, value) == (code, ())


def test_arrays_of_different_lengths_refuse_the_message() -> None:
    assert reason({"explode": ["a", "b"]}, {"a": [1], "b": [1, 2]}) == ("unequal_arrays", ())


def test_no_value_is_lost_to_another_of_the_same_name() -> None:
    format_ = {"explode": ["i", "p"]}
    value = {"a": 0, "i": [{"a": 1}, {"b": 1}, {"c": 1}], "p": [{"x": 1}, {"b": 2}, {"y": 2}]}
    (parts,) = pieces(format_, message(value), **NO_ID)
    assert [(each.reason.code, each.parts) for each in parts.rejected] == [
        ("ambiguous_key", (0,)),
        ("ambiguous_key", (1,)),
    ]
    assert (parts.numbers.tolist(), parts.values) == ([2], [b'{"a":0,"c":1,"y":2}'])
    assert rows({"explode": ["i"]}, {"f": {"a": 1}, "i": [{"f": {"b": 2}}]}, **NO_ID) == [{"f": {"a": 1}, "f.b": 2}]


def test_ids_are_different_within_a_message() -> None:
    value = {"i": [{"prediction_id": "1"}, {"prediction_id": 1}, {"prediction_id": "1"}]}
    (parts,) = pieces({"explode": ["i"]}, message(value))
    assert [(each.reason.code, each.parts) for each in parts.rejected] == [("repeated_id", (2,))]
    assert parts.numbers.tolist() == [0, 1]


def test_an_item_may_have_an_id_where_its_message_has_one() -> None:
    value = {"prediction_id": "m", "i": [{"prediction_id": "own"}, {"prediction_id": None}, {}]}
    found = [each["prediction_id"] for each in rows({"explode": ["i"]}, value)]
    assert found == ["own", "m-1", "m-2"]


def test_a_template_is_filled_by_message_and_kafka() -> None:
    format_ = {"explode": ["i"], "part_id": "{m.id}_{headers.trace}_{key}_{index}_{{x}}"}
    one = message({"m": {"id": 1.50}, "i": [{}, {}]}, key=b"k", headers=[("trace", b"old"), ("trace", b"t")])
    (parts,) = pieces(format_, one)
    assert [json.loads(each or b"")["prediction_id"] for each in parts.values] == ["1.5_t_k_0_{x}", "1.5_t_k_1_{x}"]
    for broken in (
        message({"m": {"id": 1}, "i": [{}]}, headers=[("trace", b"t")]),
        message({"m": {"id": [1]}, "i": [{}]}),
    ):
        (parts,) = pieces(format_, broken)
        assert [(each.reason.code, each.parts) for each in parts.rejected] == [("no_part_id", (0,))]


def test_an_id_that_is_renamed_is_the_id() -> None:
    schema = {"rename": {"meta.id": "prediction_id"}}
    assert rows({"explode": ["i"]}, {"meta": {"id": "m"}, "i": [{}, {"meta": {"id": "own"}}]}, **schema) == [
        {"prediction_id": "m-0"},
        {"meta": {"id": "own"}},
    ]


def test_an_id_that_a_pattern_renames_is_the_id() -> None:
    schema = {"rename": {"payload.*": "*"}}
    value = {"payload": {"prediction_id": "m"}, "i": [{}, {"payload": {"prediction_id": "own"}}]}
    assert rows({"explode": ["i"]}, value, **schema) == [
        {"prediction_id": "m-0"},
        {"payload": {"prediction_id": "own"}},
    ]


def test_a_key_that_is_renamed_to_something_else_is_no_id() -> None:
    schema = {"rename": {"prediction_id": "request", "id": "prediction_id"}}
    value = {"prediction_id": "r", "id": "m", "i": [{}, {"id": "own"}]}
    assert rows({"explode": ["i"]}, value, **schema) == [
        {"prediction_id": "r", "id": "m-0"},
        {"prediction_id": "r", "id": "own"},
    ]


def test_a_null_under_the_first_reading_of_a_path_is_no_value() -> None:
    schema = {"prediction_id": "a.id"}
    value: dict[str, Any] = {"a.id": None, "a": {"id": "m"}, "x.i": None, "x": {"i": [{}, {}]}}
    found = rows({"explode": ["x.i"]}, value, **schema)
    assert [each["a.id"] for each in found] == ["m-0", "m-1"]


def test_values_keep_their_digits() -> None:
    digits = b'{"shared":18446744073709551615,"i":[{"a":9007199254740993,"b":-0.0},{"c":123456789012345678901234}]}'
    (parts,) = pieces({"explode": ["i"]}, message(digits), **NO_ID)
    assert parts.values == [
        b'{"shared":18446744073709551615,"a":9007199254740993,"b":-0.0}',
        b'{"shared":18446744073709551615,"c":123456789012345678901234}',
    ]
    (parts,) = pieces({"explode": ["i"]}, message(b'{"i":[{"a":1.00}]}'), conflicts={"a": "text"}, **NO_ID)
    assert parts.values == [b'{"a":1.00}']


def test_pieces_hold_whole_messages_and_end_when_they_are_full() -> None:
    messages = [message({"i": [1, 2, 3]}), message({"i": []}), message({"i": [4] * 7}), message({"i": [5]})]
    found = pieces({"explode": ["i"]}, *messages, **NO_ID)
    assert [each.owners.tolist() for each in found] == [[0] * 3 + [2] * 7, [3]]
    assert [each.full for each in found] == [True, False]
    assert [fault.index for each in found for fault in each.rejected] == [1]


def test_a_message_that_would_become_too_large_is_a_dead_letter() -> None:
    format_ = {"explode": ["i"], "max_exploded_bytes": 100}
    assert reason(format_, {"text": "x" * 40, "i": [{"a": 1}] * 3}, **NO_ID) == ("exploded_size", ())
    assert len(rows(format_, {"text": "x" * 10, "i": [{"a": 1}] * 3}, **NO_ID)) == 3


def test_a_header_names_the_predictions_that_are_meant() -> None:
    value = {"i": [{"a": 0}, {"a": 1}, {"a": 2}]}
    for header, expected in ((b"1", [1]), (b"0,2", [0, 2]), (b"1-3", [0, 1, 2]), (b"x", [0, 1, 2])):
        (parts,) = pieces({"explode": ["i"]}, message(value, headers=[("ingest.parts", header)]), **NO_ID)
        assert parts.numbers.tolist() == expected
    rows_ = [{"a": 1, "prediction_id": "p"}, {"a": 2}]
    headers = [("ingest.parts", b"1,5"), ("ingest.decoded", b"1")]
    (parts,) = pieces({"explode": ["i"]}, message(rows_, headers=headers))
    assert (parts.numbers.tolist(), [json.loads(each or b"") for each in parts.values]) == ([1, 5], rows_)


@given(st.sets(st.integers(0, 10**6), max_size=50))
def test_part_numbers_are_read_as_they_were_written(parts: set[int]) -> None:
    assert from_text(as_text(sorted(parts))) == tuple(sorted(parts))


@pytest.mark.parametrize("text", ["", "a", "1,", "2,1", "3-2", "1,1", "0-99999999", "-1", "1 ", "٣"])
def test_part_numbers_that_cannot_be_read_are_none(text: str) -> None:
    assert from_text(text) == ()
    assert chosen([("ingest.parts", text)]) == ()


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(min_size=1), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text(min_size=1).filter(lambda key: key != "i"), JSON, max_size=4)


@settings(max_examples=200, deadline=None)
@given(OBJECTS, st.lists(OBJECTS, min_size=1, max_size=4))
def test_each_prediction_is_the_shared_fields_and_its_own(shared: dict[str, Any], items: list[dict[str, Any]]) -> None:
    (parts,) = pieces({"explode": ["i"]}, message({**shared, "i": items}), **NO_ID)
    assert len(parts.values) + len(parts.rejected) == len(items)
    for number, value in zip(parts.numbers.tolist(), parts.values, strict=True):
        if shared.keys().isdisjoint(items[number]):
            assert json.loads(value or b"") == {**shared, **items[number]}


@pytest.mark.parametrize(
    ("format_", "text"),
    [
        ({"explode": ["i"], "part_id": "{prediction_id}"}, "{index}"),
        ({"explode": ["i"], "part_id": "{index"}, "position 1"),
        ({"explode": ["$", "i"]}, '"$"'),
        ({"explode": ["a", "a.b"]}, "lies within"),
        ({"explode": ["a", "a"]}, "twice"),
        ({"explode": ["$"], "arrays": {"$": {"names_from": "n"}}}, "names_from"),
        ({"explode": ["i"], "arrays": {"i": {"names": ["a"], "names_from": "n"}}}, "exclude each other"),
        ({"explode": ["i"], "arrays": {"i": {"names": ["a", "a"]}}}, "twice"),
        ({"explode": ["i"], "arrays": {"i": {"tensors": True, "squeeze": True}}}, "squeeze"),
        ({"max_exploded_bytes": 5}, "explode"),
        ({"arrays": {"i": {}}}, "not in explode"),
    ],
)
def test_settings_that_cannot_work_are_faults(format_: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError) as fault:
        reshaper(format_)
    assert text in str(fault.value)

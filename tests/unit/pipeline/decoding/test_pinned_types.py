"""Types that stay: pinned columns, what a conflict does, and columns that nothing knows.

PROPERTY_EXAMPLES raises the number of random cases (2,000; 10,000 before a release).
"""

import json
import os
from collections.abc import Sequence
from random import Random
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from ingest.config.schema import Embedding, Schema
from ingest.pipeline.decoding.columns import MAX_COLUMNS, LearnedSchema
from ingest.pipeline.decoding.fast_lane import Lanes, installed_lane
from ingest.pipeline.decoding.flatten import MAX_DEPTH
from ingest.pipeline.decoding.privacy import Privacy
from ingest.pipeline.decoding.renames import ColumnRenamer
from ingest.pipeline.decoding.result import Decoded
from ingest.pipeline.decoding.rules import rules

EXAMPLES = int(os.environ.get("PROPERTY_EXAMPLES", "2000"))
BARE = {"prediction_id": "", "timestamp": ""}
ARROW = {
    "boolean": pa.bool_(),
    "integer": pa.int64(),
    "float": pa.float64(),
    "string": pa.string(),
    "list of strings": pa.list_(pa.string()),
}


def decoder(schema: Schema) -> Lanes:
    """By the compiled lane too where it is built: what becomes of a message must not depend on it."""
    ruled = rules(schema, "binary_classification")
    privacy = Privacy(schema.exclude, schema.hash, SecretStr("key"))
    names = ColumnRenamer(schema.rename, schema.exclude)
    contract = LearnedSchema(ruled, renamer=names, privacy=privacy, unknown=schema.unknown)
    return Lanes(contract, installed_lane("auto"))


def of(**said: Any) -> Lanes:
    return decoder(Schema(**{**BARE, **said}))


def codes(decoded: Decoded) -> dict[int, str]:
    return {fault.index: fault.reason.code for fault in decoded.rejected}


def column(decoded: Decoded, name: str) -> list[Any]:
    found: list[Any] = decoded.table.column(name).to_pylist()
    return found


def raw(*values: str) -> list[bytes]:
    """Messages with the column x."""
    return [f'{{"x":{value},"other":1}}'.encode() for value in values]


# --- pinned ---------------------------------------------------------------------------------------

FIT = {
    "boolean": ["true", "false"],
    "integer": ["1", "9007199254740992", "-9223372036854775808", "9223372036854775807"],
    "float": ["0.5", "1", "9007199254740992", "-0.0", "1e25"],
    "string": ['"a"', '""', '"\\u0000"', '"1"'],
    "list of strings": ["[]", '["a",null]'],
}
PAST = ["9223372036854775808", "-9223372036854775809", "18446744073709551616", "1" * 300]


@pytest.mark.parametrize("kind", FIT)
def test_a_pinned_column_has_its_type_from_the_first_message_on(kind: str) -> None:
    values = [value for each in FIT.values() for value in each] + PAST + ["[1]", "[[]]", '[{"a":1}]']
    for value in values:
        one = of(types={"x": kind})
        first = one.decode(raw(value))
        assert (len(first.accepted) == 1) == (value in FIT[kind]), value
        assert not first.widened
        again = one.decode(raw("null", *FIT[kind], value))
        assert again.table.schema.field("x").type == ARROW[kind]
        assert not again.widened
        assert len(again.rejected) == (value not in FIT[kind])


def test_a_conflict_with_a_pin_says_so_without_the_value() -> None:
    decoded = of(types={"x": "integer"}).decode(raw('"hunter2"', "2.0", "true", "1"))
    assert codes(decoded) == {0: "type_conflict", 1: "type_conflict", 2: "type_conflict"}
    assert decoded.rejected[0].reason.detail == '"x" holds a string where [schema.types] says integer'


def test_an_integer_beside_floats_is_taken_when_exact_and_refused_else() -> None:
    decoded = of(types={"x": "float"}).decode(raw("9007199254740992", "9007199254740993", "7", "0.5"))
    assert codes(decoded) == {1: "type_conflict"}
    assert column(decoded, "x") == [9007199254740992.0, 7.0, 0.5]
    alone = of(types={"x": "float"}).decode(raw("9007199254740993"))
    assert codes(alone) == {0: "type_conflict"}


def test_a_majority_against_the_pin_changes_nothing() -> None:
    one = of(types={"x": "integer"})
    for _ in range(3):
        assert len(one.decode(raw(*['"text"'] * 50)).rejected) == 50
    assert codes(one.decode(raw("5"))) == {}


def test_wildcards_pin_features_and_tags_but_names_go_first() -> None:
    one = of(types={"f.*": "float", "f.zip": "string", "*": "integer"}, tags=("t",), shap="s_*", prediction_label="l")
    decoded = one.decode([b'{"f":{"age":3,"zip":"8001"},"t":4,"n":5,"l":"yes","s_a":0.5,"prediction_score":0.5}'])
    assert codes(decoded) == {}
    types = {field.name: field.type for field in decoded.table.schema}
    assert types["f.age"] == pa.float64()
    assert types["f.zip"] == pa.string()
    assert types["t"] == types["n"] == pa.int64()
    assert (types["l"], types["s_a"], types["prediction_score"]) == (pa.string(), pa.float64(), pa.float64())


def test_a_pin_goes_by_the_new_name() -> None:
    one = of(types={"age": "float"}, rename={"features.age": "age"})
    decoded = one.decode([b'{"features":{"age":3},"z":1}', b'{"age":4}'])
    assert column(decoded, "age") == [3.0, 4.0]


def test_a_list_pin_does_not_reach_a_tag() -> None:
    decoded = of(types={"*": "list of strings"}, tags=("t",)).decode([b'{"t":"a","f":["b"]}'])
    assert (codes(decoded), column(decoded, "t"), column(decoded, "f")) == ({}, ["a"], [["b"]])


# --- null -----------------------------------------------------------------------------------------


def test_a_value_that_does_not_fit_becomes_null_and_is_counted() -> None:
    one = of(types={"x": "integer"}, conflicts={"x": "null"})
    decoded = one.decode(raw("1", '"a"', "2.5", "null", "[1]", *PAST, "true"))
    assert codes(decoded) == {}
    assert column(decoded, "x") == [1, *[None] * (5 + len(PAST))]
    assert decoded.nulled == {"x": 4 + len(PAST)}
    assert of(conflicts={"x": "null"}).decode(raw("1")).nulled == {}


def test_a_learned_column_still_goes_with_the_majority() -> None:
    one = of(conflicts={"*": "null"})
    assert one.decode(raw('"odd"')).nulled == {}
    decoded = one.decode(raw(*["1"] * 20))
    assert decoded.nulled == {}
    assert column(decoded, "x") == [1] * 20
    assert one.decode(raw('"odd"', "3")).nulled == {"x": 1}


def test_integers_past_64_bits_among_floats_become_null_alone() -> None:
    for schema in ({"conflicts": {"x": "null"}}, {"conflicts": {"*": "null"}, "types": {"x": "float"}}):
        decoded = of(**schema).decode(raw("0.5", "18446744073709551616", "1e30", "[1]", "1e19"))
        assert codes(decoded) == {}
        assert column(decoded, "x") == [0.5, None, 1e30, None, 1e19]
        assert decoded.nulled == {"x": 2}


def test_nulls_of_rows_that_are_rejected_for_something_else_do_not_count() -> None:
    one = of(types={"x": "integer", "other": "integer"}, conflicts={"x": "null"})
    values = [b'{"x":"a","other":"no"}', b'{"x":"b","other":1}', b'{"x":5,"other":2}', b'{"x":1e30,"other":2.5}']
    decoded = one.decode(values)
    assert codes(decoded) == {0: "type_conflict", 3: "type_conflict"}
    assert (column(decoded, "x"), decoded.nulled) == ([None, 5], {"x": 1})


def test_a_vector_that_is_none_becomes_null_too() -> None:
    one = of(embeddings={"e": Embedding(vector="x")}, conflicts={"x": "null"})
    decoded = one.decode(raw("[1,2]", '["a"]', "[1,18446744073709551616]", "5"))
    assert (codes(decoded), column(decoded, "x")) == ({}, [[1, 2], None, None, None])
    assert decoded.nulled == {"x": 3}


def test_without_an_id_or_a_timestamp_no_row_goes_on() -> None:
    one = decoder(Schema(timestamp_from_kafka=True, conflicts={"*": "null"}))
    decoded = one.decode([b'{"prediction_id":0.5}', b'{"prediction_id":"a","prediction_ts":true}'])
    assert codes(decoded) == {0: "wrong_type", 1: "wrong_type"}
    assert decoded.nulled == {}


# --- text -----------------------------------------------------------------------------------------

WRITTEN = [
    ('"a b"', "a b"), ('"1.0"', "1.0"), ('"\\u00e9\\u0000"', "é\x00"), ("1.0", "1.0"), ("1.00", "1.00"), ("1e5", "1e5"),
    ("1E+5", "1E+5"), ("-0", "-0"), ("0", "0"), ("-0.0", "-0.0"), ("10", "10"), ("true", "true"), ("false", "false"),
    ("null", None), ("9223372036854775808", "9223372036854775808"), ("1" * 300, "1" * 300), ("{}", None),
    ("0.1000000000000000055511151231257827", "0.1000000000000000055511151231257827"), ("[ ]", "[]"),
    ('[ 1.0 , "a\\"\\u00e9" , null, true, [2] ]', '[1.0,"a\\"é",null,true,[2]]'),
    ('[ { "k" : 1.50 } ]', '[{"k":1.50}]'),
]  # fmt: skip


@pytest.mark.parametrize("alone", [True, False])
def test_text_is_what_the_message_wrote(alone: bool) -> None:  # noqa: FBT001
    one = of(conflicts={"x": "text"})
    chunks = [[pair] for pair in WRITTEN] if alone else [WRITTEN]
    for chunk in chunks:
        decoded = one.decode(raw(*(value for value, _ in chunk)))
        assert codes(decoded) == {}
        assert column(decoded, "x") == [text for _, text in chunk]
        assert decoded.table.schema.field("x").type == pa.string()
        assert not decoded.widened
        assert decoded.nulled == {}


def test_an_object_is_columns_of_its_own_in_a_text_column_too() -> None:
    decoded = of(conflicts={"x": "text"}).decode(raw('{"y":1.50}', "3"))
    assert (column(decoded, "x"), column(decoded, "x.y")) == ([None, "3"], [1.5, None])
    decoded = of(conflicts={"x*": "text"}).decode(raw('{"y":1.50}', "3"))
    assert (column(decoded, "x"), column(decoded, "x.y")) == ([None, "3"], ["1.50", None])


def test_a_list_too_deep_to_write_costs_its_row() -> None:
    deep = ["[" * depth + "1" + "]" * depth for depth in (MAX_DEPTH, MAX_DEPTH + 1, 1000)]
    decoded = of(conflicts={"x": "text"}).decode(raw("1", *deep, "2"))
    assert codes(decoded) == {2: "nested_too_deep", 3: "nested_too_deep"}
    assert column(decoded, "x") == ["1", deep[0], "2"]


def test_text_under_a_new_name_and_after_a_hash() -> None:
    one = of(conflicts={"*": "text"}, rename={"a.b": "x", "c": "x"}, hash=("secret",))
    decoded = one.decode([b'{"a":{"b":1.50}}', b'{"c":2e1,"secret":17}', b'{"a":{"b":1},"c":2}'])
    assert codes(decoded) == {2: "ambiguous_key"}
    assert column(decoded, "x") == ["1.50", "2e1"]
    (hashed,) = [value for value in column(decoded, "secret") if value]
    assert len(hashed) == 32


def test_a_big_integer_in_one_column_does_not_count_against_another() -> None:
    one = of(conflicts={"t": "text"}, exclude=("gone",))
    big = "18446744073709551616"
    decoded = one.decode([f'{{"x":1e30,"t":{big},"gone":{big}}}'.encode(), f'{{"x":{big},"t":1}}'.encode()])
    assert codes(decoded) == {1: "integer_past_64_bits"}
    assert (column(decoded, "x"), column(decoded, "t")) == ([1e30], [big])


def test_what_cannot_be_looked_into_is_refused_not_passed() -> None:
    deep = "[" * 1000 + "1234567890123456789" + "]" * 1000
    one = of(exclude=("gone",))
    decoded = one.decode([f'{{"x":1e30,"gone":{deep}}}'.encode(), b'{"x":1e30}'])
    assert codes(decoded) == {0: "nested_too_deep"}


def test_a_pinned_column_is_not_made_text_by_a_wildcard() -> None:
    decoded = of(types={"x": "integer"}, conflicts={"*": "text"}).decode(raw("1", '"a"'))
    assert codes(decoded) == {1: "type_conflict"}
    named = of(types={"*": "integer"}, conflicts={"x": "text"}).decode(raw("1", '"a"'))
    assert column(named, "x") == ["1", "a"]
    both = of(types={"x*": "integer"}, conflicts={"x*": "text"}).decode(raw("1", '"a"'))
    assert codes(both) == {1: "type_conflict"}


# --- unknown columns ------------------------------------------------------------------------------

KNOWN: dict[str, Any] = {
    "types": {"age": "integer", "p.*": "float"},
    "conflicts": {"*": "null", "note": "text"},
    "tags": ("t*",),
    "features": ("f",),
}


def test_unknown_columns_are_ignored_and_counted() -> None:
    one = of(unknown="ignore", **KNOWN)
    values = [
        b'{"prediction_label":"a","age":1,"p":{"q":1},"t1":"x","f":true,"note":2,"new":1,"odd":{"a":[{}],"b":null}}',
        b'{"prediction_label":"b","new":null,"age":2}',
        b'{"prediction_label":"c","new":"text","age":3}',
    ]
    decoded = one.decode(values)
    assert codes(decoded) == {}
    assert decoded.table.schema.names == ["prediction_label", "age", "p.q", "t1", "f", "note"]
    assert decoded.ignored == {"new": 2, "odd.a": 1}
    # The same in chunks whose messages have all the same keys.
    for repeated, count in ((values[1], None), (values[2], 4)):
        assert one.decode([repeated] * 4).ignored == ({"new": count} if count else {})


def test_an_unknown_column_makes_a_dead_letter_that_names_it() -> None:
    one = of(unknown="dead_letter", **KNOWN)
    for values in ([b'{"age":1}', b'{"age":1,"new":"hunter2"}', b'{"age":1,"new":null}'], [b'{"age":1,"new":"x"}'] * 3):
        decoded = one.decode(values)
        wanted = [index for index, value in enumerate(values) if b'"new":"' in value]
        assert codes(decoded) == dict.fromkeys(wanted, "unknown_column")
        assert decoded.rejected[0].reason.detail.startswith('"new" is a column that nothing in [schema] knows')


def test_ignored_values_of_rejected_rows_do_not_count() -> None:
    one = of(unknown="ignore", types={"age": "integer"})
    decoded = one.decode([b'{"age":1,"new":1}', b'{"age":"x","new":1}', b'{"age":2,"new":1,"newer":1}'])
    assert codes(decoded) == {1: "type_conflict"}
    assert decoded.ignored == {"new": 2, "newer": 1}


def test_a_renamed_key_is_known_by_its_new_name_only() -> None:
    one = of(unknown="ignore", rename={"a": "age", "b": "c"}, types={"age": "integer"})
    decoded = one.decode([b'{"a":1,"b":2}'])
    assert (decoded.table.schema.names, decoded.ignored) == (["age"], {"c": 1})


def test_ignored_keys_that_are_data_use_up_no_limit() -> None:
    one = of(unknown="ignore", types={"age": "integer"})
    values = [json.dumps({"age": row, **{f"k{row}-{n}": n for n in range(500)}}).encode() for row in range(50)]
    decoded = one.decode(values)
    assert (codes(decoded), sum(decoded.ignored.values())) == ({}, 25_000)
    excluding = of(exclude=("k*",))
    assert codes(excluding.decode(values)) == {}
    assert len(of().decode(values).rejected) == 50 - (MAX_COLUMNS - 1) // 500


def test_a_message_of_which_nothing_is_left_is_a_dead_letter() -> None:
    one = of(unknown="dead_letter", types={"age": "integer"})
    assert codes(one.decode([b'{"z":1}', b'{"z":null}', b'{"age":1}'])) == {0: "unknown_column", 1: "no_column"}
    for one in (of(unknown="ignore"), of(exclude=("*",))):
        decoded = one.decode([b'{"a":1}', b'{"b":1}'])
        assert codes(decoded) == {0: "no_column", 1: "no_column"}
        assert decoded.table.num_rows == len(decoded.accepted) == 0


# --- order and borders ----------------------------------------------------------------------------

INTEGERS = st.sampled_from([0, 1, -1, 2**53, 2**53 + 1, 2**63 - 1, 2**63, -(2**63) - 1, 10**30])
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    INTEGERS,
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["", "a", "1"]),
)
VALUES = SCALARS | st.lists(SCALARS, max_size=2) | st.dictionaries(st.sampled_from("kl"), SCALARS, max_size=2)
NAMED = {name: st.sampled_from(list(FIT)) for name in "abc"}
CONFLICTS = st.fixed_dictionaries(
    {"t": st.just("text")}, optional={name: st.sampled_from(["null", "dead_letter"]) for name in "abc"}
)
# Every column is pinned, or not sent at all.
PINS = st.fixed_dictionaries(
    {
        "types": st.fixed_dictionaries(NAMED),
        "conflicts": CONFLICTS,
        "unknown": st.sampled_from(["ignore", "dead_letter"]),
    }
) | st.fixed_dictionaries(
    {"types": st.fixed_dictionaries({**NAMED, "*": st.sampled_from(list(FIT))}), "conflicts": CONFLICTS}
)
MESSAGES = st.lists(
    st.dictionaries(st.sampled_from("abctz"), VALUES, min_size=1, max_size=5).map(lambda row: json.dumps(row).encode()),
    min_size=1,
    max_size=16,
)


def outcomes(one: Lanes, chunks: Sequence[Sequence[bytes]]) -> tuple[list[Any], int, int]:
    """What became of each message (its row, or its fault), and how many values were nulled and ignored."""
    found: list[Any] = []
    nulled = ignored = 0
    for chunk in chunks:
        decoded = one.decode(chunk)
        assert not decoded.widened
        rows = dict(zip(decoded.accepted.tolist(), decoded.table.to_pylist(), strict=True))
        assert len(rows) + len(decoded.rejected) == len(chunk)
        for index in range(len(chunk)):
            row = rows.get(index)
            # Which of two faults is named depends on the columns' order, so only that there is one is compared.
            found.append(None if row is None else {k: repr(value) for k, value in row.items() if value is not None})
        nulled += sum(decoded.nulled.values())
        ignored += sum(decoded.ignored.values())
    return found, nulled, ignored


@settings(max_examples=EXAMPLES // 5, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(PINS, MESSAGES, st.lists(st.integers(1, 6), min_size=1, max_size=4), st.randoms(use_true_random=False))
@example(
    {"types": {"a": "float", "b": "string", "c": "integer"}, "conflicts": {"t": "text"}, "unknown": "ignore"},
    [b'{"a":1}', b'{"a":1e30,"z":1}', b'{"a":"x","t":1.50}', b'{"t":[]}'],
    [2],
    Random(1),
)
def test_what_becomes_of_a_message_depends_on_nothing_but_itself(
    pins: dict[str, Any], values: list[bytes], sizes: list[int], dice: Random
) -> None:
    alone = [outcomes(of(**pins), [[value]]) for value in values]
    wanted = [found[0][0] for found in alone]
    order = list(range(len(values)))
    dice.shuffle(order)
    chunks: list[list[bytes]] = []
    while sum(map(len, chunks)) < len(order):
        begin = sum(map(len, chunks))
        chunks.append([values[index] for index in order[begin : begin + sizes[len(chunks) % len(sizes)]]])
    found, nulled, ignored = outcomes(of(**pins), chunks)
    assert found == [wanted[index] for index in order]
    assert nulled == sum(each[1] for each in alone)
    assert ignored == sum(each[2] for each in alone)

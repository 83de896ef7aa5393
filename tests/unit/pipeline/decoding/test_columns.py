"""Decode and columns together: what goes in as JSON comes out of Arrow as it was, or is named and left out.

PROPERTY_EXAMPLES raises the number of random cases (2,000; 10,000 before a release).
"""

import json
import os
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ingest.pipeline.decoding.columns import MAX_COLUMNS, LearnedSchema
from ingest.pipeline.decoding.orjson_lane import Decoder
from ingest.pipeline.decoding.result import Decoded
from tests.harness.values import BROKEN_VALUES, EDGES, same

EXAMPLES = int(os.environ.get("PROPERTY_EXAMPLES", "2000"))
thorough = settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)

Row = dict[str, Any]


def decoder() -> Decoder:
    return Decoder(LearnedSchema())


def rows_of(decoded: Decoded) -> dict[int, Row]:
    """The accepted rows by their index in the chunk, nulls left out (an absent key and a null are one thing)."""
    assert decoded.table.num_rows == len(decoded.accepted)
    rows = decoded.table.to_pylist()
    return {
        index: {key: value for key, value in row.items() if value is not None}
        for index, row in zip(decoded.accepted.tolist(), rows, strict=True)
    }


def codes_of(decoded: Decoded) -> dict[int, str]:
    return {fault.index: fault.reason.code for fault in decoded.rejected}


class Duplicate(Exception):  # noqa: N818
    pass


def strictly(value: bytes | None) -> Row | None:
    """What Python's own parser makes of a message, None where it is no object without duplicate keys."""

    def pairs(found: list[tuple[str, Any]]) -> Row:
        if len(dict(found)) < len(found):
            raise Duplicate
        return dict(found)

    if value is None:
        return None
    try:
        row = json.loads(value.decode(), object_pairs_hook=pairs)
    except (ValueError, Duplicate):
        return None
    return row if isinstance(row, dict) else None


def leaves(row: Row, prefix: str = "") -> list[tuple[str, Any]]:
    """The paths of a nested object, each as often as it is there; an empty object is a null."""
    found: list[tuple[str, Any]] = []
    for key, value in row.items():
        if isinstance(value, dict) and value:
            found.extend(leaves(value, f"{prefix}{key}."))
        else:
            found.append((prefix + key, None if isinstance(value, dict) else value))
    return found


def check(values: Sequence[bytes | None], decoded: Decoded) -> None:
    """Every index once; accepted rows are exact, rejected ones have a reason that does not quote them."""
    accepted, codes = decoded.accepted.tolist(), codes_of(decoded)
    assert len(codes) == len(decoded.rejected)
    assert sorted([*accepted, *codes]) == list(range(len(values)))
    assert accepted == sorted(accepted)
    for index, row in rows_of(decoded).items():
        wanted = strictly(values[index])
        assert wanted is not None, (values[index], row)
        paths = leaves(wanted)
        assert len(dict(paths)) == len(paths), (values[index], row)
        wanted = {path: value for path, value in paths if value is not None}
        assert row.keys() == wanted.keys(), (row, wanted)
        assert all(same(row[key], wanted[key]) for key in row), (row, wanted)
    for fault in decoded.rejected:
        assert fault.reason.code
        assert fault.reason.detail


def check_shared_batches(chunks: Sequence[Decoded]) -> None:
    """Chunks between two reports of `widened` share a batch, and no value changes in it."""
    shared: list[Decoded] = []
    known: dict[str, pa.DataType] = {}
    for decoded in chunks:
        types = {field.name: field.type for field in decoded.table.schema}
        changed = {name for name, kind in types.items() if not pa.types.is_null(kind) and known.get(name, kind) != kind}
        assert {name for name, _, _ in decoded.widened} == changed
        known |= {name: kind for name, kind in types.items() if not pa.types.is_null(kind)}
        if changed:
            shared = []
        if len(decoded.accepted):
            shared.append(decoded)
            rows = concatenated(shared).to_pylist()
            alone = [row for one in shared for row in one.table.to_pylist()]
            for together, own in zip(rows, alone, strict=True):
                assert all(value is None for key, value in together.items() if key not in own)
                assert all((own[k] is None and together[k] is None) or same(together[k], own[k]) for k in own)
                assert all(type(together[k]) is type(own[k]) for k in own)


def concatenated(chunks: Sequence[Decoded]) -> pa.Table:
    return pa.concat_tables([pa.Table.from_batches([one.table]) for one in chunks], promote_options="default")


# --- random messages ------------------------------------------------------------------------------

INTEGERS = st.sampled_from(EDGES) | st.integers(-5, 5) | st.integers(-(2**66), 2**66)
FLOATS = st.sampled_from([0.0, -0.0, 0.5, 5e-324, 1.7976931348623157e308, 2.0**53, 2.0**63, -(2.0**63), 2.0**64, 1e25])
FLOATS |= st.floats(allow_nan=False, allow_infinity=False)
TEXTS = st.sampled_from(["", "a", "1", "true", "null", "\x00", "\ud7ff", '"', "a:b", '":', "\\", "é", "😀", "\u2028"])
TEXTS |= st.text(max_size=6)
LISTS = st.lists(TEXTS | st.none(), max_size=3) | st.lists(st.integers(0, 3) | TEXTS, max_size=2)
SCALARS = st.none() | st.booleans() | INTEGERS | FLOATS | TEXTS
VALUES = (
    SCALARS | LISTS | st.dictionaries(TEXTS, SCALARS, max_size=2) | st.lists(st.lists(st.integers(0, 1)), max_size=2)
)
KEYS = st.sampled_from(["a", "b", "c", "d", "a:", "\x00", "é"])
BLANK = st.sampled_from(["", "", "", " ", "\n", "\t\r ", "  "])

BROKEN = st.sampled_from(BROKEN_VALUES)


@st.composite
def written(draw: st.DrawFn, row: Row) -> bytes:
    """One of the many ways to write an object down."""
    pairs = []
    for key, value in row.items():
        blanks = [draw(BLANK) for _ in range(4)]
        spelled = json.dumps(key, ensure_ascii=draw(st.booleans()))
        text = json.dumps(value, ensure_ascii=draw(st.booleans()))
        pairs.append(f"{blanks[0]}{spelled}{blanks[1]}:{blanks[2]}{text}{blanks[3]}")
    return (draw(BLANK) + "{" + ",".join(pairs) + draw(BLANK) + "}" + draw(BLANK)).encode("utf-8", "surrogatepass")


@st.composite
def messages(draw: st.DrawFn) -> list[bytes | None]:
    """Messages of one topic: columns that mostly hold one kind, some that hold anything, some broken."""
    kinds = {
        key: draw(st.sampled_from([INTEGERS, FLOATS, TEXTS, st.booleans(), SCALARS, VALUES, LISTS])) for key in "abc"
    }
    kinds |= {"d": st.integers(0, 9) | st.sampled_from([0.5, True, "x"]), "e": st.integers(0, 9) | FLOATS}
    usual = st.fixed_dictionaries({}, optional=kinds)
    anything = st.dictionaries(KEYS, VALUES, max_size=4)
    row = draw(st.sampled_from([usual, usual | anything])).flatmap(written)
    return draw(st.lists(row | row | row | BROKEN, min_size=1, max_size=24))


@thorough
@given(messages(), st.lists(st.integers(1, 8), min_size=1, max_size=6))
@example([b'{"n":1.5}', b'{"n":true}'], [2])
@example([b'{"n":1.5}', b'{"n":3}', b'{"n":false}', b'{"n":null}'], [4])
@example([b"{}", b"{}"], [2])
@example([b'{"a":' + b"[" * 1000 + b"]" * 1000 + b',"a":1}'], [1])
@example([b'{"n":9007199254740993}', b'{"n":0.5}', b'{"n":1}'], [1, 2])
@example([b'{"n":1}', b'{"n":1e25}', b'{"n":10000000000000000000000000}'], [3])
@example([b'{"l":["a"]}', b'{"l":"ab"}', b'{"l":["b"]}', b'{"l":{"c":1}}', b'{"l":[1]}', b'{"l":null}'], [1, 5])
@example([b'{"l":[]}', b'{"l":null}', b'{"l":[null]}', b'{"l":[]}'], [2, 1])
@example([b'{"n":0.5}', b'{"n":false}', b'{"n":-0.0}'], [1, 2])
@example([b'{"a" :1,"a":2}', b'{"a":"!:"}', b'{"a !:":1}'], [3])
def test_random_messages_are_exact_or_named(values: list[bytes | None], sizes: list[int]) -> None:
    one, begin = decoder(), 0
    chunks: list[Decoded] = []
    while begin < len(values):
        size = sizes[len(chunks) % len(sizes)]
        chunks.append(one.decode(values[begin : begin + size]))
        check(values[begin : begin + size], chunks[-1])
        begin += size
    check_shared_batches(chunks)


NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
FLAT = (
    st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=5) | st.none(), max_size=4)
)


@settings(max_examples=EXAMPLES // 4, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(NAMES, FLAT, min_size=1, max_size=8), st.integers(1, 5), st.booleans())
def test_a_flat_object_goes_round_exactly(row: Row, copies: int, ascii_only: bool) -> None:  # noqa: FBT001
    raw = json.dumps(row, ensure_ascii=ascii_only).encode()
    decoded = decoder().decode([raw] * copies)
    assert codes_of(decoded) == {}
    for read in rows_of(decoded).values():
        assert list(read) == list(row)
        assert all(same(read[key], row[key]) and type(read[key]) is type(row[key]) for key in row)


# --- one bad message ------------------------------------------------------------------------------

GOOD = [
    json.dumps(
        {"prediction_id": f"id-{n}", "n": n, "f": n + 0.5, "s": f"s{n}", "b": n % 2 == 0, "l": ["x", "y"]}
    ).encode()
    for n in range(12)
]
SECRET = "hunter2-canary"  # must not come up in any reason


def bad(code: str, text: str | bytes | None) -> Any:
    return pytest.param(text.encode() if isinstance(text, str) else text, code, id=f"{code}: {str(text)[:30]}")


BAD = [
    bad("tombstone", None),
    bad("not_json", ""),
    bad("not_json", SECRET),
    bad("not_json", f'{{"s":"{SECRET}"'),
    bad("not_json", f'\ufeff{{"s":"{SECRET}"}}'),
    bad("not_json", b'{"s":"' + SECRET.encode() + b'\xff"}'),
    bad("not_json", f'{{"s":"{SECRET}\\ud800"}}'),
    bad("not_json", '{"n":NaN}'),
    bad("number_range", '{"n":1e400}'),
    bad("number_range", '{"é":"😀","n":-1e400}'),
    bad("integer_past_64_bits", '{"é":"😀","n":' + "9" * 400 + "}"),
    bad("not_json", f'{{"s":"{SECRET}"}} {{}}'),
    bad("not_json", f'{{"s":"{SECRET}"}},{{"s":"a"}}'),
    bad("nested_too_deep", "[" * 1_100 + "]" * 1_100),
    bad("nested_too_deep", '{"n":' * 1_100 + "1" + "}" * 1_100),
    bad("not_an_object", f'["{SECRET}"]'),
    bad("not_an_object", f'"{SECRET}"'),
    bad("not_an_object", "17"),
    bad("not_an_object", "null"),
    bad("duplicate_key", f'{{"s":"{SECRET}","s":"b"}}'),
    bad("duplicate_key", f'{{"s":"{SECRET}","\\u0073":"b"}}'),
    bad("duplicate_key", f'{{"s" \n\t:"{SECRET}", "s"  :  "b"}}'),
    bad("duplicate_key", '{"n":' + "[" * 1_000 + "]" * 1_000 + ',"n":1}'),
    bad("integer_past_64_bits", '{"n":9223372036854775808}'),
    bad("integer_past_64_bits", '{"n":-9223372036854775809}'),
    bad("integer_past_64_bits", '{"n":18446744073709551616}'),
    bad("integer_past_64_bits", '{"f":18446744073709551616}'),
    bad("integer_past_64_bits", '{"f":' + "9" * 300 + "}"),
    bad("ambiguous_key", f'{{"s.x":"a","s":{{"x":"{SECRET}"}}}}'),
    bad("ambiguous_key", f'{{"s":{{"x":"{SECRET}"}},"s.x":"a"}}'),
    bad("empty_key", '{"n":{"":1}}'),
    bad("nested_too_deep", '{"a":' * 33 + "1" + "}" * 33),
    bad("nested_too_deep", '{"a":{"b":' + "[" * 40 + '{"x":1}' + "]" * 40 + "}}"),
    bad("duplicate_key", f'{{"o":{{"x":"{SECRET}","x":"b"}}}}'),
    bad("duplicate_key", f'{{"o":{{"x":"{SECRET}"}},"o":{{"y":"b"}}}}'),
    bad("type_conflict", f'{{"o":{{"x":1}},"s":["{SECRET}"]}}'),
    bad("unsupported_list", '{"l":[1]}'),
    bad("unsupported_list", f'{{"l":["{SECRET}",1]}}'),
    bad("unsupported_list", '{"new":[[]]}'),
    bad("empty_key", f'{{"":"{SECRET}"}}'),
    bad("type_conflict", f'{{"n":"{SECRET}"}}'),
    bad("type_conflict", '{"n":true}'),
    bad("type_conflict", '{"f":true}'),
    bad("type_conflict", '{"f":false,"n":1}'),
    bad("type_conflict", f'{{"f":"{SECRET}"}}'),
    bad("type_conflict", '{"f":9007199254740993}'),
    bad("type_conflict", '{"s":1}'),
    bad("type_conflict", '{"b":1}'),
    bad("type_conflict", '{"b":0.0}'),
    bad("type_conflict", '{"l":"x"}'),
    bad("type_conflict", f'{{"s":["{SECRET}"]}}'),
]


@pytest.mark.parametrize("position", [0, 5, 12])
@pytest.mark.parametrize(("value", "code"), BAD)
def test_a_bad_message_costs_that_message_only(value: bytes | None, code: str, position: int) -> None:
    values = [*GOOD[:position], value, *GOOD[position:]]
    decoded = decoder().decode(values)
    check(values, decoded)
    assert codes_of(decoded) == {position: code}
    assert SECRET not in decoded.rejected[0].reason.detail
    assert pa.types.is_int64(decoded.table.schema.field("n").type)
    assert not decoded.widened


@pytest.mark.parametrize("position", [0, 5, 12])
@pytest.mark.parametrize(("value", "code"), BAD)
def test_nor_does_it_in_chunks_of_one(value: bytes | None, code: str, position: int) -> None:
    """A first message has no neighbours to be measured by; from the third one on no message pays for it."""
    one = decoder()
    values = [*GOOD[:position], value, *GOOD[position:]]
    chunks = [one.decode([value]) for value in values]
    for index, decoded in enumerate(chunks):
        check([values[index]], decoded)
    refused = {index: codes_of(decoded)[0] for index, decoded in enumerate(chunks) if decoded.rejected}
    if position == 0 and code == "type_conflict":
        assert refused.keys() <= {1}
    else:
        assert refused == {position: code}
    check_shared_batches(chunks)


@pytest.mark.parametrize("first", [b'{"n":"x"}', b'{"n":true}', b'{"n":["x"]}', b'{"n":0.5}'])
@pytest.mark.parametrize("usual", [b'{"n":9007199254740993}', b'{"n":7}', b'{"n":"text"}'])
def test_one_odd_first_message_does_not_turn_a_column_against_all_that_follow(first: bytes, usual: bytes) -> None:
    one = decoder()
    one.decode([first])
    refused = sum(len(one.decode([usual]).rejected) for _ in range(20))
    assert refused <= 1


def test_two_broken_messages_never_make_a_good_one() -> None:
    values = [b'{"a":1},{"b":2}', b'{"a":1', b',"b":2}', b'[{"a":1}', b"]", b'{"a":1}']
    decoded = decoder().decode(values)
    assert rows_of(decoded) == {5: {"a": 1}}


def test_a_new_key_in_a_later_row_or_chunk_is_kept() -> None:
    one = decoder()
    first = one.decode([b'{"a":1}', b'{"a":2,"b":"x"}', b'{"c":true}'])
    assert rows_of(first) == {0: {"a": 1}, 1: {"a": 2, "b": "x"}, 2: {"c": True}}
    second = one.decode([b'{"d":[]}', b'{"a":null}'])
    assert rows_of(second) == {0: {"d": []}, 1: {}}
    assert concatenated([first, second]).num_rows == 5


def test_an_integer_column_becomes_float_exactly_and_says_so() -> None:
    one = decoder()
    assert one.decode([b'{"n":1}', b'{"n":9007199254740992}']).widened == []
    then = one.decode([b'{"n":2.5}', b'{"n":3}', b'{"n":9007199254740992}'])
    assert list(then.widened) == [("n", "integer", "float")]
    assert rows_of(then) == {0: {"n": 2.5}, 1: {"n": 3.0}, 2: {"n": 9007199254740992.0}}
    after = one.decode([b'{"n":4}'])
    assert after.widened == []
    assert pa.types.is_float64(after.table.schema.field("n").type)


def test_a_column_of_nulls_takes_any_kind_without_a_new_batch() -> None:
    one = decoder()
    chunks = [one.decode([b'{"n":null,"m":1}']), one.decode([b'{"n":1}']), one.decode([b'{"n":null}'])]
    assert not any(chunk.widened for chunk in chunks)
    assert concatenated(chunks).column("n").to_pylist() == [None, 1, None]


def test_keys_that_are_data_stop_at_the_limit() -> None:
    values = [json.dumps({f"k{row}-{n}": n for n in range(500)}).encode() for row in range(6)]
    decoded = decoder().decode([*values, b'{"k0-1":5}'])
    assert set(codes_of(decoded).values()) == {"too_many_columns"}
    assert decoded.table.num_columns <= MAX_COLUMNS
    assert rows_of(decoded)[6] == {"k0-1": 5}


def test_a_message_without_keys_is_a_row_or_a_dead_letter_but_never_lost() -> None:
    for values in ([b"{}"], [b"{}", b"{}"], [b"{}", b'{"a":1}']):
        decoded = decoder().decode(values)
        check(values, decoded)
        assert decoded.table.num_rows == len(decoded.accepted)


def test_an_empty_chunk_is_fine() -> None:
    decoded = decoder().decode([])
    assert (decoded.table.num_rows, len(decoded.accepted), list(decoded.rejected)) == (0, 0, [])


@pytest.mark.parametrize(
    "extra", ['"s":"a:b"', '"s":"\\":"', '"s":"\\\\"', '"k:":1', '"s": "x" ', '"\\"":1', '"s!":"!:"', '"s":" :"']
)
def test_colons_and_quotes_inside_strings_are_no_duplicates(extra: str) -> None:
    values = [f"{{{extra}}}".encode(), b'{"z":1}']
    decoded = decoder().decode(values)
    check(values, decoded)
    assert not decoded.rejected


def test_a_message_whose_keys_are_data_does_not_use_up_the_limit() -> None:
    one = decoder()
    for _ in range(3):
        one.decode(GOOD)
    flood = json.dumps({f"key {number}": number for number in range(1_900)}).encode()
    assert not one.decode([flood]).rejected
    for number in range(200):
        decoded = one.decode([json.dumps({f"later {number}": 1, "n": 1}).encode()])
        assert not decoded.rejected
    assert one.decode(GOOD).widened == []
    assert codes_of(one.decode([b'{"n":"x"}'])) == {0: "type_conflict"}

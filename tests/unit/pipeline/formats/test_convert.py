"""Values in another form than their column: each conversion, its paths, and what it leaves alone."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.config.load import load
from ingest.config.resolve import RouteConfig
from ingest.config.schema import Schema
from ingest.errors import DecodeError
from ingest.pipeline.decoding.json_tree import text_of, tree_of
from ingest.pipeline.decoding.result import Decoded
from ingest.pipeline.formats.convert import Converter
from ingest.pipeline.rows import RowProcessor
from ingest.records import KafkaMessage
from tests.harness.messages import FakeMessage

NOW_S = 1_763_900_000.0
GOOD = '"prediction_id": "1", "prediction_ts": 1763850000, "prediction_label": "a"'
MULTI_CLASS = {"model_name": "m", "model_type": "multi_class"}


def config(arize: Mapping[str, Any] | None = None, lane: str = "auto", **schema: Any) -> RouteConfig:
    flags = {"arize": {"model_name": "m", **(arize or {})}, "schema": schema, "batch": {"lane": lane}}
    return load(flags={"kafka": {"topic": "t"}, **flags}).topics[0].routes[0]


def converted(text: str, convert: Mapping[str, str], model_type: str = "regression", **schema: Any) -> str:
    """The message after the conversions, as JSON."""
    one = Converter(Schema.model_validate({"convert": convert, **schema}), model_type)
    value = text.encode()
    tree = tree_of(value, as_written=one.as_written)
    nulled: list[str] = []
    changed = one.convert(tree, nulled)
    assert not changed or one.may_apply(value)  # the test by bytes misses nothing
    return text_of(tree).decode() if changed else text


def reason(text: str, convert: Mapping[str, str], **schema: Any) -> tuple[str, str]:
    with pytest.raises(DecodeError) as fault:
        converted(text, convert, **schema)
    return fault.value.reason.code, fault.value.reason.detail


def sent(*values: str) -> list[KafkaMessage]:
    return [FakeMessage(value.encode(), offset=offset) for offset, value in enumerate(values)]


@pytest.mark.parametrize(
    "written", ["0.87", "0.870", "-1.5e3", "1784517300", "0", "-0", "1E+5", "9223372036854775807", "1.0e-7"]
)
def test_a_number_keeps_its_characters(written: str) -> None:
    assert converted(f'{{"a":"{written}"}}', {"a": "number"}) == f'{{"a":{written}}}'
    assert converted(f'{{"a":" {written}\\t"}}', {"a": "number"}) == f'{{"a":{written}}}'


@pytest.mark.parametrize(
    "written",
    [
        "",
        " ",
        "null",
        "NaN",
        "Infinity",
        "1,000",
        "1_000",
        "0x1f",
        "+1",
        ".5",
        "5.",
        "007",
        "1e",
        "1 2",
        "\u0661",
        "true",
    ],
)
def test_what_json_does_not_write_is_no_number(written: str) -> None:
    code, detail = reason(json.dumps({"a": {"b": written}}), {"a.b": "number"})
    assert (code, detail.startswith('"a.b" holds a text that is no number')) == ("not_a_number", True)
    assert not written.strip() or f'"{written}"' not in detail


def test_a_number_that_no_column_holds_names_its_path() -> None:
    assert reason('{"a":"1e400"}', {"a": "number"})[0] == "number_range"
    assert reason(f'{{"a":"{"9" * 400}"}}', {"a": "number"})[0] == "integer_past_64_bits"


def test_other_values_stay_for_their_column() -> None:
    for value in ("1", "1.50", "true", "null", '{"x":"1"}', "[1,2]"):
        text = f'{{"a":{value},"b":"2"}}'
        assert converted(text, {"a": "number"}) == text


def test_texts_in_a_list_become_numbers() -> None:
    assert converted('{"v":["0.10",2,"-3e1"],"m":[["1"],["2"]]}', {"v": "number", "m": "number"}) == (
        '{"v":[0.10,2,-3e1],"m":[[1],[2]]}'
    )
    assert reason('{"v":["1","x"]}', {"v": "number"})[0] == "not_a_number"


def test_a_list_becomes_columns() -> None:
    text = '{"v":[1,"a",true,null,[2,[3.50]],{"k":[4]}],"w":[],"x":5}'
    assert converted(text, {"v": "columns", "w": "columns", "x": "columns"}) == (
        '{"v":{"0":1,"1":"a","2":true,"3":null,"4":{"0":2,"1":{"0":3.5}},"5":{"k":[4]}},"w":{},"x":5}'
    )


def test_items_have_conversions_of_their_own() -> None:
    assert converted('{"v":["1","2",["3"]]}', {"v": "columns", "v.1": "number", "v.2": "json"}) == (
        '{"v":{"0":"1","1":2,"2":"[\\"3\\"]"}}'
    )
    assert converted('{"f":{"v":["1",["2"]]}}', {"f.v": "columns", "f.v.*": "number"}) == '{"f":{"v":{"0":1,"1":[2]}}}'


def test_json_text_is_as_it_was_written() -> None:
    text = '{"a": {"x": 1.00, "y": [1e2, 12345678901234567890123], "é": "\\u00e9\\n"}, "b": [{"c": -0}], "d": 2.50}'
    found = json.loads(converted(text, {"a": "json", "b": "json", "d": "json"}), parse_float=str)
    assert found == {
        "a": '{"x":1.00,"y":[1e2,12345678901234567890123],"é":"é\\n"}',
        "b": '[{"c":-0}]',
        "d": "2.50",
    }


def test_json_text_has_nothing_that_is_excluded() -> None:
    text = '{"user":{"ssn":"1","home":{"street":"x","city":"y"}},"z":1}'
    assert converted(text, {"user": "json"}, exclude=["user.ssn", "*.street"]) == (
        '{"user":"{\\"home\\":{\\"city\\":\\"y\\"}}","z":1}'
    )


def test_an_object_of_scores_becomes_class_scores() -> None:
    text = '{"prediction_score":{"cat":0.70,"a.b":1},"other":{"x":1},"actual_score":{}}'
    wanted = '{"prediction_score":[{"class_name":"cat","score":0.7},{"class_name":"a.b","score":1}]'
    assert converted(text, {"*": "class_scores"}, "multi_class") == f'{wanted},"other":{{"x":1}},"actual_score":{{}}}}'


def test_a_path_is_found_with_dots_in_its_keys_and_before_renaming() -> None:
    text = '{"a.b":{"c":"1"},"a":{"b.c":"2","b":{"c":"3"}},"c":"4"}'
    assert converted(text, {"a.b.c": "number"}) == '{"a.b":{"c":1},"a":{"b.c":2,"b":{"c":3}},"c":"4"}'
    assert converted(text, {"a.*": "number"}) == '{"a.b":{"c":1},"a":{"b.c":2,"b":{"c":3}},"c":"4"}'
    assert converted('{"old":"1","new":"2"}', {"old": "number"}, rename={"old": "new"}) == '{"old":1,"new":"2"}'


def test_an_escaped_key_is_the_same_key() -> None:
    assert converted('{"\\u0061":"1"}', {"a": "number"}) == '{"a":1}'
    assert converted('{"\\u00e9\\"":"1"}', {'é"': "number"}) == '{"é\\"":1}'


def test_an_exact_path_takes_precedence_and_a_wildcard_reaches_no_column_with_a_role() -> None:
    text = '{"prediction_id":"1","prediction_ts":"2","f":"3","g":[4]}'
    assert converted(text, {"*": "number", "g": "columns", "prediction_ts": "number"}) == (
        '{"prediction_id":"1","prediction_ts":2,"f":3,"g":{"0":4}}'
    )


def test_what_is_excluded_hashed_or_not_known_is_not_converted() -> None:
    text = '{"a":"x","b":"x","c":"x","d":"1"}'
    schema: dict[str, Any] = {"exclude": ["a"], "hash": ["b"], "unknown": "ignore", "types": {"d": "integer"}}
    assert converted(text, {"*": "number"}, **schema) == '{"a":"x","b":"x","c":"x","d":1}'


def test_conflicts_decide_about_texts_that_are_no_numbers() -> None:
    one = Converter(
        Schema(convert={"*": "number"}, rename={"a": "b"}, conflicts={"b": "null", "t*": "text"}), "regression"
    )
    tree = {"a": "x", "v": ["1"], "text": "1"}
    nulled: list[str] = []
    assert one.convert(tree, nulled)
    assert (tree, nulled) == ({"a": None, "v": ["1"], "text": "1"}, ["b"])


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(min_size=1), inner, max_size=4),
        max_leaves=12,
    )
)
def test_json_text_is_the_value(value: Any) -> None:
    text = json.dumps({"a": value})
    found = json.loads(converted(text, {"a": "json"}))["a"]
    assert (json.loads(found) if isinstance(value, list | dict) else found) == value


def test_may_apply_misses_no_path() -> None:
    for text, convert in [
        ('{"a":{"b":"1"}}', {"a.b": "number"}),
        ('{"a" : {"bc" :"1"}}', {"a*c": "number"}),
        ('{"x":{"a1b":{"c":"1"}}}', {"x.a*b": "number"}),
        ('{"x":"1"}', {"*": "number"}),
        ('{"é":"1"}', {"é": "number"}),
    ]:
        assert converted(text, convert) != text
    one = Converter(Schema(convert={"features.age": "number", "v": "columns"}), "regression")
    assert not one.may_apply(b'{"features":{"aged":"1"},"v":1,"w":"x"}')


@pytest.mark.parametrize("lane", ["auto", "orjson"])
def test_rows_of_both_lanes(lane: str) -> None:
    settings = config(
        lane=lane,
        convert={"prediction_ts": "number", "f.*": "number", "v": "columns", "o": "json"},
        conflicts={"f.nullable": "null"},
    )
    processor = RowProcessor(settings, lambda: NOW_S)
    messages = sent(
        *(
            f'{{"prediction_id":"{number}","prediction_ts":"176385000{number}","prediction_label":"a",'
            f'"f":{{"age":"{number}.50","nullable":"n/a"}},"v":[1.5,2],"o":{{"x":1.0}}}}'
            for number in range(5)
        ),
        f'{{{GOOD},"f":{{"age":"old"}}}}',
        "[1]",
        '{"f":',
    )
    for _ in range(2):  # the second time with columns that are known
        decoded = processor.process(messages)
        assert [(fault.index, fault.reason.code) for fault in decoded.rejected] == [
            (5, "not_a_number"),
            (6, "not_an_object"),
            (7, "not_json"),
        ]
        assert decoded.accepted.tolist() == list(range(5))
        assert decoded.nulled == {"f.nullable": 5}
        assert decoded.table.to_pylist()[1] == {
            "prediction_id": "1",
            "prediction_ts": 1_763_850_001,
            "prediction_label": "a",
            "f.age": 1.5,
            "f.nullable": None,
            "v.0": 1.5,
            "v.1": 2,
            "o": '{"x":1.0}',
        }


def test_other_columns_of_text_keep_the_characters_of_their_numbers() -> None:
    settings = config(convert={"a": "number"}, conflicts={"t": "text"})
    decoded = RowProcessor(settings, lambda: NOW_S).process(sent(f'{{{GOOD},"a":"1","t":1.00}}'))
    assert decoded.table.column("t").to_pylist() == ["1.00"]


def test_a_row_is_the_same_alone_and_among_others() -> None:
    settings = config(convert={"*": "number", "prediction_ts": "number"}, types={"a": "float"})
    texts = [f'{{{GOOD},"a":{value}}}' for value in ('"1"', "2", '"x"', "true", '" 3.5"')]
    together = RowProcessor(settings, lambda: NOW_S).process(sent(*texts))
    alone = [RowProcessor(settings, lambda: NOW_S).process(sent(text)) for text in texts]
    assert together.accepted.tolist() == [index for index, one in enumerate(alone) if one.table.num_rows]
    assert [fault.reason for fault in together.rejected] == [fault.reason for one in alone for fault in one.rejected]
    rows = [row for one in alone if one.table.num_rows for row in one.table.select(["prediction_id", "a"]).to_pylist()]
    assert together.table.select(["prediction_id", "a"]).to_pylist() == rows


def test_what_was_hashed_before_is_not_converted(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("a key")
    settings = config(convert={"f.*": "number"}, hash=["f.card"], hash_key_file=str(key))
    text = f'{{{GOOD},"f":{{"card":"0a1b","n":"1"}}}}'
    decoded: Decoded = RowProcessor(settings, lambda: NOW_S, hashed=True).process(sent(text))
    assert decoded.table.select(["f.card", "f.n"]).to_pylist() == [{"f.card": "0a1b", "f.n": 1}]

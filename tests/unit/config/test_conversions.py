"""Conversions that can't act, or that would hide what is kept back, are faults at the start."""

import pytest

from ingest.config.conversions import Conversions
from ingest.config.patterns import overlap
from ingest.config.schema import Schema
from tests.harness.config_file import faults_of


@pytest.mark.parametrize(
    ("schema", "fault"),
    [
        ('convert = { "a.b" = "number" }\nexclude = ["a"]', "exclude drops it"),
        ('convert = { "a.*" = "number" }\nexclude = ["a.*"]', "exclude drops it"),
        ('convert = { a = "number" }\nhash = ["a"]\nhash_key_file = "k"', "hash makes a string"),
        ('convert = { a = "class_scores" }', "belongs to model type multi_class"),
        ('convert = { a = "json", "a.b" = "number" }', '"a" = "json" makes one value'),
        ('convert = { prediction_ts = "json" }\ntimestamp_unit = "s"', "timestamp takes float or integer there"),
        ('convert = { prediction_id = "columns" }', "prediction_id takes integer or string there"),
        ('convert = { prediction_ts = "number" }\ntimestamp_unit = "iso8601"', "timestamp takes string there"),
        ('convert = { a = "number" }\ntypes = { a = "string" }', 'types pins "a" to string'),
        ('convert = { a = "json" }\ntypes = { a = "integer" }', 'types pins "a" to integer'),
        ('convert = { a = "number" }\nconflicts = { a = "text" }', 'conflicts makes text of "a"'),
        ('convert = { old = "number" }\nrename = { old = "a" }\ntypes = { a = "string" }', 'types pins "a"'),
        ('convert = { user = "json" }\nhash = ["*.ssn"]\nhash_key_file = "k"', 'hash "*.ssn" may name something'),
        ('convert = { v = "columns" }\nexclude = ["v.3"]', 'exclude "v.3" may name something within it'),
        ('convert = { a = "nombre" }', "did you mean number?"),
        ('convert = { a = { b = "json" } }', 'write a dotted name in quotes: "a.b"'),
        ('prediction_id_from = "offset"\nprediction_id = ""', "prediction_id_from needs prediction_id"),
        ('prediction_id_from = "partition"', "none of key, offset and headers.NAME"),
        ('prediction_id_from = "key"\nhash = ["prediction_id"]\nhash_key_file = "k"', "would be sent as it is"),
        ('timestamp_from_kafka = "ce_time"', 'true, false or "headers.NAME" is expected'),
        ('timestamp_from_kafka = "headers.t"\ntimestamp = ""', "timestamp_from_kafka needs timestamp"),
        ('prediction_id = ""\n[arize]\nsample = 0.5', "[arize] sample needs [schema] prediction_id"),
        ("[arize]\nsample = 0.0", "[arize] sample"),
        ("[routes.a]\nsample = 0.5\narize = { sample = 0.1 }", "the same setting"),
        ("[routes.a]\nwhen = { a = 1 }\nsample = 0.5\ndeliver = false\n[routes.b]", "sample mean"),
    ],
)
def test_a_fault(schema: str, fault: str) -> None:
    (found,) = faults_of(f"[schema]\n{schema}\n")
    assert fault in found


@pytest.mark.parametrize(
    "text",
    [
        'convert = { "a.*" = "number", "a.b" = "columns" }\nexclude = ["a.b.x", "c"]',
        'convert = { user = "json" }\nexclude = ["user.ssn"]',
        'convert = { "*" = "columns" }\nexclude = ["user.ssn"]',
        'convert = { prediction_ts = "number", prediction_score = "number", tag = "json" }\ntags = ["tag"]',
        'convert = { vector = "number" }\nembeddings = { e = { vector = "vector" } }',
        'convert = { s = "class_scores" }\nrename = { s = "prediction_score" }\n[arize]\nmodel_type = "multi_class"',
        'prediction_id_from = "headers.ce-id"\ntimestamp_from_kafka = "headers.ce-time"',
        "timestamp_from_kafka = true",
        "sample = 1.0\n".replace("sample", "[arize]\nsample"),
    ],
)
def test_what_can_act_is_no_fault(text: str) -> None:
    assert faults_of(f"[schema]\n{text}\n") == []


def test_a_variable_sets_what_fills_the_timestamp(monkeypatch: pytest.MonkeyPatch) -> None:
    for written, found in (("true", True), ("0", False), ("headers.t", "headers.t")):
        monkeypatch.setenv("INGEST_SCHEMA__TIMESTAMP_FROM_KAFKA", written)
        assert Schema(timestamp_from_kafka=written).timestamp_from_kafka == found
        assert faults_of("") == []


def test_an_exact_path_takes_precedence_over_wildcards() -> None:
    found = Conversions(Schema(convert={"a.*": "number", "a.b": "json", "*": "columns"}, hash=("x",)), "regression")
    assert [found.of(path) for path in ("a.b", "a.c", "b", "x", "x.y", "prediction_id")] == [
        "json",
        "number",
        "columns",
        None,
        None,
        None,
    ]


@pytest.mark.parametrize(
    ("one", "other", "wanted"),
    [
        ("user.*", "*.ssn", True),
        ("user.*", "users.*", False),
        ("a*b", "ac", False),
        ("a*b", "a*c*b", True),
        ("*", "", True),
        ("abc", "abc", True),
        ("abc", "abcd", False),
        ("v.3*", "v.31", True),
    ],
)
def test_patterns_overlap(one: str, other: str, wanted: bool) -> None:  # noqa: FBT001
    assert overlap(one, other) is wanted
    assert overlap(other, one) is wanted

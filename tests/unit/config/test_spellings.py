"""Keys take values as people write them: units, cases, commas; what is none of these is a fault."""

from typing import Any

import pytest

from ingest.config.spellings import seconds, size
from tests.harness.config_file import faults_of, loaded


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10s", 10),
        ("500ms", 0.5),
        ("5m", 300),
        ("1m30s", 90),
        ("2.5", 2.5),
        (" 1 h ", 3600),
        ("250us", 0.00025),
        ("2d", 172800),
    ],
)
def test_a_duration_is_read_with_its_units(text: str, expected: float) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["", "s", "soon", "10x", "1 30", "-5s", "1e3s", "10s!", "5ms3", "NaN"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match='a number is expected, or a duration such as "10s"'):
        seconds(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("64MB", 64_000_000),
        ("64MiB", 64 * 2**20),
        ("64 mib", 64 * 2**20),
        ("1.5GiB", 3 * 2**29),
        ("48Mi", 48 * 2**20),
        ("512", 512),
        ("9007199254740993", 9007199254740993),
        ("2kB", 2000),
    ],
)
def test_a_size_is_read_with_its_unit(text: str, expected: int) -> None:
    assert size(text) == expected


@pytest.mark.parametrize("text", ["", "MB", "64XB", "-1MB", "0.1", "1.0001kB", "64 M B"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match='a whole number is expected, or a size such as "64MB"'):
        size(text)


@pytest.mark.parametrize(
    ("text", "section", "key", "expected"),
    [
        ('[arize]\nmodel_type = "SCORE_CATEGORICAL"', "arize", "model_type", "score_categorical"),
        ('[arize]\nmodel_type = "ModelTypes.REGRESSION"', "arize", "model_type", "regression"),
        ('[arize]\nmodel_type = "Score-Categorical"', "arize", "model_type", "score_categorical"),
        ('[arize]\nenvironment = "PRODUCTION"', "arize", "environment", "production"),
        ('[arize]\nenvironment = "{Stage}"', "arize", "environment", "{Stage}"),
        ("[arize]\nmodel_version = 7", "arize", "model_version", "7"),
        ("[arize]\nmodel_version = 1.10", "arize", "model_version", "1.10"),
        ("[arize]\nmodel_name = 2026", "arize", "model_name", "2026"),
        ('[arize]\ntimeout_s = "1m"', "arize", "timeout_s", 60.0),
        ('[kafka]\nstart = "EARLIEST"', "kafka", "start", "earliest"),
        ('[kafka]\nbrokers = ["a:9092", "b:9092"]', "kafka", "brokers", "a:9092,b:9092"),
        ('[kafka]\nbrokers = " a:9092 , b "', "kafka", "brokers", "a:9092,b"),
        ('[kafka]\ntopic = ["rides"]', "kafka", "topic", "rides"),
        ('[kafka]\nqueue_bytes = "64MB"', "kafka", "queue_bytes", 64_000_000),
        ('[batch]\nlinger_s = "500ms"', "batch", "linger_s", 0.5),
        ('[batch]\nmax_events = "5"', "batch", "max_events", 5),
        ('[schema]\ntags = "region, release"', "columns", "tags", ("region", "release")),
        ('[schema]\ntags = ""', "columns", "tags", ()),
        ('[schema]\ntimestamp_unit = "milliseconds"', "columns", "timestamp_unit", "ms"),
        ('[schema.types]\nage = "Integer"', "columns", "types", {"age": "integer"}),
        ('[schema.types]\nwords = "LIST OF STRINGS"', "columns", "types", {"words": "list of strings"}),
        ("[supervisor]\npartitions = 5", "supervisor", "partitions", "5"),
        ('[supervisor]\npartitions = [0, "2-3"]', "supervisor", "partitions", "0,2-3"),
        ("[schema.constants]\nv = 1.10", "columns", "constants", {"v": 1.1}),
    ],
)
def test_a_key_takes_the_value_as_it_is_written(text: str, section: str, key: str, expected: Any) -> None:
    value = getattr(getattr(loaded(text), section), key)
    assert value == expected
    assert type(value) is type(expected)


def test_variables_take_the_same_spellings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INGEST_SCHEMA__TAGS", "region, release")
    monkeypatch.setenv("INGEST_SCHEMA__FEATURES", '["a,b"]')
    monkeypatch.setenv("INGEST_BATCH__LINGER_S", "500ms")
    monkeypatch.setenv("INGEST_ARIZE__MODEL_TYPE", "RANKING")
    monkeypatch.setenv("INGEST_SCHEMA__RANKING", '{"group": "g", "rank": "r"}')
    config = loaded("")
    assert (config.columns.tags, config.columns.features) == (("region", "release"), ("a,b",))
    assert (config.batch.linger_s, config.arize.model_type) == (0.5, "ranking")


def test_several_names_of_topics_are_topics() -> None:
    for text in ('topic = ["a", "b.c"]', 'topic = "a, b.c"'):
        assert [topic.kafka.topic for topic in loaded(f"[kafka]\n{text}\n").topics] == ["a", "b.c"]
    assert [topic.kafka.topic for topic in loaded("", kafka={"topic": "a,b"}).topics] == ["a", "b"]
    assert [
        topic.kafka.topic for topic in loaded("[topics.a]\n[topics.b]\n[topics.c]\n", kafka={"topic": "c,a"}).topics
    ] == [
        "a",
        "c",
    ]


def test_a_partition_named_twice_is_a_fault() -> None:
    (fault,) = faults_of('[supervisor]\npartitions = "0-3,3-5"')
    assert fault.startswith('[supervisor] partitions "0-3,3-5": position 5: partition 3 is named twice')


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[batch]\nlinger_s = "soon"', 'a number is expected, or a duration such as "10s"'),
        ('[batch]\nmax_bytes = "big"', 'a whole number is expected, or a size such as "64MB"'),
        ('[kafka]\nstart = "earlest"', '"earliest" or "latest" is expected; did you mean "earliest"?'),
        ("[supervisor]\nworkers = 0", "[supervisor] workers: 1 or more is expected"),
        ("[arize]\nin_flight = 65", "[arize] in_flight: at most 64 is expected"),
        ("[kafka]\nbrokers = [true]", "[kafka] brokers: a text in quotes is expected"),
        ('[arize]\nenvironment = "prodution"', 'did you mean "production"?'),
    ],
)
def test_what_is_no_spelling_is_a_fault_in_the_users_words(text: str, words: str) -> None:
    (fault,) = faults_of(text)
    assert words in fault

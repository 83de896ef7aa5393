"""The contract that is inferred from a sample pins the types it should, and its comments are true."""

import json
import time
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ingest.commands.schema import toml
from ingest.commands.schema.run import contract
from ingest.commands.schema.sample import Sample, offsets_per_partition, sampled_ranges
from ingest.config.load import load
from ingest.config.settings import Config
from ingest.pipeline.decoding.result import Decoded
from ingest.pipeline.rows import RowProcessor
from ingest.records import KafkaMessage
from ingest.sandbox.generate import TAGS, Generator
from tests.harness.messages import FakeMessage

NOW_S = float(int(time.time()))  # the contract is tried out now
SECRET = "hunter2-canary"


def configured(directory: Path, text: str) -> Config:
    file = directory / "given.toml"
    file.write_text('[kafka]\ntopic = "rides"\n' + text)
    return load(file)


def sample_of(values: Sequence[bytes | None]) -> Sample:
    messages: list[KafkaMessage] = [
        FakeMessage(value, topic="rides", offset=number, timestamp=(1, int(NOW_S * 1000)))
        for number, value in enumerate(values)
    ]
    return Sample(messages, {0: (0, len(values))})


def rows(*found: Mapping[str, Any]) -> list[bytes | None]:
    base = {"prediction_ts": NOW_S, "prediction_label": "yes"}
    return [json.dumps({"prediction_id": f"{number}", **base, **row}).encode() for number, row in enumerate(found)]


def judged(file: Path, values: Sequence[bytes | None]) -> Decoded:
    return RowProcessor(load(file).topics[0].routes[0], lambda: NOW_S).process(sample_of(values).messages)


def inferred(directory: Path, values: Sequence[bytes | None], given: str = "", *, examples: bool = False) -> Path:
    """The contract as a file that stands alone."""
    file = directory / "contract.toml"
    file.write_text(contract(configured(directory, given).topics[0], sample_of(values), examples=examples))
    return file


def types_of(file: Path) -> dict[str, str]:
    found: dict[str, str] = tomllib.loads(file.read_text())["schema"]["types"]
    return found


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


# --- what is pinned -------------------------------------------------------------------------------


def test_each_column_has_the_type_that_keeps_most_of_its_values(tmp_path: Path) -> None:
    values = rows(
        {"n": 1, "f": 1, "s": "a", "b": True, "l": ["a"], "nothing": None, "odd": [1], "mixed": "x"},
        {"n": 2**60, "f": 0.5, "s": None, "nested": {"age": 3}, "mixed": 1},
        {"n": 3, "f": 2, "l": [], "mixed": 2},
    )
    file = inferred(tmp_path, values)
    assert types_of(file) == {
        "prediction_id": "string", "prediction_ts": "float", "prediction_label": "string", "n": "integer", "f": "float",
        "s": "string", "b": "boolean", "l": "list of strings", "mixed": "integer", "nested.age": "integer",
    }  # fmt: skip
    text = file.read_text()
    assert "# odd: not pinned, because no column type holds any of its values" in text
    assert "# CONFLICTS: values of other types: 1 (33.33%); each makes its message a dead letter\nmixed = " in text
    assert "# integer 66.67%, string 33.33%; null or absent 0%; 1 to 2; 1 to 1 characters\n" in text
    assert "# string; null or absent 66.67%; 1 to 1 characters\ns = " in text
    assert f"# integer 66.67%, integer past 2**53 33.33%; null or absent 0%; 1 to {2**60}\nn = " in text


def test_the_result_for_the_sample_is_written_and_true(tmp_path: Path) -> None:
    values = [*rows({"n": 1}, {"n": "a"}, {"n": 2}, {"n": 2**70}, {"n": [1]}), b"{", None]
    file = inferred(tmp_path, values)
    text = file.read_text()
    assert "# Under this contract 2 of 7 messages would be sent, 5 would be dead letters:\n" in text
    for code in ("type_conflict 1", "integer_past_64_bits 1", "unsupported_list 1", "not_json 1", "tombstone 1"):
        assert f"#   {code}\n" in text
    assert len(judged(file, values).rejected) == 5


def test_no_value_is_written_unless_asked_for(tmp_path: Path) -> None:
    values = rows({"name": SECRET, "tags": [SECRET], "n": 5}, {"name": "x" * 500, "tags": []})
    assert SECRET not in inferred(tmp_path, values).read_text()
    text = inferred(tmp_path, values, examples=True).read_text()
    assert f'# for example "{SECRET}", "xxx' in text
    assert "x" * 100 not in text
    assert f'# for example ["{SECRET}"], []' in text
    hidden = inferred(tmp_path, values, '[schema]\nexclude = ["name", "tags"]\n', examples=True)
    assert SECRET not in hidden.read_text()


def test_hashed_columns_are_shown_as_hashes_only(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("secret key")
    values = rows({"user": {"age": 17, "mail": SECRET}})
    given = f'[schema]\nhash = ["user"]\nhash_key_file = "{tmp_path / "key"}"\n'
    file = inferred(tmp_path, values, given, examples=True)
    assert SECRET not in file.read_text()
    assert types_of(file)["user.age"] == types_of(file)["user.mail"] == "string"
    assert not judged(file, values).rejected


def test_the_configuration_s_schema_is_kept(tmp_path: Path) -> None:
    given = (
        '[arize]\nmodel_type = "regression"\n[schema]\ntags = ["t*"]\nunknown = "ignore"\n'
        'constants = {pipeline = "v3"}\n'
        'rename = {"a.b" = "c"}\nprediction_score = ""\n[schema.types]\nunseen = "float"\nn = "float"\n'
        '[schema.conflicts]\n"*" = "null"\nz = "text"\n[schema.embeddings."my text"]\nvector = "v"\n'
    )
    row = {"prediction_label": 0.5, "t1": "x", "a": {"b": 1}, "n": 1, "z": 1.50, "v": [1, 2], "pipeline": None}
    values = rows(row, row, {**row, "n": "x"})
    file = inferred(tmp_path, values, given)
    before, after = configured(tmp_path, given), load(file)
    kept = {"types", "prediction_id", "timestamp", "prediction_label"}
    assert after.columns.model_dump(exclude=kept) == before.columns.model_dump(exclude=kept)
    assert after.arize.model_type == "regression"
    types = types_of(file)
    assert (types["unseen"], types["n"], types["z"], types["c"]) == ("float", "float", "string", "integer")
    assert "v" not in types
    assert "# v: not pinned, because [schema] embeddings.my text.vector determines its type" in file.read_text()
    decoded = judged(file, values)
    assert (list(decoded.rejected), decoded.nulled) == ([], {"n": 1})


# --- detected roles -------------------------------------------------------------------------------


def test_roles_are_detected_by_name_and_values(tmp_path: Path) -> None:
    values = [
        json.dumps(
            {
                "id": "same", "requestId": f"r{number}", "eventTime": int(NOW_S * 1000) + number,
                "prediction": {"class": "a", "score": 0.5}, "actual": {"label": "b"}, "ts": "no time",
            }
        ).encode()
        for number in range(20)
    ]  # fmt: skip
    file = inferred(tmp_path, values)
    schema = load(file).columns
    assert (schema.prediction_id, schema.timestamp) == ("requestId", "eventTime")
    assert (schema.prediction_label, schema.prediction_score) == ("prediction.class", "prediction.score")
    assert schema.actual_label == "actual.label"
    assert 'prediction_id = "requestId"  # detected by its name and values' in file.read_text()
    assert not judged(file, values).rejected


def test_a_role_that_is_not_detected_is_left_open(tmp_path: Path) -> None:
    text = inferred(tmp_path, [b'{"id":"a","x":1}', b'{"id":"a","x":2}']).read_text()
    assert '# prediction_id = "..."  # not detected, but required; prediction_id_from = "key"' in text
    assert '# timestamp = "..."  # not detected, but required; timestamp_from_kafka = true' in text
    assert "missing_column 2" in text


def test_names_that_need_care(tmp_path: Path) -> None:
    names = ['a"b', "a\\b", "tab\tnew\nline", "\x00\x01\x7f", "😀 é", "a*b", "a.b c", "1", "true", "=", "[x]", "#"]
    values = rows(dict.fromkeys(names, 1), dict.fromkeys(names, 2))
    file = inferred(tmp_path, values, examples=True)
    assert {name for name in names if name in types_of(file)} == set(names) - {"a*b"}
    assert "a*b" in file.read_text()
    assert not judged(file, values).rejected


def test_keys_that_are_data_are_left_out_and_said(tmp_path: Path) -> None:
    values = rows(*({f"k{row}-{number}": 1 for number in range(400)} for row in range(30)))
    file = inferred(tmp_path, values)
    assert "columns or more are left out; are the keys data?" in file.read_text()
    load(file)


@pytest.mark.parametrize(
    ("times", "found"),
    [
        ({"event": {"created_at": "2026-11-20T03:15:00.5+01:00"}}, "event.created_at"),
        ({"meta": {"time": NOW_S * 1000}}, "meta.time"),
        ({"sent_us": NOW_S * 10**6}, "sent_us"),
        ({"when_ns": NOW_S * 10**9}, "when_ns"),
        ({"x": "2026-11-20 03:15:00Z"}, "x"),
        ({"x": "2026-11-20 03:15:00Z", "y": "2026-11-20 03:15:00Z"}, None),  # which one?
        ({"x": NOW_S}, None),  # a number alone may be anything
        ({"sent_us": 5, "latency_ms": 12}, None),
        ({"user": {"birthday": "1980-01-01"}}, None),
    ],
)
def test_times_of_any_shape_are_detected(times: Mapping[str, Any], found: str | None, tmp_path: Path) -> None:
    values: list[bytes | None] = [
        json.dumps({"prediction_id": f"{number}", "score": 0.5, **times}).encode() for number in range(5)
    ]
    file = inferred(tmp_path, values)
    text = file.read_text()
    if found is None:
        assert '# timestamp = "..."  # not detected' in text
        return
    assert load(file).columns.timestamp == found
    assert f'timestamp = "{found}"  # detected by its ' in text
    assert ("its values" in text.split("timestamp = ")[1].splitlines()[0]) is (found in {"x", "sent_us", "when_ns"})
    assert not judged(file, values).rejected


def test_the_id_of_another_thing_is_not_that_of_the_message(tmp_path: Path) -> None:
    values: list[bytes | None] = [
        json.dumps({"user": {"id": f"u{number}"}, "request": {"id": f"r{number}"}, "score": 0.5}).encode()
        for number in range(5)
    ]
    assert load(inferred(tmp_path, values)).columns.prediction_id == "request.id"


def test_everything_that_is_configured_is_kept_but_librdkafka_s_options(tmp_path: Path) -> None:
    given = (
        '[kafka.options]\n"client.id" = "canary"\n[arize]\nmodel_name = "fraud"\nmodel_version = "7"\nin_flight = 2\n'
        '[batch]\nlinger_s = 2.5\n[dead_letters]\ndirectory = "dl"\n[supervisor]\nworkers = 3\n[delivery]\n'
        "max_backoff_s = 90.0\n"
    )
    file = inferred(tmp_path, rows({"n": 1}), given)
    before, after = configured(tmp_path, given), load(file)
    for section in ("arize", "batch", "dead_letters", "supervisor", "delivery", "account"):
        assert getattr(after, section) == getattr(before, section)
    assert "canary" not in file.read_text()


def test_a_contract_can_be_laid_over_the_configuration_that_it_was_made_under(tmp_path: Path) -> None:
    base = tmp_path / "base.toml"
    for text, topic in (
        ('[kafka]\ntopic = "rides"\n[kafka.options]\n"client.id" = "mine"\n[arize]\nmodel_name = "m"\n', "rides"),
        ('[arize]\nmodel_name = "m"\n[topics.rides]\npartitions = "0-3"\n[topics."fares.v1"]\n', "fares.v1"),
    ):
        base.write_text(text)
        config = next(each for each in load(base).topics if each.kafka.topic == topic)
        file = tmp_path / "contract.toml"
        file.write_text(contract(config, sample_of(rows({"n": 1})), examples=False))
        both = load([base, file])
        laid = next(each for each in both.topics if each.kafka.topic == topic)
        assert laid.schema.types["n"] == "integer"
        assert (both.kafka.options, both.arize.model_name) == (load(base).kafka.options, "m")
        assert [each.kafka.topic for each in both.topics] == [each.kafka.topic for each in load(base).topics]
        assert load(file).topics[0].schema == laid.schema


def test_an_empty_sample_makes_an_empty_contract(tmp_path: Path) -> None:
    file = inferred(tmp_path, [])
    assert types_of(file) == {}
    load(file)


# --- any messages ---------------------------------------------------------------------------------

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**66), 2**66)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("xyz*"), inner, max_size=2),
    max_leaves=4,
)
ROWS = st.lists(
    st.dictionaries(
        st.sampled_from(["a", "b", "prediction_label", "prediction_score", "t", "a.x"]), VALUES, max_size=5
    ),
    max_size=12,
)


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(ROWS, st.booleans())
@example([{"a": ["\x7f\n"], "b": "\x7f"}], True)  # noqa: FBT003
def test_the_file_loads_and_keeps_its_word(tmp_path: Path, found: list[dict[str, Any]], examples: bool) -> None:  # noqa: FBT001
    values = [*rows(*found), b"[]"]
    file = inferred(tmp_path, values, '[schema]\ntags = ["t"]\n', examples=examples)
    rejected = judged(file, values).rejected
    assert f"of {len(values):,} message{'' if len(values) == 1 else 's'} would be sent, {len(rejected):,} would" in (
        file.read_text().replace("\n# ", " ")
    )


def test_generated_predictions_are_all_delivered(tmp_path: Path) -> None:
    generator = Generator(seed=5)
    values = [generator.event(0, number) for number in range(2_000)]
    file = inferred(tmp_path, values, f"[schema]\ntags = {json.dumps(list(TAGS))}\n")
    decoded = judged(file, values)
    assert (list(decoded.rejected), list(decoded.widened)) == ([], [])
    assert "2,000 of 2,000 messages would be sent, 0 would be dead letters." in file.read_text()


# --- shares and TOML ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bounds", "wanted", "found"),
    [
        ({}, 10, {}),
        ({0: (5, 5)}, 10, {}),
        ({0: (0, 100)}, 10, {0: 10}),
        ({0: (0, 100), 1: (0, 100), 2: (7, 7)}, 10, {0: 5, 1: 5}),
        ({0: (0, 2), 1: (50, 150), 2: (0, 100)}, 30, {0: 2, 1: 14, 2: 14}),
        ({0: (0, 1), 1: (0, 1)}, 30, {0: 1, 1: 1}),
        ({0: (0, 9), 1: (0, 9), 2: (0, 9)}, 2, {0: 1, 1: 1}),
    ],
)
def test_what_one_partition_lacks_the_others_give(
    bounds: dict[int, tuple[int, int]], wanted: int, found: dict[int, int]
) -> None:
    assert offsets_per_partition(bounds, wanted) == found


@given(
    st.dictionaries(st.integers(0, 40), st.tuples(st.integers(0, 50), st.integers(0, 200)), max_size=12),
    st.integers(1, 900),
)
def test_shares_add_up(found: dict[int, tuple[int, int]], wanted: int) -> None:
    bounds = {partition: (low, low + size) for partition, (low, size) in found.items()}
    given_ = offsets_per_partition(bounds, wanted)
    assert sum(given_.values()) == min(wanted, sum(size for _, size in found.values()))
    assert all(0 < share <= found[partition][1] for partition, share in given_.items())


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
SCALARS = TEXT | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False)


@given(
    st.recursive(
        st.dictionaries(TEXT, SCALARS | st.lists(SCALARS), min_size=1),
        lambda inner: st.dictionaries(TEXT, inner | SCALARS, min_size=1),
    )
)
def test_toml_is_read_back_as_it_was(found: dict[str, Any]) -> None:
    read = tomllib.loads("\n".join(toml.table("top", found)))
    assert read == {"top": found}


def test_a_truncated_sample_names_only_the_offsets_that_were_read() -> None:
    read = [FakeMessage(b"{}", partition=partition, offset=offset) for partition, offset in ((0, 40), (0, 44), (3, 7))]
    ranges = {0: (40, 100), 3: (0, 50), 5: (0, 9)}
    assert sampled_ranges(read, ranges, truncated=True) == {0: (40, 45), 3: (7, 8)}
    assert sampled_ranges(read, ranges, truncated=False) == ranges


def test_a_sample_is_called_the_newest_only_if_nothing_newer_could_be_read(tmp_path: Path) -> None:
    config = configured(tmp_path, "").topics[0]
    messages = sample_of([b'{"prediction_id": "a"}']).messages
    whole = contract(config, Sample(messages, {0: (0, 1)}), examples=False)
    assert "the newest 1 message of 1 partition" in whole
    assert "open transactions" not in whole
    held_back = contract(config, Sample(messages, {0: (0, 1)}, held_back=70), examples=False)
    assert "Not in it: 70 newer offsets behind open transactions" in held_back
    truncated = contract(config, Sample(messages, {0: (0, 1)}, truncated=True), examples=False)
    assert "the newest" not in truncated


# --- messages in other forms ---------------------------------------------------------------------


def test_the_sample_is_of_unwrapped_messages_and_the_contract_unwraps_them_too(tmp_path: Path) -> None:
    plain = rows({"n": 1}, {"n": 2})
    wrapped = [b'{"schema": null, "payload": ' + (value or b"") + b"}" for value in plain]
    file = inferred(tmp_path, [*wrapped, b'{"stray": "column"}'], '[format]\nenvelope = "connect"\n')
    config = load(file).topics[0]
    assert config.format.envelope == "connect"
    assert types_of(file) == types_of(inferred(tmp_path, plain)) | {"n": "integer"}
    text = contract(config, sample_of([*wrapped, b'{"stray": "column"}']), examples=False)
    assert "2 of 3 messages would" in text
    assert "bad_envelope 1" in text
    assert "stray" not in text

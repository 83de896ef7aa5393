"""`ingest init` writes a configuration that loads and fits the messages, and overwrites nothing."""

import gzip
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from ingest.commands.check.messages import judge
from ingest.commands.init.answers import Given
from ingest.commands.init.run import read_file, run
from ingest.config.load import load
from ingest.errors import ConfigError, ExitCode, FatalError
from tests.harness.messages import FakeMessage

NOW_S = int(time.time())
GIVEN = Given(topic="rides", model_name="fraud", offline=True)
ENVIRONMENT = ("INGEST_KAFKA__BROKERS", "INGEST_ARIZE__MODEL_NAME", "ARIZE_SPACE_ID", "ARIZE_API_KEY")


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)


def init(given: Given, values: Sequence[bytes] = (), *, terminal: bool = False) -> str:
    sample = Path("sample.jsonl") if values else None
    if sample is not None:
        sample.write_bytes(b"".join(value + b"\n" for value in values))
    assert run(given, limit=1_000, sample=sample, output=Path("ingest.toml"), terminal=terminal) is ExitCode.DONE
    return Path("ingest.toml").read_text()


def lines(*rows: Mapping[str, Any]) -> list[bytes]:
    return [json.dumps(row).encode() for row in rows]


def test_what_is_written_loads_and_delivers_the_messages_it_was_made_from() -> None:
    values = lines(
        *(
            {"prediction_id": f"p{at}", "prediction_ts": NOW_S, "prediction_label": "ab"[at % 2], "age": at}
            for at in range(200)
        )
    )
    text = init(GIVEN, values)
    assert text.startswith("# Written by ingest init.")
    config = load().topics[0]
    assert (config.kafka.topic, config.arize.model_name) == ("rides", "fraud")
    verdict = judge(config, [FakeMessage(value, offset=at) for at, value in enumerate(values)])
    assert (verdict.deliverable, verdict.dead.total()) == (200, 0)
    assert "# Of 200 messages, 200 can be delivered under it, 0 would be dead letters." in text


@pytest.mark.parametrize(
    ("rows", "schema"),
    [
        (
            [
                {"event": {"id": f"e{n}", "created_at": f"2026-11-20T03:15:0{n}Z"}, "user": {"id": "u"},
                 "pred": {"prediction": n % 2}}
                for n in range(9)
            ],
            {"prediction_id": "event.id", "timestamp": "event.created_at", "prediction_label": "pred.prediction"},
        ),
        (
            [{"uuid": f"e{n}", "sent_ns": (NOW_S + n) * 10**9, "score": 0.5} for n in range(9)],
            {"prediction_id": "uuid", "timestamp": "sent_ns", "prediction_score": "score"},
        ),
        (
            [{"uuid": f"e{n}", "x": f"2026-11-20 03:15:0{n}+01:00", "score": 0.5} for n in range(9)],
            {"prediction_id": "uuid", "timestamp": "x", "prediction_score": "score"},
        ),
        (
            [{"score": 0.5, "n": NOW_S} for n in range(9)],
            {"prediction_score": "score", "prediction_id_from": "offset", "timestamp_from_kafka": True},
        ),
    ],
)  # fmt: skip
def test_roles_are_found_by_names_paths_and_values(rows: list[dict[str, Any]], schema: Mapping[str, Any]) -> None:
    text = init(GIVEN, lines(*rows))
    found = load().topics[0].schema
    assert {key: getattr(found, key) for key in schema} == schema
    assert "would be dead letters" in text
    verdict = judge(load().topics[0], read_file(Path("sample.jsonl"), 100))
    assert verdict.deliverable == len(rows)


@pytest.mark.parametrize(
    ("labels", "model_type"),
    [
        (["a", "b"], "binary_classification"),
        (["a", "b", "c"], "score_categorical"),
        ([1.5, 2.5, 3.5], "regression"),
        ([0, 1], "binary_classification"),
    ],
)
def test_the_type_of_the_model_follows_from_the_labels(labels: list[Any], model_type: str) -> None:
    rows = [
        {"prediction_id": f"{n}", "prediction_ts": NOW_S, "prediction_label": each} for n, each in enumerate(labels)
    ]
    init(GIVEN, lines(*rows))
    assert load().arize.model_type == model_type
    Path("ingest.toml").unlink()
    init(Given(topic="rides", model_name="m", model_type="multi_class", offline=True), lines({"prediction_id": "a"}))
    assert load().arize.model_type == "multi_class"


def test_an_envelope_and_compression_are_recognised() -> None:
    row = {"prediction_id": "a", "prediction_ts": NOW_S, "prediction_label": "x"}
    rows = [
        {"before": None, "after": {**row, "prediction_id": f"{n}"}, "op": "c", "source": {}, "ts_ms": 1}
        for n in range(5)
    ]
    assert 'envelope = "debezium"' in init(GIVEN, lines(*rows))
    assert load().columns.prediction_id == "prediction_id"
    from ingest.commands.init.infer import infer  # noqa: PLC0415

    packed = [FakeMessage(gzip.compress(value)) for value in lines(row)]
    config = lambda format_: load(flags={"kafka": {"topic": "t"}, "format": format_}).topics[0]  # noqa: E731
    Path("ingest.toml").unlink()
    assert infer(config, packed, float(NOW_S)).format_ == {"compression": "auto"}
    assert infer(config, [FakeMessage(b"\x01")], float(NOW_S)).objects == 0


def test_offline_without_messages_the_defaults_are_explained() -> None:
    text = init(GIVEN)
    assert "Kafka was not asked, and no message was looked at." in text
    assert "No message was seen." in text
    assert load().kafka.brokers == "localhost:9092"


def test_what_is_given_is_written_and_no_value_and_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARIZE_API_KEY", "canary-key")
    monkeypatch.setenv("INGEST_KAFKA__BROKERS", "broker-1:9092")
    given = Given(
        topic="rides",
        group="mine",
        model_name="fraud",
        model_version="7",
        space_id="space",
        options=("security.protocol=SASL_SSL", "sasl.password_file=/run/secrets/kafka"),
        offline=True,
    )
    text = init(given, lines({"prediction_id": "canary-value", "prediction_ts": NOW_S, "prediction_label": "x"}))
    assert "canary" not in text
    monkeypatch.delenv("INGEST_KAFKA__BROKERS")
    config = load()
    assert (config.kafka.brokers, config.kafka.group) == ("broker-1:9092", "mine")
    assert config.kafka.options["sasl.password_file"] == "/run/secrets/kafka"
    assert (config.arize.space_id, config.arize.model_version) == ("space", "7")


def test_everything_that_is_missing_is_reported_together_without_a_terminal() -> None:
    with pytest.raises(ConfigError, match="--brokers, --topic, --model-name are missing, and there is no terminal"):
        init(Given())
    with pytest.raises(ConfigError, match="--model-name is missing"):
        init(Given(topic="t", offline=True))


def test_no_file_is_overwritten_and_no_secret_taken_from_the_command_line() -> None:
    Path("ingest.toml").write_text("")
    with pytest.raises(ConfigError, match="--force"):
        GIVEN.check(Path("ingest.toml"), force=False)
    GIVEN.check(Path("ingest.toml"), force=True)
    for option in ("sasl.password=canary", "ssl.key.password=canary", "x"):
        with pytest.raises(FatalError) as refused:
            Given(options=(option,)).check(Path("other.toml"), force=False)
        assert refused.value.exit_code is ExitCode.USAGE
        assert "canary" not in str(refused.value)
    with pytest.raises(ConfigError, match="there is no directory"):
        GIVEN.check(Path("no/ingest.toml"), force=False)
    Path("empty").touch()
    with pytest.raises(ConfigError, match="there is no message in it"):
        read_file(Path("empty"), 5)


def test_a_fault_leaves_the_former_file_as_it_was() -> None:
    Path("ingest.toml").write_text("# mine\n")
    with pytest.raises(ConfigError, match="model_type"):
        init(Given(topic="t", model_name="m", model_type="nonsense", offline=True))
    assert Path("ingest.toml").read_text() == "# mine\n"
    assert [path.name for path in Path.cwd().iterdir()] == ["ingest.toml"]

"""The configuration is loaded from flags, environment, file and defaults, and all its faults are reported together."""

import json
import pickle
from pathlib import Path

import pytest

from ingest.config.load import load
from ingest.config.settings import Config
from ingest.errors import ConfigError
from tests.harness.config_file import (
    SECRET,
    THREE_ROUTES,
    TWO_TOPICS,
    faults,
    faults_of,
    placed_faults,
    toml,
    topics,
)


def test_defaults_are_enough_to_load() -> None:
    config = load()
    assert config == Config()
    assert (config.batch.max_events, config.batch.linger_s, config.kafka.start) == (100_000, 10.0, "earliest")


def test_flags_win_over_environment_over_file_over_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    path = toml('[kafka]\nbrokers = "file"\ntopic = "file"\ngroup = "file"\n[batch]\nmax_events = 5\n')
    monkeypatch.setenv("INGEST_KAFKA__BROKERS", "environment")
    monkeypatch.setenv("INGEST_KAFKA__TOPIC", "environment")
    config = load(path, {"kafka": {"brokers": "flag"}, "batch": {}})
    assert (config.kafka.brokers, config.kafka.topic, config.kafka.group) == ("flag", "environment", "file")
    assert (config.kafka.start, config.batch.max_events, config.batch.linger_s) == ("earliest", 5, 10.0)


def test_the_file_of_the_working_directory_is_read_unless_another_is_named() -> None:
    Path("ingest.toml").write_text('[kafka]\ntopic = "here"\n')
    assert load().kafka.topic == "here"
    assert load(toml('[kafka]\ngroup = "x"\n')).kafka.topic == ""


def test_environment_variables_of_every_type_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INGEST_SCHEMA__TAGS", '["a", "b"]')
    monkeypatch.setenv("INGEST_SUPERVISOR__PARTITIONS", "5")
    monkeypatch.setenv("INGEST_BATCH__LINGER_S", "2.5")
    monkeypatch.setenv("ingest_arize__in_flight", "3")
    monkeypatch.setenv("INGEST_KAFKA__OPTIONS__SASL.PASSWORD_FILE", "/run/secrets/kafka")
    config = load()
    assert config.columns.tags == ("a", "b")
    assert config.supervisor.partitions == "5"
    assert (config.batch.linger_s, config.arize.in_flight) == (2.5, 3)
    assert config.kafka.options == {"sasl.password_file": "/run/secrets/kafka"}


def test_the_section_of_column_roles_is_called_schema() -> None:
    config = load(toml('[schema]\nprediction_id = "id"\ntags = ["region"]\n'))
    assert (config.columns.prediction_id, config.columns.tags) == ("id", ("region",))


def test_topics_and_routes_of_the_environment_replace_those_of_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"B": {"when": {"model": "x"}, "arize": {"model_name": "m"}}, "a": {"when": {"n": [1, True]}}}
    monkeypatch.setenv("INGEST_ROUTES", json.dumps(given))
    monkeypatch.setenv("ingest_topics", '{"Only": {"partitions": "1-2"}}')
    (topic,) = topics(TWO_TOPICS + THREE_ROUTES.replace('[arize]\nmodel_name = "base"', ""))
    assert (topic.kafka.topic, topic.supervisor.partitions) == ("Only", "1-2")
    first, second = topic.routes
    assert (first.name, second.name, first.arize.model_name) == ("B", "a", "m")
    assert [type(value) for value in second.when["n"]] == [int, bool]


# --- flags beside [topics.*] ----------------------------------------------------------------------


def test_a_topic_flag_chooses_one_topic_and_partitions_are_then_its_own() -> None:
    (only,) = topics(TWO_TOPICS, kafka={"topic": "out.comes"}, supervisor={"partitions": "3"})
    assert (only.kafka.topic, only.supervisor.partitions, only.arize.model_name) == ("out.comes", "3", "late")
    assert faults_of(TWO_TOPICS, kafka={"topic": "outcomes"}) == [
        "--topic outcomes: no such [topics.*]; did you mean out.comes?"
    ]
    (fault,) = faults_of(TWO_TOPICS, supervisor={"partitions": "3"})
    assert fault.startswith("--partitions: of which of the topics predictions, out.comes?")


def test_a_topic_named_twice_is_a_fault() -> None:
    both = faults_of('[kafka]\ntopic = "x"\n[supervisor]\npartitions = "3"\n' + TWO_TOPICS)
    assert [fault.split(" exclude")[0] for fault in both] == [
        "[kafka] topic and [topics.*]",
        "[supervisor] partitions and [topics.*]",
    ]


def test_a_topic_in_the_environment_excludes_topics_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INGEST_KAFKA__TOPIC", "x")
    (fault,) = faults_of(TWO_TOPICS)
    assert "INGEST_KAFKA__TOPIC" in fault


# --- faults ---------------------------------------------------------------------------------------


def test_all_faults_are_reported_together_each_with_its_section_and_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INGEST_ARIZE__TIMEOUT_S", "soon")
    monkeypatch.setenv("INGEST_ARIZE__MODEL_NAM", "m")
    monkeypatch.setenv("INGEST_KAFK__BROKERS", "x")
    path = toml(
        '[kafka]\nbrokrs = "x"\nstart = "middle"\n[kafka.options]\n"group.id" = "x"\nodd = [1]\n'
        '[batch]\nlinger_s = -1\nmax_events = "many"\n[bach]\nx = 1\n'
    )
    found = faults(path, {"supervisor": {"workers": 0}})
    for beginning in (
        '[kafka] start: "earliest" or "latest" is expected',
        "[kafka] brokrs: unknown key",
        '[kafka] options: "group.id" can\'t be set here: use [kafka] group',
        "[batch] linger_s: a number above 0 is expected",
        "[batch] max_events: a whole number is expected",
        "[bach]: unknown",
        "[arize] timeout_s: a number is expected",
        "[arize] model_nam: unknown key",
        "[supervisor] workers: 1 or more is expected",
        "INGEST_KAFK__BROKERS",
    ):
        assert [fault for fault in found if fault.startswith(beginning)], (beginning, found)
    assert len([fault for fault in found if "odd" in fault]) == 1, found


def test_faults_in_topics_and_routes_name_their_whole_section() -> None:
    found = faults_of(
        '[topics.b]\npartitons = "0"\n[topics.b.routes.f.arize]\nmodel_nam = "x"\nmodel_name = "{x"\n'
        '[topics."a b"]\n'
        '[routes.fraud]\ndelivr = 1\n[routes.fraud.arize]\nenvironment = "x"\n'
        '[routes.noise.schema.ranking]\nrnk = "s"\n[routes."w.x".schema]\ntag = []\n'
    )
    for beginning, end in (
        ("[topics.b] partitons: unknown key", "did you mean partitions?"),
        ("[topics.b.routes.f.arize] model_nam: unknown key", "did you mean model_name?"),
        ("[topics.b.routes.f.arize] model_name: position 1: ", "braces themselves"),
        ("[routes.fraud] delivr: unknown key", "did you mean deliver?"),
        ('[routes.fraud.arize] environment: "production", "training" or "validation" is expected', ""),
        ("[routes.noise.schema] ranking.rnk: unknown key", "did you mean rank?"),
        ('[routes."w.x".schema] tag: unknown key', "did you mean tags?"),
    ):
        assert [fault for fault in found if fault.startswith(beginning) and fault.endswith(end)], (beginning, found)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("INGEST_KAFK__BROKERS", "INGEST_KAFKA__BROKERS"),
        ("INGEST_KAFKA_BROKERS", "INGEST_KAFKA__BROKERS"),
        ("INGEST_BROKERS", "INGEST_KAFKA__BROKERS"),
        ("INGEST_COLUMNS__TAGS", "INGEST_SCHEMA__TAGS"),
        ("INGEST_SCHEMA_TAGS", "INGEST_SCHEMA__TAGS"),
        ("INGEST_NONSENSE", "did you mean one like INGEST_"),
    ],
)
def test_a_misspelled_variable_is_not_silently_ignored(name: str, hint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, SECRET)
    (fault,) = faults()
    assert fault.startswith(f"{name}: ")
    assert hint in fault


def test_variables_of_the_tests_and_scripts_are_no_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INGEST_REQUIRE_REAL", "1")
    monkeypatch.setenv("INGEST_SANDBOX_EXIT_WITH_STDIN", "1")
    assert load() == Config()


@pytest.mark.parametrize("service", ["INGEST", "INGEST_KAFKA_PROXY"])
def test_nor_are_those_that_kubernetes_sets_for_a_service_of_that_name(
    service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SERVICE_HOST", "SERVICE_PORT", "SERVICE_PORT_HTTP", "PORT", "PORT_80_TCP", "PORT_80_TCP_ADDR"):
        monkeypatch.setenv(f"{service}_{name}", "tcp://10.0.0.1:80")
    assert load() == Config()


@pytest.mark.parametrize(
    ("name", "value"),
    [("INGEST_KAFKA", SECRET), ("INGEST_SCHEMA__TAGS", f"[{SECRET},b"), ("INGEST_KAFKA__OPTIONS", f'{{"{SECRET}')],
)
def test_a_variable_that_should_be_json_is_a_fault_not_a_crash(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    (fault,) = faults()
    assert "JSON" in fault
    assert fault.startswith(f"{name}: ")


def test_files_that_are_no_configuration() -> None:
    assert "not valid TOML" in faults(toml("[kafka\n"))[0]
    assert "UTF-8" in faults(toml(b'[kafka]\ntopic = "\xff"\n'))[0]
    assert faults(Path("missing.toml")) == ["missing.toml: no such file; --config names a TOML file"]
    assert "[kafka]" in faults(toml("kafka = 5\n"))[0]
    assert "[foo]: unknown" in faults(toml("foo = 5\n"))[0]


def test_faults_quote_no_value() -> None:
    faults(toml(f'[kafka]\nstart = "{SECRET}"\nqueue_bytes = "{SECRET}"\n[kafka.options]\nx = ["{SECRET}"]\n'))


@pytest.mark.parametrize(
    "text",
    [
        '[kafka.options]\n"sasl.password" = {canary}\n',
        '[kafka.options]\n"sasl.password" "{canary}"\n',
        '[kafka.options]\n"sasl.password" = "{canary}\n',
        '[kafka.options]\n"sasl.password" = "{canary}" "{canary}"\n',
        '[kafka.options]\n"{canary}" = 1\n"{canary}" = 2\n',
        '["{canary}"]\n["{canary}"]\n',
        '["a b"."{canary}"]\n["a b"."{canary}"]\n',
        'x = {{ "{canary}" = 1, "{canary}" = 2 }}\n',
        'x = {{ a = 1 }}\n[x."{canary}"]\n',
        '"it\'s {canary}" = 1\n["it\'s {canary}"]\n["it\'s {canary}"]\n',
        'x = "\\q{canary}"\n',
        "{canary} = 0x{canary}\n",
    ],
)
def test_a_fault_of_invalid_toml_quotes_nothing_of_the_file(text: str) -> None:
    (fault,) = faults(toml(text.format(canary=SECRET)))
    assert fault.startswith("given.toml: not valid TOML: ")
    assert "(at " in fault


def test_toml_that_python_can_not_hold_is_a_fault_and_not_a_crash() -> None:
    assert faults(toml(f"x = {'9' * 5_000}\n"))[0].startswith("given.toml: not valid TOML: an integer")
    assert faults(toml(f"x = {'[' * 5_000}\n"))[0].startswith("given.toml: not valid TOML: ")


# --- the loaded value -----------------------------------------------------------------------------


def test_a_secret_from_the_environment_is_in_no_dump(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INGEST_KAFKA__OPTIONS", f'{{"sasl.password": "{SECRET}"}}')
    monkeypatch.setenv("ARIZE_API_KEY", SECRET)
    config = load()
    assert config.kafka.client_options()["sasl.password"] == SECRET
    assert SECRET not in repr(config)
    assert SECRET not in str(config.kafka)


def test_a_configuration_pickles_and_is_frozen() -> None:
    config = load(toml('[kafka]\ntopic = "t"\n[kafka.options]\nx = true\n[schema]\ntags = ["a"]\n'))
    assert pickle.loads(pickle.dumps(config)) == config
    with pytest.raises(ValueError, match="frozen"):
        config.kafka.topic = "other"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[schema]\ntags = 5\n", '[schema] tags: a list is expected, as in ["region"]'),
        ("[kafka]\nbrokers = 5\n", "[kafka] brokers: a text in quotes is expected"),
        ("[schema]\nrename = []\n", "[schema] rename: a table is expected"),
        ("kafka = 5\n", "[kafka]: a table is expected"),
        ("[dead_letters]\ndirectory = 5\n", "[dead_letters] directory: a path in quotes is expected"),
        ("[schema]\nconstants = {a = []}\n", "[schema] constants.a: a text, a number, true or false is expected"),
        ('[arize]\nmodel_version = ""\n', "[arize] model_version: it is empty"),
        ("[kafka]\ntopic = a\n", "a text stands in quotes"),
        ('[kafka]\ntopic = "a"\ntopic = "b"\n', "topic is set twice"),
    ],
)
def test_a_wrong_type_is_a_fault_in_the_words_of_toml(text: str, words: str) -> None:
    (found,) = faults(toml(text))
    assert words in found


def test_a_directory_is_no_configuration_and_an_unknown_home_no_directory(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="it is a directory; --config names a TOML file"):
        load(tmp_path)
    (fault,) = placed_faults(toml('[dead_letters]\ndirectory = "~nobody-has-this-name/dl"\n'))
    assert "~nobody-has-this-name: its home directory is unknown on this machine" in fault
    assert fault.endswith("(given.toml:2)")


def test_a_wrong_endpoint_names_its_key_and_line() -> None:
    (fault,) = placed_faults(toml('[arize]\n\nendpoint = "https://h/path"\n'))
    assert fault.startswith("[arize] endpoint: the SDK adds the path")
    assert fault.endswith("(given.toml:3)")

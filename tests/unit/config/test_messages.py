"""Faults name sections, keys and variables as their author wrote them, and suggest the nearest known name."""

import re
import tomllib

import pytest

from ingest.config.load import load
from ingest.config.messages import locate, toml_key
from ingest.config.settings import Config
from tests.harness.command import ROOT
from tests.harness.config_file import SECRET, faults, faults_of, placed_faults, toml


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ('[kafka]\nbrokrs = "x"', "did you mean brokers?"),
        ('[arize]\nmodelname = "x"', "did you mean model_name?"),
        ("[schema]\ntag = []", "did you mean tags?"),
        ("[supervisor]\nworker = 2", "did you mean workers?"),
        ('[kafak]\nbrokers = "x"', "did you mean kafka?"),
        ("[batch]\nzzz = 1", "known: max_events, max_bytes, linger_s, chunk_events"),
        ("[xyz]\ntags = []", "known: kafka, format, batch, arize, schema"),
        ("[supervisor]\nperiod_s = 60.0", "did you mean crash_window_s?"),
        ("[dead_letters]\nshare_events = 100", "did you mean window_events?"),
    ],
)
def test_an_unknown_key_is_answered_with_the_nearest_known_one(text: str, hint: str) -> None:
    (fault,) = placed_faults(toml(text))
    assert hint in fault
    assert fault.endswith((" (given.toml:1)", " (given.toml:2)"))


def test_an_unknown_key_of_a_subsection_is_answered_with_the_nearest_known_one() -> None:
    (fault,) = [fault for fault in faults_of("[schema.ranking]\nrnk = 'r'\n") if "unknown" in fault]
    assert fault.endswith("did you mean rank?")


def test_the_fault_of_a_dotted_topic_without_quotes_shows_how_to_write_it() -> None:
    (fault,) = faults_of("[topics.fraud.predictions]\n")
    assert fault.endswith("""in quotes: [topics."fraud.predictions"]""")


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
def test_a_misspelled_variable_is_a_fault(name: str, hint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, SECRET)
    (fault,) = faults()
    assert fault.startswith(f"{name}: ")
    assert hint in fault


def variables_of_scripts() -> set[str]:
    """What scripts and the sandbox's processes take from the environment, beside settings."""
    files = [path for folder in ("scripts", "ingest/sandbox") for path in (ROOT / folder).glob("*") if path.is_file()]
    texts = [path.read_text("utf-8") for path in files]
    return {name for text in texts for name in re.findall(r"\bINGEST_[A-Z]+(?:_[A-Z]+)*\b(?!_)", text)}


def test_variables_of_tests_and_scripts_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    names = variables_of_scripts() | {"INGEST_REQUIRE_REAL"}
    assert names > {"INGEST_FASTLANE", "INGEST_SANDBOX_EXIT_WITH_STDIN"}
    for name in names:
        monkeypatch.setenv(name, "0")
    assert load() == Config()


@pytest.mark.parametrize("service", ["INGEST", "INGEST_KAFKA_PROXY"])
def test_variables_of_kubernetes_for_a_service_called_ingest_are_ignored(
    service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SERVICE_HOST", "SERVICE_PORT", "SERVICE_PORT_HTTP", "PORT", "PORT_80_TCP", "PORT_80_TCP_ADDR"):
        monkeypatch.setenv(f"{service}_{name}", "tcp://10.0.0.1:80")
    assert load() == Config()


@pytest.mark.parametrize(
    ("name", "value"),
    [("INGEST_KAFKA", SECRET), ("INGEST_SCHEMA__TAGS", f"[{SECRET},b"), ("INGEST_KAFKA__OPTIONS", f'{{"{SECRET}')],
)
def test_a_variable_that_is_not_the_required_json_is_a_fault_and_not_a_crash(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    (fault,) = faults()
    assert "JSON" in fault
    assert fault.startswith(f"{name}: ")


def test_parts_of_topics_and_routes_in_the_environment_are_faults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INGEST_ROUTES__FRAUD__DELIVER", "false")
    assert [
        fault for fault in faults_of("") if fault.startswith("INGEST_ROUTES__FRAUD__DELIVER: INGEST_ROUTES can't be")
    ]
    monkeypatch.delenv("INGEST_ROUTES__FRAUD__DELIVER")
    monkeypatch.setenv("INGEST_TOPICS", "{predictions")
    (fault,) = faults_of("")
    assert fault.startswith("INGEST_TOPICS: not the JSON")


@pytest.mark.parametrize(
    ("name", "key"),
    [("fraud", "fraud"), ("a-b_1", "a-b_1"), ("a.b", '"a.b"'), ('a"b', r'"a\"b"'), ("ü", '"ü"'), ("\x7f", r'"\u007f"')],
)
def test_a_toml_key_reads_back_as_its_name(name: str, key: str) -> None:
    assert toml_key(name) == key
    assert tomllib.loads(f"{key} = 1") == {name: 1}


def test_a_fault_of_several_routes_is_reported_once_with_the_section_they_share() -> None:
    a, b, r, s = "[topics.a]", "[topics.b]", "[routes.r]", "[routes.s]"
    found = [
        (a, r, ["all", "of a", "of r", "one"]),
        (a, s, ["all", "of a"]),
        (b, r, ["all", "of r"]),
        (b, s, ["all"]),
    ]
    assert locate(found) == ["all", f"{a}: of a", f"{r}: of r", f"{a} with {r}: one"]
    assert locate([("", "", ["alone"])]) == ["alone"]

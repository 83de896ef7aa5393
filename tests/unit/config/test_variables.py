"""Variables in texts are filled from the environment, and one that is not set is a fault."""

import pytest

from ingest.config.variables import filled, names
from tests.harness.config_file import SECRET, faults_of, loaded, placed_faults, toml

ENVIRONMENT = {"A": "1", "EMPTY": "", "NESTED": "${A}"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${A}", "1"),
        ("x-${A}-${A}", "x-1-1"),
        ("${EMPTY}", ""),
        ("${EMPTY:-two}", "two"),
        ("${GONE:-}", ""),
        ("${GONE:-a:b-c}", "a:b-c"),
        ("${A:-b}", "1"),
        ("$${A}", "${A}"),
        ("$A $ {A} $", "$A $ {A} $"),
        ("${NESTED}", "${A}"),
    ],
)
def test_variables_are_filled(text: str, expected: str) -> None:
    assert filled(text, ENVIRONMENT) == (expected, [])


@pytest.mark.parametrize("text", ["${GONE}", "${", "${A", "${a.b}", "${}", "${1}"])
def test_a_variable_that_can_not_be_filled_is_a_fault(text: str) -> None:
    assert len(filled(text, ENVIRONMENT)[1]) == 1


def test_the_names_of_variables_are_found() -> None:
    assert names("${A}-$${B}-${C:-d}") == ["A", "C"]


def test_a_fault_names_the_key_the_variable_and_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    assert placed_faults(toml('\n[kafka]\n\nbrokers = "${KAFKA}"\n')) == [
        "[kafka] brokers: ${KAFKA} is not set in the environment: set it, or write ${KAFKA:-default} (given.toml:4)"
    ]
    assert len(faults_of('[batch]\nmax_events = "${EVENTS}"\nlinger_s = 0\n[schema]\ntags = ["${TAG}"]\n')) == 3
    monkeypatch.setenv("EVENTS", "7")
    monkeypatch.setenv("TAG", "a")
    config = loaded('[batch]\nmax_events = "${EVENTS}"\n[schema]\ntags = ["${TAG}", "b"]\n')
    assert (config.batch.max_events, config.columns.tags) == (7, ("a", "b"))


def test_a_variable_of_a_value_that_another_source_replaces_need_not_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INGEST_KAFKA__BROKERS", "here:1")
    assert loaded('[kafka]\nbrokers = "${KAFKA}"\n').kafka.brokers == "here:1"


def test_a_secret_from_a_variable_is_in_no_fault_and_no_dump(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_PASSWORD", SECRET)
    config = loaded('[kafka.options]\n"sasl.password" = "${KAFKA_PASSWORD}"\n')
    assert config.kafka.client_options() == {"sasl.password": SECRET}
    assert SECRET not in repr(config)
    # faults_of asserts that no fault quotes the secret, wherever it was put.
    assert faults_of('[schema.types]\n"a" = "${KAFKA_PASSWORD}"\n[supervisor]\npartitions = "${KAFKA_PASSWORD}"\n')

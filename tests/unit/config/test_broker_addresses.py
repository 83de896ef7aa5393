"""Addresses of brokers that librdkafka would ignore or misread are faults, and so is a group without a name."""

import pytest

from tests.harness.config_file import faults_of, loaded


@pytest.mark.parametrize(
    "brokers", ["a", "a:9092", "a:1,b:2", "10.0.0.1:9092", "[::1]:9092", "SASL_SSL://a:9092", "a_b.c-d:65535"]
)
def test_an_address_of_a_broker_is_taken(brokers: str) -> None:
    assert loaded(f'[kafka]\nbrokers = "{brokers}"\n').kafka.brokers == brokers


@pytest.mark.parametrize(
    ("brokers", "words"),
    [
        ("", "it is empty: name a broker"),
        (" , ", "it is empty: name a broker"),
        ("kafka://a:9092", "an address has no kafka://: write HOST:PORT"),
        ("a:9092,https://b", "address 2: an address has no https://"),
        ("a:b", "not an address of a broker"),
        ("a:99999", "a port is 1 to 65535"),
        ("a:0", "a port is 1 to 65535"),
        ("a b:9092", "not an address of a broker"),
        ("::1", "IPv6 as [::1]:9092"),
        ("a:1 b:1", "several separated by commas"),
        ("user@a:9092", "no user and no password"),
        ("a:9092/path", "not an address of a broker"),
    ],
)
def test_what_is_no_address_is_a_fault(brokers: str, words: str) -> None:
    (fault,) = faults_of(f'[kafka]\nbrokers = "{brokers}"\n')
    assert fault.startswith("[kafka] brokers: ")
    assert words in fault


@pytest.mark.parametrize("group", ["", " ", "\\t", "\\u00a0"])
def test_a_group_without_a_name_is_a_fault_from_every_source(group: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (fault,) = faults_of(f'[kafka]\ngroup = "{group}"\n')
    assert fault.startswith("[kafka] group: it is empty: name the consumer group")
    (fault,) = faults_of("", kafka={"group": ""})
    assert fault.startswith("[kafka] group: it is empty")
    monkeypatch.setenv("INGEST_KAFKA__GROUP", "")
    (fault,) = faults_of("")
    assert fault.startswith("[kafka] group: it is empty")


def test_an_empty_list_of_brokers_is_a_fault() -> None:
    (fault,) = faults_of("[kafka]\nbrokers = []\n")
    assert fault.startswith("[kafka] brokers: it is empty")

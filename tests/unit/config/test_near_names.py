"""An unknown name is answered with the one that is meant."""

import pytest

from ingest.config.near_names import near, nearest, one_of
from tests.harness.config_file import faults, toml


def test_case_and_separators_are_no_difference() -> None:
    assert near("Model-Name", ["model_version", "model_name"]) == "model_name"
    assert near("zzz", ["a"]) == ""


def test_a_sentence_names_the_words_and_the_nearest() -> None:
    assert one_of(["a"], "b") == '"a" is expected'
    assert one_of(["earliest", "latest"], "late") == '"earliest" or "latest" is expected; did you mean "latest"?'
    assert one_of(["a", "b", "c"], 5) == '"a", "b" or "c" is expected'


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("[arize]\nmodel_id = 1", "did you mean model_name?"),
        ("[arize]\nbrokers = 1", "it belongs to [kafka]"),
        ("[arize]\nlinger_s = 1", "it belongs to [batch]"),
        ("[batch]\nmax_backoff_s = 1", "it belongs to [delivery] or [supervisor]"),
        ("brokers = 'x'", "it belongs to [kafka]"),
        ("[arize]\nmodel_nmae = 1", "did you mean model_name?"),
        ("[kafka]\nbootstrap_servers = 'x'", "did you mean brokers?"),
        ("[kafka]\ngroup_id = 'x'", "did you mean group?"),
        ("[arize]\nbootstrap_servers = 'x'", "it belongs to [kafka], where it is called brokers"),
        ("[arize]\napi_key = 'hunter2-canary'", "a secret stands in no configuration: set ARIZE_API_KEY"),
        ("[batch]\nmodel_nam = 1", "did you mean [arize] model_name?"),
        ("[topics.a]\nmodel_name = 1", "it belongs to [arize]"),
    ],
)
def test_an_unknown_key_is_answered_with_the_one_that_is_meant(text: str, hint: str) -> None:
    (fault,) = faults(toml(text))
    assert fault.endswith(f"unknown key; {hint}") or hint in fault


def test_nearest_names_come_first_and_no_more_than_asked_for() -> None:
    assert nearest("orders.eu", ["orders-us", "Orders_EU", "order"], most=2) == ["Orders_EU", "orders-us"]


def test_of_names_that_differ_in_spelling_only_the_first_is_taken() -> None:
    assert nearest("orders.eu", ["orders-eu", "orders_eu"], most=3) == ["orders-eu"]

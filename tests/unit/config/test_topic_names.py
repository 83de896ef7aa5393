"""A name that no topic can have is a fault of the configuration, wherever it stands."""

from pathlib import Path

import pytest

from ingest.config.topic_names import topic_fault
from tests.harness.config_file import SECRET, faults, placed_faults, toml


@pytest.mark.parametrize("name", ["", "a", "Pred.ictions_1-x", "...", "a" * 249])
def test_a_name_that_kafka_takes(name: str) -> None:
    assert topic_fault(name) == ""


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("my topic", "it has a blank"),
        ("topic ", "it has a blank"),
        ("pred*", "it is a pattern"),
        ("^pred", "it is a pattern"),
        ("pred.+", "it is a pattern"),
        ("pred/x", "it has '/' (character 5)"),
        ("vorhersagen-für", "it has '\\xfc' (character 14)"),
        (".", "Kafka has none called ."),
        ("a" * 250, "it has 250 characters, and Kafka takes 249"),
    ],
)
def test_a_name_that_kafka_refuses(name: str, words: str) -> None:
    assert words in topic_fault(name)


@pytest.mark.parametrize(
    ("text", "beginning", "line"),
    [
        ('[kafka]\ntopic = "pred*"\n', "[kafka] topic: not the name", 2),
        ('[kafka]\ntopic = "a,^b"\n', "[kafka] topic: not the name", 2),
        ('[kafka]\ngroup = "g"\ntopic = ["a", "b c"]\n', "[kafka] topic: not the name", 3),
        ('[dead_letters]\ntopic = "dead letters"\n', "[dead_letters] topic: not the name", 2),
        ('[topics.a]\n[topics."^b"]\n', '[topics."^b"]: not the name', 2),
    ],
)
def test_it_has_its_key_and_line(text: str, beginning: str, line: int) -> None:
    (fault,) = placed_faults(toml(text))
    assert fault.startswith(beginning)
    assert fault.endswith(f"(given.toml:{line})")


def test_an_option_is_judged_like_the_key() -> None:
    (fault,) = placed_faults(None, {"kafka": {"topic": "pred*"}})
    assert fault.startswith("[kafka] topic: not the name of a topic")
    assert fault.endswith("(--topic)")


def test_the_name_is_not_quoted() -> None:
    assert SECRET not in faults(toml(f'[kafka]\ntopic = "{SECRET}*"\n'))[0]


def test_a_missing_file_is_not_about_a_topic() -> None:
    assert "topic" not in faults(Path("gone.toml"))[0]

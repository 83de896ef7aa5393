"""A file that is not TOML: the table that is named twice, another format, and nothing that may be a secret."""

import pytest

from tests.harness.config_file import SECRET, faults, toml

NOT_TOML = "given.toml: not valid TOML: "


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            '[kafka]\ntopic = "a"\n[kafka]\n',
            "[kafka] is declared twice, the first time in line 1 (at line 3, column 7)",
        ),
        ("[topics.a]\n\n[topics.a]\n", "[topics.a] is declared twice, the first time in line 1 (at line 3, column 10)"),
        ("[kafka]\n[kafka.options]\n[kafka.options]\n", "[kafka.options] is declared twice, the first time in line 2"),
        ("kafka = {}\n[[kafka]]\n", "[kafka] is declared whole already in line 1 (at line 2, column 8)"),
        ('[kafka]\ntopic = "a"\ntopic = "b"\n', "topic is set twice (at line 3, column 12)"),
        (f"[kafka.options.{SECRET}]\n[kafka.options.{SECRET}]\n", "[kafka.options....] is declared twice"),
        (f"[kafka]\n{SECRET} = 1\n{SECRET} = 2\n", "a key or a table is set twice (at line 3"),
    ],
)
def test_what_is_there_twice_is_named(text: str, words: str) -> None:
    (fault,) = faults(toml(text))
    assert fault.startswith(NOT_TOML + words)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ('{"kafka": {"topic": "t"}}\n', "it is JSON"),
        ('\n[{"kafka": 1}]', "it is JSON"),
        ('{"kafka": {"topic": "t",}}', "it is JSON"),
        ("kafka:\n  topic: t\n", "it looks like YAML"),
        ("# hi\n---\nkafka: {topic: t}\n", "it looks like YAML"),
        ("- kafka\n", "it looks like YAML"),
        ("[kafka]\ntopic: t\n", "it looks like YAML"),
        ('"kafka":\n  topic: t\n', "it looks like YAML"),
    ],
)
def test_another_format_is_named(text: str, kind: str) -> None:
    (fault,) = faults(toml(text))
    assert fault.startswith(f"{NOT_TOML}{kind}: TOML writes a [section], and KEY = VALUE below it (at line ")


@pytest.mark.parametrize("text", ["[kafka\n", "topic\n", "a = b\n", "a = 'x\n", 'topic = "a:b\n', "[a]b: 1\n"])
def test_broken_toml_is_no_other_format(text: str) -> None:
    (fault,) = faults(toml(text))
    assert fault.startswith(NOT_TOML)
    assert "JSON" not in fault
    assert "YAML" not in fault

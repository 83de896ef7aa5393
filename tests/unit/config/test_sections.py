"""The sections check their own values, and give librdkafka its options."""

import json
import pickle
from pathlib import Path

import pytest

from ingest.config.load import load
from ingest.errors import ConfigError
from tests.harness.config_file import SECRET, faults, toml


def test_options_keep_their_types() -> None:
    options = load(toml('[kafka.options]\na = true\nb = 1\nc = 1.5\n"d.e" = "1"\n')).kafka.client_options()
    assert [(key, type(value)) for key, value in options.items()] == [
        ("a", bool),
        ("b", int),
        ("c", float),
        ("d.e", str),
    ]


@pytest.mark.parametrize(
    "text", ["linger_s = inf", "linger_s = nan", "linger_s = 0", "max_events = 0", "max_bytes = 1.5"]
)
def test_numbers_out_of_range_are_faults(text: str) -> None:
    (fault,) = faults(toml(f"[batch]\n{text}\n"))
    assert fault.startswith(f"[batch] {text.split(maxsplit=1)[0]}: ")


def test_secrets_are_read_from_files_when_they_are_needed() -> None:
    Path("password").write_text(f"{SECRET}\n")
    config = load(toml('[kafka.options]\n"sasl.username" = "me"\n"sasl.password_file" = "password"\n'))
    assert config.kafka.client_options() == {"sasl.username": "me", "sasl.password": SECRET}
    assert SECRET not in repr(config)
    assert SECRET.encode() not in pickle.dumps(config)


def test_secret_options_lose_their_line_ends_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"sasl.password": f" {SECRET} \r\n", "sasl.username": f"{SECRET}\n", "ssl.key.pem": f"{SECRET}\n{SECRET}\n"}
    monkeypatch.setenv("INGEST_KAFKA__OPTIONS", json.dumps(given))
    assert load().kafka.client_options() == {
        "sasl.password": f" {SECRET} ",
        "sasl.username": SECRET,
        "ssl.key.pem": f"{SECRET}\n{SECRET}",
    }
    monkeypatch.delenv("INGEST_KAFKA__OPTIONS")
    monkeypatch.setenv("INGEST_KAFKA__OPTIONS__SASL.PASSWORD", f"{SECRET}\n")
    assert load().kafka.client_options() == {"sasl.password": SECRET}


@pytest.mark.parametrize(
    ("option", "value", "fault"),
    [
        ("sasl.password", f"{SECRET}\0x", f"character {len(SECRET) + 1} is NUL"),
        ("sasl.password", f"{SECRET}\n{SECRET}", f"character {len(SECRET) + 1} is a line break"),
        ("ssl.key.password", f"{SECRET}\x1b", f"character {len(SECRET) + 1} is a control character"),
        ("ssl.key.pem", f"{SECRET}\n\0", f"character {len(SECRET) + 2} is NUL"),
        ("security.protocol", f"{SECRET}\n", f"character {len(SECRET) + 1} is a line break"),
        ("client.id", f"{SECRET}\0", f"character {len(SECRET) + 1} is NUL"),
    ],
)
def test_control_characters_in_an_option_are_faults(option: str, value: str, fault: str) -> None:
    (told,) = faults(toml(f'[kafka.options]\n"{option}" = {json.dumps(value)}\n'))
    assert told.startswith(f'[kafka] options: "{option}": {fault}; ')


def test_every_secret_file_with_control_characters_is_named() -> None:
    Path("password").write_bytes(f"{SECRET}\0{SECRET}\n".encode())
    Path("lines").write_text(f"{SECRET}\n{SECRET}\n")
    config = load(
        toml(
            '[kafka.options]\n"sasl.password_file" = "password"\n"ssl.key.password_file" = "lines"\n"x_file" = "gone"\n'
        )
    )
    with pytest.raises(ConfigError) as wrong:
        config.kafka.client_options()
    at = f"character {len(SECRET) + 1}"
    assert [told.split(";")[0] for told in wrong.value.faults] == [
        f"[kafka.options] sasl.password_file = password: {at} is NUL",
        f"[kafka.options] ssl.key.password_file = lines: {at} is a line break",
        "[kafka.options] x_file = gone: can't be read: No such file or directory",
    ]
    config = load(toml('[kafka.options]\n"ssl.key.pem_file" = "lines"\n'))
    assert config.kafka.client_options() == {"ssl.key.pem": f"{SECRET}\n{SECRET}"}


def test_a_name_with_nul_can_not_hide_a_reserved_option() -> None:
    (fault,) = faults(toml('[kafka.options]\n"enable.auto.commit\\u0000x" = true\n'))
    assert "in its name character 19 is NUL" in fault
    assert "\0" not in fault


@pytest.mark.parametrize("key", ["brokers", "topic", "group"])
def test_control_characters_in_brokers_topic_and_group_are_faults(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (fault,) = faults(toml(f'[kafka]\n{key} = "ab\\u0000c"\n'))
    assert fault.startswith(f"[kafka] {key}: character 3 is NUL; ")
    monkeypatch.setenv(f"INGEST_KAFKA__{key.upper()}", "ab\n")
    (fault,) = faults()
    assert fault.startswith(f"[kafka] {key}: character 3 is a line break; ")
    monkeypatch.delenv(f"INGEST_KAFKA__{key.upper()}")
    (fault,) = faults(None, {"kafka": {key: "a\x1b"}})
    assert "character 2 is a control character" in fault
    (fault,) = faults(toml('[dead_letters]\ntopic = "a\\tb\\n"\n'), {"kafka": {key: "fine"}})
    assert fault.startswith("[dead_letters] topic: character 4 is a line break; ")


def test_a_login_in_the_brokers_is_a_fault() -> None:
    (fault,) = faults(toml(f'[kafka]\nbrokers = "SASL_SSL://me:{SECRET}@broker:9092"\n'))
    assert "sasl.password_file" in fault


def test_the_fixed_parts_of_a_space_s_template_are_checked_and_the_paths_are_not() -> None:
    config = load(toml('[arize]\nspace_id = " a-{gr\u00f6\u00dfe der firma}-{{b}}\\n"\n'))
    assert config.arize.space_id == "a-{gr\u00f6\u00dfe der firma}-{{b}}"
    (fault,) = faults(toml('[arize]\nspace_id = "a-{field} b"\n'))
    assert fault.startswith("[arize] space_id: character 10 is a blank; ")
    (fault,) = faults(toml('[topics.t.routes.r.arize]\nspace_id = "a b"\n'))
    assert fault.startswith("[topics.t.routes.r.arize] space_id: character 2 is a blank; ")

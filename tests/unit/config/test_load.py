import json
import os
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ingest.config.credentials import read_secret
from ingest.config.load import Config, api_key, check_delivery, load, space_id
from ingest.config.sections import RESERVED_OPTIONS
from ingest.errors import ConfigError

SECRET = "hunter2-canary"


@pytest.fixture(autouse=True)
def _bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No ingest.toml and none of our variables, wherever the tests run."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.upper().startswith(("INGEST_", "ARIZE_")):
            monkeypatch.delenv(name)


def toml(text: str | bytes) -> Path:
    path = Path("given.toml")
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def faults(file: Path | None = None, flags: Mapping[str, Mapping[str, Any]] | None = None) -> list[str]:
    with pytest.raises(ConfigError) as wrong:
        load(file, flags)
    assert SECRET not in str(wrong.value)
    return wrong.value.faults


# --- where a value comes from ---------------------------------------------------------------------


def test_defaults_are_enough_to_load() -> None:
    config = load()
    assert config == Config()
    assert (config.batch.max_events, config.batch.linger_s, config.kafka.start) == (100_000, 10.0, "earliest")


def test_flags_over_environment_over_file_over_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    path = toml('[kafka]\nbrokers = "file"\ntopic = "file"\ngroup = "file"\n[batch]\nmax_events = 5\n')
    monkeypatch.setenv("INGEST_KAFKA__BROKERS", "environment")
    monkeypatch.setenv("INGEST_KAFKA__TOPIC", "environment")
    config = load(path, {"kafka": {"brokers": "flag"}, "batch": {}})
    assert (config.kafka.brokers, config.kafka.topic, config.kafka.group) == ("flag", "environment", "file")
    assert (config.kafka.start, config.batch.max_events, config.batch.linger_s) == ("earliest", 5, 10.0)


def test_the_working_directory_s_file_is_read_unless_another_is_named() -> None:
    Path("ingest.toml").write_text('[kafka]\ntopic = "here"\n')
    assert load().kafka.topic == "here"
    assert load(toml('[kafka]\ngroup = "x"\n')).kafka.topic == ""


def test_environment_variables_of_every_kind(monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_the_section_that_says_what_columns_mean_is_called_schema() -> None:
    config = load(toml('[schema]\nprediction_id = "id"\ntags = ["region"]\n'))
    assert (config.columns.prediction_id, config.columns.tags) == ("id", ("region",))


def test_options_keep_their_types() -> None:
    options = load(toml('[kafka.options]\na = true\nb = 1\nc = 1.5\n"d.e" = "1"\n')).kafka.client_options()
    assert [(key, type(value)) for key, value in options.items()] == [
        ("a", bool),
        ("b", int),
        ("c", float),
        ("d.e", str),
    ]


# --- faults ---------------------------------------------------------------------------------------


def test_every_fault_is_told_at_once_with_its_section_and_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INGEST_ARIZE__TIMEOUT_S", "soon")
    monkeypatch.setenv("INGEST_ARIZE__MODEL_NAM", "m")
    monkeypatch.setenv("INGEST_KAFK__BROKERS", "x")
    path = toml(
        '[kafka]\nbrokrs = "x"\nstart = "middle"\n[kafka.options]\n"group.id" = "x"\nodd = [1]\n'
        '[batch]\nlinger_s = -1\nmax_events = "many"\n[bach]\nx = 1\n'
    )
    found = faults(path, {"supervisor": {"workers": 0}})
    for beginning in (
        "[kafka] start: Input should be 'earliest' or 'latest'",
        "[kafka] brokrs: unknown key",
        '[kafka] options: "group.id" can\'t be set here: use [kafka] group',
        "[batch] linger_s: Input should be greater than 0",
        "[batch] max_events: Input should be a valid integer",
        "[bach]: unknown",
        "[arize] timeout_s: Input should be a valid number",
        "[arize] model_nam: unknown key",
        "[supervisor] workers: Input should be greater than or equal to 1",
        "INGEST_KAFK__BROKERS",
    ):
        assert [fault for fault in found if fault.startswith(beginning)], (beginning, found)
    assert len([fault for fault in found if "odd" in fault]) == 1, found


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ('[kafka]\nbrokrs = "x"', "did you mean brokers?"),
        ('[arize]\nmodelname = "x"', "did you mean model_name?"),
        ("[schema]\ntag = []", "did you mean tags?"),
        ("[supervisor]\nworker = 2", "did you mean workers?"),
        ('[kafak]\nbrokers = "x"', "did you mean kafka?"),
        ("[batch]\nzzz = 1", "known: max_events, max_bytes, linger_s, chunk_events"),
        ("[xyz]\ntags = []", "known: kafka, batch, arize, schema"),
    ],
)
def test_an_unknown_key_names_the_nearest_known_one(text: str, hint: str) -> None:
    (fault,) = faults(toml(text))
    assert hint in fault
    assert "given.toml" in fault


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
    [("INGEST_KAFKA", SECRET), ("INGEST_SCHEMA__TAGS", f"{SECRET},b"), ("INGEST_KAFKA__OPTIONS", f'{{"{SECRET}')],
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


def test_no_fault_quotes_a_value() -> None:
    faults(toml(f'[kafka]\nstart = "{SECRET}"\nqueue_bytes = "{SECRET}"\n[kafka.options]\nx = ["{SECRET}"]\n'))


@pytest.mark.parametrize(
    "text", ["linger_s = inf", "linger_s = nan", "linger_s = 0", "max_events = 0", "max_bytes = 1.5"]
)
def test_numbers_that_make_no_sense(text: str) -> None:
    (fault,) = faults(toml(f"[batch]\n{text}\n"))
    assert fault.startswith(f"[batch] {text.split(maxsplit=1)[0]}: ")


@pytest.mark.parametrize("option", [*RESERVED_OPTIONS, "group.id_file"])
def test_options_that_decide_over_loss_are_refused_with_a_hint(option: str) -> None:
    (fault,) = faults(toml(f'[kafka.options]\n"{option}" = "{SECRET}"\n'))
    name = option.removesuffix("_file")
    assert fault.startswith(f'[kafka] options: "{option}" can\'t be set here: ')
    assert RESERVED_OPTIONS[name] in fault


# --- secrets --------------------------------------------------------------------------------------


def test_secrets_come_from_files_when_they_are_needed() -> None:
    Path("password").write_text(f"{SECRET}\n")
    config = load(toml('[kafka.options]\n"sasl.username" = "me"\n"sasl.password_file" = "password"\n'))
    assert config.kafka.client_options() == {"sasl.username": "me", "sasl.password": SECRET}
    assert SECRET not in repr(config)
    assert SECRET.encode() not in pickle.dumps(config)


def test_a_key_file_goes_before_the_environment_and_is_read_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARIZE_API_KEY", "from-environment")
    assert (key := api_key(load())) is not None
    assert key.get_secret_value() == "from-environment"
    Path("key").write_text(f"  {SECRET}\n")
    config = load(toml('[arize]\napi_key_file = "key"\n'))
    assert (key := api_key(config)) is not None
    assert key.get_secret_value() == SECRET
    assert SECRET not in f"{key!r} {key} {config!r}"
    Path("key").write_text("rotated")
    assert (key := api_key(config)) is not None
    assert key.get_secret_value() == "rotated"


def test_a_secret_given_in_the_environment_is_in_no_dump(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INGEST_KAFKA__OPTIONS", f'{{"sasl.password": "{SECRET}"}}')
    monkeypatch.setenv("ARIZE_API_KEY", SECRET)
    config = load()
    assert config.kafka.client_options()["sasl.password"] == SECRET
    assert SECRET not in repr(config)
    assert SECRET not in str(config.kafka)


def test_the_space_may_come_from_arize_s_own_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARIZE_SPACE_ID", "theirs")
    assert space_id(load()) == "theirs"
    assert space_id(load(toml('[arize]\nspace_id = "ours"\n'))) == "ours"


def test_a_secret_file_that_cannot_be_read_is_named() -> None:
    with pytest.raises(ConfigError, match=r"\[kafka.options\] x_file = missing: can't be read: No such file"):
        read_secret("[kafka.options] x_file", "missing")
    Path("binary").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="not UTF-8"):
        read_secret("key", "binary")


PADDED = [f"{SECRET}\n", f"{SECRET}\r\n", f" {SECRET}\t", f"\ufeff{SECRET}\n", f"{SECRET}\u00a0", f"{SECRET}\r"]


@pytest.mark.parametrize("padded", PADDED, ids=ascii)
def test_a_key_and_a_space_lose_what_can_not_be_meant_around_them(padded: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARIZE_API_KEY", padded)
    monkeypatch.setenv("ARIZE_SPACE_ID", padded)
    config = load()
    assert (key := api_key(config)) is not None
    assert (key.get_secret_value(), space_id(config)) == (SECRET, SECRET)
    assert space_id(Config.model_validate({"arize": {"space_id": padded}})) == SECRET
    Path("key").write_bytes(padded.encode())
    config = load(toml('[arize]\napi_key_file = "key"\n'))
    assert (key := api_key(config)) is not None
    assert key.get_secret_value() == SECRET


BROKEN = {
    f"{SECRET[:8]}\n{SECRET[8:]}": "character 9 is a line break",
    f"{SECRET[:8]}\t{SECRET[8:]}": "character 9 is a tab",
    f"{SECRET[:8]} {SECRET[8:]}": "character 9 is a blank",
    f"{SECRET[:8]}\x7f": "character 9 is a control character (DEL)",
    f"{SECRET[:8]}\u00e9{SECRET[8:]}\n": "character 9 is not ASCII",
    f"{SECRET[:8]}\u20ac{SECRET[8:]}": "character 9 is not ASCII",
    f"{SECRET[:8]}\u200b": "character 9 is not ASCII",
}


@pytest.mark.parametrize("broken", BROKEN, ids=ascii)
def test_a_key_or_a_space_that_is_no_header_value_is_a_fault_beside_the_others(
    broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault = BROKEN[broken]
    monkeypatch.setenv("ARIZE_API_KEY", broken)
    monkeypatch.setenv("ARIZE_SPACE_ID", broken)
    found = undeliverable(load())
    assert [told.split(";")[0] for told in found[2:]] == [f"ARIZE_SPACE_ID: {fault}", f"ARIZE_API_KEY: {fault}"]
    assert all("copy it from Arize again" in told for told in found[2:])
    Path("key").write_bytes(broken.encode())
    found = undeliverable(load(toml('[arize]\napi_key_file = "key"\n')))
    assert found[3].startswith(f"[arize] api_key_file = key: {fault}; ")
    (told,) = faults(toml(f"[arize]\nspace_id = {json.dumps(broken)}\n"))
    assert told.startswith(f"[arize] space_id: {fault}; ")


def undeliverable(config: Config) -> list[str]:
    with pytest.raises(ConfigError) as wrong:
        check_delivery(config)
    assert SECRET[:8] not in str(wrong.value)
    return wrong.value.faults


@pytest.mark.parametrize("nothing", ["", "\n", " \r\n", "\ufeff", "\u00a0\t"], ids=ascii)
def test_a_key_and_a_space_of_white_space_are_missing(nothing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARIZE_API_KEY", nothing)
    monkeypatch.setenv("ARIZE_SPACE_ID", nothing)
    found = undeliverable(load())
    assert found[2].startswith("[arize] space_id is missing")
    assert found[3].startswith("no Arize API key")


def test_the_fixed_parts_of_a_space_s_template_are_judged_and_the_paths_are_not() -> None:
    config = load(toml('[arize]\nspace_id = " a-{gr\u00f6\u00dfe der firma}-{{b}}\\n"\n'))
    assert config.arize.space_id == "a-{gr\u00f6\u00dfe der firma}-{{b}}"
    (fault,) = faults(toml('[arize]\nspace_id = "a-{field} b"\n'))
    assert fault.startswith("[arize] space_id: character 10 is a blank; ")
    (fault,) = faults(toml('[topics.t.routes.r.arize]\nspace_id = "a b"\n'))
    assert fault.startswith("[topics.t.routes.r.arize] space_id: character 2 is a blank; ")


# --- what librdkafka is given ---------------------------------------------------------------------


def test_secrets_among_the_options_lose_their_line_ends_alone(monkeypatch: pytest.MonkeyPatch) -> None:
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
def test_what_would_cut_an_option_short_is_refused(option: str, value: str, fault: str) -> None:
    (told,) = faults(toml(f'[kafka.options]\n"{option}" = {json.dumps(value)}\n'))
    assert told.startswith(f'[kafka] options: "{option}": {fault}; ')


def test_every_secret_file_that_would_be_cut_short_is_named() -> None:
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


def test_a_name_that_librdkafka_would_cut_short_can_not_hide_an_option_of_ours() -> None:
    (fault,) = faults(toml('[kafka.options]\n"enable.auto.commit\\u0000x" = true\n'))
    assert "in its name character 19 is NUL" in fault
    assert "\0" not in fault


@pytest.mark.parametrize("key", ["brokers", "topic", "group"])
def test_no_control_characters_where_the_messages_come_from(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_a_login_among_the_brokers_is_refused_as_they_are_shown() -> None:
    (fault,) = faults(toml(f'[kafka]\nbrokers = "SASL_SSL://me:{SECRET}@broker:9092"\n'))
    assert "sasl.password_file" in fault


# --- a file that is no TOML, beside a secret ------------------------------------------------------


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
def test_a_file_that_is_not_toml_is_not_quoted(text: str) -> None:
    (fault,) = faults(toml(text.format(canary=SECRET)))
    assert fault.startswith("given.toml: not valid TOML: ")
    assert "(at " in fault


def test_toml_that_python_can_not_hold_is_a_fault_and_no_crash() -> None:
    assert faults(toml(f"x = {'9' * 5_000}\n"))[0].startswith("given.toml: not valid TOML: an integer")
    assert faults(toml(f"x = {'[' * 5_000}\n"))[0].startswith("given.toml: not valid TOML: ")


# --- what delivering needs ------------------------------------------------------------------------


def test_all_that_is_missing_is_told_at_once() -> None:
    with pytest.raises(ConfigError) as wrong:
        check_delivery(load())
    assert [fault.split(":")[0] for fault in wrong.value.faults] == [
        "[kafka] topic is missing",
        "[arize] model_name is missing",
        "[arize] space_id is missing",
        "no Arize API key",
    ]


def test_secret_files_that_cannot_be_used_are_told_with_the_rest() -> None:
    Path("empty").write_text("\n")
    config = load(toml('[arize]\napi_key_file = "missing"\n[kafka.options]\n"sasl.password_file" = "gone"\n'))
    with pytest.raises(ConfigError) as wrong:
        check_delivery(config)
    assert len(wrong.value.faults) == 5
    assert any("api_key_file = missing" in fault for fault in wrong.value.faults)
    assert any("sasl.password_file = gone" in fault for fault in wrong.value.faults)
    with pytest.raises(ConfigError, match="empty: it is empty"):
        check_delivery(load(toml('[arize]\napi_key_file = "empty"\n')))


def test_a_whole_configuration_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARIZE_API_KEY", SECRET)
    monkeypatch.setenv("ARIZE_SPACE_ID", "space")
    check_delivery(load(toml('[kafka]\ntopic = "t"\n[arize]\nmodel_name = "m"\n')))


def test_a_configuration_travels_to_the_workers_and_stays_as_it_is() -> None:
    config = load(toml('[kafka]\ntopic = "t"\n[kafka.options]\nx = true\n[schema]\ntags = ["a"]\n'))
    assert pickle.loads(pickle.dumps(config)) == config
    with pytest.raises(ValueError, match="frozen"):
        config.kafka.topic = "other"  # type: ignore[misc]

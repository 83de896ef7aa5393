"""The merged configuration of every route is checked, and faults name the section that causes them."""

import json
from pathlib import Path

import pytest

from ingest.config.checks import check_delivery
from ingest.config.load import load
from ingest.config.settings import Config
from ingest.errors import ConfigError
from tests.harness.config_file import SECRET, TWO_TOPICS, faults, faults_of, loaded, toml

BROKEN = {
    f"{SECRET[:8]}\n{SECRET[8:]}": "character 9 is a line break",
    f"{SECRET[:8]}\t{SECRET[8:]}": "character 9 is a tab",
    f"{SECRET[:8]} {SECRET[8:]}": "character 9 is a blank",
    f"{SECRET[:8]}\x7f": "character 9 is a control character (DEL)",
    f"{SECRET[:8]}\u00e9{SECRET[8:]}\n": "character 9 is not ASCII",
    f"{SECRET[:8]}\u20ac{SECRET[8:]}": "character 9 is not ASCII",
    f"{SECRET[:8]}\u200b": "character 9 is not ASCII",
}


def undeliverable(config: Config) -> list[str]:
    with pytest.raises(ConfigError) as wrong:
        check_delivery(config)
    assert SECRET[:8] not in str(wrong.value)
    return wrong.value.faults


def test_all_missing_settings_are_reported_together() -> None:
    with pytest.raises(ConfigError) as wrong:
        check_delivery(load(toml("")))
    assert [fault.split(":")[0] for fault in wrong.value.faults] == [
        "[kafka] topic is missing",
        "[arize] model_name is missing",
        "[arize] space_id is missing",
        "no Arize API key",
    ]


def test_unusable_secret_files_are_reported_with_the_missing_settings() -> None:
    Path("empty").write_text("\n")
    config = load(toml('[arize]\napi_key_file = "missing"\n[kafka.options]\n"sasl.password_file" = "gone"\n'))
    with pytest.raises(ConfigError) as wrong:
        check_delivery(config)
    assert len(wrong.value.faults) == 5
    assert any("api_key_file = missing" in fault for fault in wrong.value.faults)
    assert any("sasl.password_file = gone" in fault for fault in wrong.value.faults)
    with pytest.raises(ConfigError, match="empty: it is empty"):
        check_delivery(load(toml('[arize]\napi_key_file = "empty"\n')))


@pytest.mark.parametrize("broken", BROKEN, ids=ascii)
def test_a_key_or_a_space_that_is_not_a_header_value_is_reported_with_the_missing_settings(
    broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault = BROKEN[broken]
    monkeypatch.setenv("ARIZE_API_KEY", broken)
    monkeypatch.setenv("ARIZE_SPACE_ID", broken)
    found = undeliverable(load(toml("")))
    assert [told.split(";")[0] for told in found[2:]] == [f"ARIZE_SPACE_ID: {fault}", f"ARIZE_API_KEY: {fault}"]
    assert all("copy it from Arize again" in told for told in found[2:])
    Path("key").write_bytes(broken.encode())
    found = undeliverable(load(toml('[arize]\napi_key_file = "key"\n')))
    assert found[3].startswith(f"[arize] api_key_file = key: {fault}; ")
    (told,) = faults(toml(f"[arize]\nspace_id = {json.dumps(broken)}\n"))
    assert told.startswith(f"[arize] space_id: {fault}; ")


@pytest.mark.parametrize("nothing", ["", "\n", " \r\n", "\ufeff", "\u00a0\t"], ids=ascii)
def test_a_key_and_a_space_of_white_space_are_missing(nothing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARIZE_API_KEY", nothing)
    monkeypatch.setenv("ARIZE_SPACE_ID", nothing)
    found = undeliverable(load(toml("")))
    assert found[2].startswith("[arize] space_id is missing")
    assert found[3].startswith("no Arize API key")


def test_a_complete_configuration_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARIZE_API_KEY", SECRET)
    monkeypatch.setenv("ARIZE_SPACE_ID", "space")
    check_delivery(load(toml('[kafka]\ntopic = "t"\n[arize]\nmodel_name = "m"\n')))


def test_required_settings_may_come_from_the_overlay_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARIZE_API_KEY", "k")
    routed = """
[routes.a]
when = { m = "a" }
[routes.a.arize]
model_name = "a"
space_id = "{tenant}"
[routes.b]
when = { m = "b" }
[routes.b.arize]
space_id = "s"
[routes.c]
when = { m = "c" }
deliver = false
"""
    with pytest.raises(ConfigError) as wrong:
        check_delivery(loaded('[kafka]\ntopic = "t"\n' + routed))
    assert [fault.split(": name")[0] for fault in wrong.value.faults] == ["[routes.b]: [arize] model_name is missing"]
    check_delivery(loaded(TWO_TOPICS))
    with pytest.raises(ConfigError) as wrong:
        check_delivery(loaded(TWO_TOPICS + '[dead_letters]\ntopic = "out.comes"\n'))
    assert [fault.split(" is [kafka]")[0] for fault in wrong.value.faults] == [
        '[topics."out.comes"]: [dead_letters] topic'
    ]


def test_contradictions_are_checked_in_each_merged_route_and_name_its_section() -> None:
    # Alone, the base could not work: a ranking model without group and rank. Each route completes it but one.
    text = """
[arize]
model_type = "ranking"
[routes.good]
when = { m = 1 }
[routes.good.schema.ranking]
group = "g"
rank = "r"
[routes.half]
when = { m = 2 }
[routes.half.schema.ranking]
group = "g"
[routes.none]
when = { m = 3 }
deliver = false
"""
    assert faults_of(text) == ["[routes.half]: [schema] ranking.rank is missing: a prediction has a group and a rank"]
    several = '[topics.a]\n[topics.b.routes."x y".arize]\nmodel_type = "regression"\n[topics.c]\nroutes = {}\n'
    missing = "[schema] ranking.group and ranking.rank are missing: name the columns of a ranking model's predictions"
    assert faults_of(text + several) == [
        "[routes.half]: [schema] ranking.rank is missing: a prediction has a group and a rank",
        f"[topics.c]: {missing}",
    ]
    clash = '[topics.a.schema]\ntags = ["g"]\n[topics.b.schema]\ntags = ["g"]\n[topics.c.schema]\ntags = ["r"]\n'
    both = '[routes.r.schema.embeddings.e]\nvector = "g"\n[routes.s]\nwhen = { x = 1 }\n[topics.d]\n'
    both = both.replace("[routes.r.schema", "[routes.r]\nwhen = { x = 2 }\n[routes.r.schema")
    assert [fault.split(": ")[0] for fault in faults_of(clash + both)] == [
        "[topics.a] with [routes.r]",
        "[topics.b] with [routes.r]",
    ]


def test_an_environment_that_messages_name_is_checked_as_far_as_it_is_known() -> None:
    config = loaded('[arize]\nenvironment = "{headers.env}"\nbatch_id = "{batch}"\n')
    assert config.arize.environment == "{headers.env}"

"""The configuration that people may look at: every key, and no secret."""

import json
from pathlib import Path

import pytest

from ingest.config.load import load_with_sources
from ingest.status.web.redaction import redacted

CANARY = "c4n4ry-0123456789abcdef"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "ingest.toml"
    path.write_text(
        f"""
        [kafka]
        group = "g"
        [kafka.options]
        "security.protocol" = "SASL_SSL"
        "sasl.username" = "{CANARY}"
        "sasl.password" = "{CANARY}"
        "ssl.key.pem" = \"\"\"{CANARY}\"\"\"
        "ssl.certificate.pem" = \"\"\"-----BEGIN
        {CANARY}\"\"\"
        "sasl.oauthbearer.config" = "{CANARY}"
        "ssl.key.password_file" = "/run/secrets/key"
        [topics.predictions]
        [topics.predictions.arize]
        model_name = "fraud"
        [status]
        token = "{CANARY}"
        """,
        encoding="utf-8",
    )
    return path


def test_no_secret_is_in_it(file: Path) -> None:
    assert CANARY not in json.dumps(redacted(load_with_sources(file)))


@pytest.mark.parametrize("variable", ["DB_PASSWORD", "API_TOKEN"])
def test_value_that_a_secret_variable_filled_in_is_not_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, CANARY)
    path = tmp_path / "ingest.toml"
    options = f'[kafka]\ntopic = "t"\n[kafka.options]\n"client.id" = "${{{variable}}}"\n'
    path.write_text(options, encoding="utf-8")
    view = redacted(load_with_sources(path))
    assert CANARY not in json.dumps(view)
    assert view["kafka"]["options"]["client.id"] == "***"


def test_that_a_secret_is_set_is_visible(file: Path) -> None:
    view = redacted(load_with_sources(file))
    assert view["kafka"]["options"]["sasl.password"] == "***"
    assert view["status"]["token"] == "***"


def test_what_is_no_secret_is_shown(file: Path) -> None:
    view = redacted(load_with_sources(file))
    assert view["kafka"]["group"] == "g"
    assert view["kafka"]["options"]["security.protocol"] == "SASL_SSL"
    assert view["kafka"]["options"]["ssl.key.password_file"] == "/run/secrets/key"
    assert view["topics"]["predictions"]["arize"]["model_name"] == "fraud"


def test_every_section_has_its_name_in_the_file(file: Path) -> None:
    assert {"kafka", "schema", "topics", "status", "batch"} <= redacted(load_with_sources(file)).keys()

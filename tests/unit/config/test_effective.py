"""Effective values name their source, and no secret is among them."""

from pathlib import Path
from typing import Any

import pytest

from ingest.commands.config.text import as_json, as_text
from ingest.config.effective import effective
from ingest.config.load import load_with_sources
from tests.harness.config_file import SECRET, toml


def shown(text: str, **flags: dict[str, Any]) -> dict[str, tuple[Any, str]]:
    loaded = load_with_sources(toml(text), flags)
    rows = list(effective(loaded))
    assert SECRET not in as_text(rows) + as_json(rows)
    return {".".join(row.path): (row.value, row.source) for row in rows}


def test_every_key_has_a_value_and_a_source(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INGEST_KAFKA__GROUP", "g")
    monkeypatch.setenv("ARIZE_SPACE_ID", "space")
    monkeypatch.setenv("ARIZE_API_KEY", SECRET)
    found = shown('[kafka]\ntopic = "t"\n[schema]\ntags = "a,b"\n[batch]\nlinger_s = "1m"\n', supervisor={"workers": 3})
    assert found["kafka.topic"] == ("t", "given.toml:2")
    assert found["kafka.group"] == ("g", "INGEST_KAFKA__GROUP")
    assert found["kafka.start"] == ("earliest", "default")
    assert found["schema.tags"] == (["a", "b"], "given.toml:4")
    assert found["batch.linger_s"] == (60.0, "given.toml:6")
    assert found["supervisor.workers"] == (3, "--workers")
    assert found["arize.space_id"] == ("space", "ARIZE_SPACE_ID")
    assert found["dead_letters.directory"] == ("dead_letters", "default")


def test_topics_and_routes_show_what_they_set() -> None:
    found = shown('[topics.a]\npartitions = "0-3"\n[topics.a.arize]\nmodel_name = "m"\n[routes.r]\nwhen = { x = 1 }\n')
    assert found["topics.a.partitions"] == ("0-3", "given.toml:2")
    assert found["topics.a.arize.model_name"] == ("m", "given.toml:4")
    assert found["routes.r.when.x"] == ([1], "given.toml:6")
    assert "topics.a.arize.timeout_s" not in found


def test_no_secret_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_PASSWORD", SECRET)
    monkeypatch.setenv("ARIZE_API_HOST", f"https://user:{SECRET}@proxy")
    found = shown(
        f'[kafka.options]\nsasl.password = "{SECRET}"\nsasl.mechanism = "PLAIN"\n'
        f'"sasl.oauthbearer.token.endpoint.url" = "https://user:{SECRET}@idp/token"\n'
        f'"client.rack" = "${{MY_PASSWORD}}"\nhttps.ca.location = "http://u:{SECRET}@h"\n'
        '[arize]\nbatch_id = ""\nspace_id = "x"\n[schema.constants]\nkey = "${MY_PASSWORD}"\n'
    )
    assert found["kafka.options.sasl.password"] == ("***", "given.toml:2")
    assert found["kafka.options.client.rack"] == ("***", "given.toml:5")
    assert found["kafka.options.sasl.mechanism"] == ("PLAIN", "given.toml:3")
    assert found["schema.constants.key"][0] == "***"


def test_the_text_is_toml_that_loads_to_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INGEST_BATCH__MAX_EVENTS", "5")
    loaded = load_with_sources(
        toml('[kafka]\ntopic = "t"\n[schema]\ntags = ["a"]\n[schema.embeddings.e]\nvector = "v"\n')
    )
    text = as_text(list(effective(loaded)))
    monkeypatch.delenv("INGEST_BATCH__MAX_EVENTS")
    # Written out, a default is a value that is set: without those that exclude each other it loads to the same.
    again = load_with_sources(_file("\n".join(line for line in text.splitlines() if not line.endswith("# default"))))
    assert again.config == loaded.config


def _file(text: str) -> Path:
    path = Path("again.toml")
    path.write_text(text, encoding="utf-8")
    return path

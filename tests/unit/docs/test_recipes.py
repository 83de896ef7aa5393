"""The configurations of the recipes for managed Kafka load, and librdkafka takes their options."""

import re
from pathlib import Path

import pytest
from confluent_kafka import Consumer

from ingest.config.load import load
from tests.harness.command import ROOT

RECIPES = {
    f"{name}-{number}": block
    for name in ("confluent-cloud", "msk", "redpanda")
    for number, block in enumerate(
        re.findall(r"```toml\n(.*?)```", (ROOT / f"docs/how-to/{name}.md").read_text("utf-8"), re.DOTALL)
    )
}


@pytest.mark.parametrize("block", RECIPES.values(), ids=RECIPES.keys())
def test_a_recipe_works(tmp_path: Path, block: str) -> None:
    (tmp_path / "kafka_password").write_text("secret\n", "utf-8")
    file = tmp_path / "ingest.toml"
    file.write_text(block.replace("/etc/ingest/", f"{tmp_path}/"), "utf-8")
    options = load(file).kafka.client_options()
    assert "security.protocol" in options
    # Nothing listens there, and no certificate is at hand: names and values of the options are what is judged.
    files = {key for key in options if key.endswith(".location")}
    kept = {key: value for key, value in options.items() if key not in files}
    Consumer({**kept, "bootstrap.servers": "", "group.id": "recipe", "log_level": 0}).close()

"""The messages of serving systems in tests/data/formats become the rows that their folder expects."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ingest.config.load import load
from ingest.pipeline.formats.paths import find
from ingest.pipeline.rows import RowProcessors
from tests.harness.command import ROOT
from tests.harness.messages import FakeMessage

FOLDERS = sorted((ROOT / "tests" / "data" / "formats").glob("explode_*"))


def parsed(value: Any, json_fields: tuple[str, ...]) -> bytes:
    """The message as it is when [format] json_fields has been applied."""
    for path in json_fields:
        owner, _, key = path.rpartition(".")
        found = find(value, owner) if owner else value
        found[key] = json.loads(found[key])
    return json.dumps(value).encode()


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
@pytest.mark.parametrize("lane", ["auto", "orjson"])
def test_each_prediction_is_a_row(folder: Path, lane: str) -> None:
    config = load(folder / "ingest.toml", flags={"kafka": {"topic": "t"}, "batch": {"lane": lane}}).topics[0]
    messages = [
        FakeMessage(
            parsed(line["value"], config.format.json_fields),
            topic="t",
            offset=offset,
            key=line["key"].encode() if "key" in line else None,
            headers=[(name, text.encode()) for name, text in line.get("headers", {}).items()],
        )
        for offset, line in enumerate(map(json.loads, (folder / "messages.jsonl").read_text().splitlines()))
    ]
    processors = RowProcessors(config, lambda: 1_763_900_000.0)
    processors._unwrapper.plain = True  # the fields are parsed already
    rows: list[dict[str, Any]] = []
    dead: list[dict[str, Any]] = []
    for processed in processors.process(0, processors.route(messages), messages, np.arange(len(messages))):
        rows += processed.decoded.table.to_pylist()
        dead += [{"offset": each.index, "reason": each.reason.code} for each in processed.decoded.rejected]
    expected = json.loads((folder / "expected.json").read_text())
    assert rows == expected["rows"]
    assert dead == expected["dead_letters"]

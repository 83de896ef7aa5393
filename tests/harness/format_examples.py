"""The examples in tests/data/formats: messages as producers write them, the TOML that takes them, and what they become.

A folder holds `messages.jsonl`, or a file `*.bin` for each message in order of their names; `ingest.toml`; and
`expected.json`. A line of messages.jsonl has "value" (any JSON), "value_text" or "value_base64", and may have "key",
"headers" and "timestamp_ms". A null value is a tombstone. expected.json has the "rows" in order of offset and part, the
"dead_letters" as offset and reason, and the numbers of messages that were "filtered" or passed over as "tombstones".
"""

import base64
import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from ingest.config.load import load
from ingest.config.resolve import TopicConfig
from ingest.pipeline.rows import RowProcessors
from ingest.reasons import TOMBSTONE
from tests.harness.messages import FakeMessage

DIRECTORY = Path(__file__).parent.parent / "data" / "formats"
NAMES = sorted(path.name for path in DIRECTORY.iterdir())
NOW_S = 1_772_500_000.0  # within the messages' days


@dataclass(frozen=True, slots=True)
class Outcome:
    """What messages have become; dead letters by offset."""

    rows: Sequence[Mapping[str, Any]]
    dead_letters: Mapping[int, str]
    filtered: int
    tombstones: int


@dataclass(frozen=True, slots=True)
class Example:
    """One folder: its messages at the offsets from 0 of partition 0, and the sections of its ingest.toml."""

    messages: Sequence[FakeMessage]
    settings: Mapping[str, Any]
    expected: Outcome

    def config(self, lane: str = "auto") -> TopicConfig:
        """The configuration for a topic of its own."""
        batch = {**self.settings.get("batch", {}), "lane": lane}
        return load(flags={**self.settings, "kafka": {"topic": "predictions"}, "batch": batch}).topics[0]


def example(name: str) -> Example:
    """The example of this folder."""
    folder = DIRECTORY / name
    settings = tomllib.loads((folder / "ingest.toml").read_text(encoding="utf-8"))
    expected = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    return Example(
        _messages(folder),
        {section: keys for section, keys in settings.items() if section != "kafka"},
        Outcome(
            expected["rows"],
            {letter["offset"]: letter["reason"] for letter in expected["dead_letters"]},
            expected.get("filtered", 0),
            expected.get("tombstones", 0),
        ),
    )


def _messages(folder: Path) -> list[FakeMessage]:
    lines = folder / "messages.jsonl"
    if not lines.exists():
        paths = sorted(folder.glob("*.bin"))
        return [FakeMessage(path.read_bytes(), offset=offset) for offset, path in enumerate(paths)]
    found = []
    for offset, line in enumerate(lines.read_text(encoding="utf-8").split("\n")[:-1]):
        message = json.loads(line)
        key, at_ms = message.get("key"), message.get("timestamp_ms", int(NOW_S * 1000))
        found.append(
            FakeMessage(
                _value(message),
                offset=offset,
                key=None if key is None else key.encode(),
                headers=[(name, value.encode()) for name, value in message.get("headers", {}).items()],
                timestamp=(1, at_ms),
            )
        )
    return found


def _value(message: Mapping[str, Any]) -> bytes | None:
    if "value_base64" in message:
        return base64.b64decode(message["value_base64"], validate=True)
    if "value_text" in message:
        return str(message["value_text"]).encode()
    return None if message["value"] is None else json.dumps(message["value"], ensure_ascii=False).encode()


def outcome(config: TopicConfig, messages: Sequence[FakeMessage]) -> Outcome:
    """What a worker's steps make of the messages, nulls left out of the rows."""
    return _outcome(RowProcessors(config, lambda: NOW_S), messages)


def _outcome(processors: RowProcessors, messages: Sequence[FakeMessage]) -> Outcome:
    found = processors.route(messages)
    rows: list[tuple[int, Mapping[str, Any]]] = []
    dead: dict[int, str] = {}
    filtered = 0
    for route in np.unique(found.routes).tolist():
        indices = np.flatnonzero(found.routes == route)
        if route < len(processors.routes) and not processors.routes[route].deliver:
            filtered += len(indices)
            continue
        for processed in processors.process(route, found, messages, indices):
            table = processed.decoded.table.to_pylist()
            filtered += len(processed.decoded.filtered)
            rows += zip(processed.decoded.accepted.tolist(), table, strict=True)
            dead |= {messages[fault.index].offset(): fault.reason.code for fault in processed.decoded.rejected}
    passed_over = [offset for offset, code in dead.items() if code == TOMBSTONE and _ignores(processors)]
    return Outcome(
        [as_json(row) for _, row in sorted(rows, key=lambda pair: pair[0])],
        {offset: code for offset, code in sorted(dead.items()) if offset not in passed_over},
        filtered,
        len(passed_over),
    )


def _ignores(processors: RowProcessors) -> bool:
    return processors.routes[0].schema.tombstones == "ignore"


def as_json(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row as expected.json has it: times are ISO 8601, and nulls are left out, as Arize takes them for absent."""
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in row.items()
        if value is not None
    }


def fast_share(config: TopicConfig, messages: Sequence[FakeMessage]) -> float:
    """The share of the rows that the fast lane takes, once the columns are learned; 0 where it is not installed."""
    processors = RowProcessors(config, lambda: NOW_S)
    rows = len(_outcome(processors, messages).rows)
    taken = 0

    for processor in processors._processors.values():
        lanes = processor._decoder
        take = lanes._take

        def counted(values: Sequence[bytes | None], take: Any = take) -> Any:
            nonlocal taken
            found = take(values)
            taken += 0 if found is None else len(found.rows)
            return found

        lanes._take = counted  # type: ignore[method-assign]
    _outcome(processors, messages)
    return taken / rows if rows else 0.0

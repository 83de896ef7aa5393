"""Findings as JSON lines: each an object with its fields and its `step`.

Steps are begin, message, chunk, batch, sent, settled, note and end.

What is not UTF-8 stands as {"base64": ...}. Values are whole: nothing is cut off for machines.
"""

import base64
import dataclasses
import json
from collections.abc import Mapping
from typing import Any, TextIO

from ingest.commands.debug.findings import Finding, MessageSeen
from ingest.commands.debug.output import Output
from ingest.records import KafkaMessage, header_pairs


class JsonShow:
    """Writes each finding as one line."""

    def __init__(self, stream: TextIO) -> None:
        self._paper = Output(stream)

    @property
    def gone(self) -> bool:
        """Nobody reads any more."""
        return self._paper.gone

    def show(self, finding: Finding) -> None:
        """Write it, now."""
        fields = {field.name: getattr(finding, field.name) for field in dataclasses.fields(finding)}
        if isinstance(finding, MessageSeen):
            fields = {**_message(fields.pop("message")), **fields}
        step = type(finding).__name__.removesuffix("Seen").lower()
        line = json.dumps({"step": step, **_plain(fields)}, ensure_ascii=False, default=str)
        # A lone surrogate in a key or a header can't be written; its escape can.
        self._paper.write(line.encode("utf-8", "backslashreplace").decode() + "\n")


def _message(message: KafkaMessage) -> dict[str, Any]:
    return {
        "topic": message.topic(),
        "partition": message.partition(),
        "offset": message.offset(),
        "timestamp_ms": message.timestamp()[1],
        "key": message.key(),
        "headers": list(header_pairs(message.headers())),
        "value": message.value(),
    }


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return {"base64": base64.b64encode(value).decode()}
    if dataclasses.is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value

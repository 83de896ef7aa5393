"""The trace as JSON lines: each an object with the record's fields and its kind in `event`.

Events are start, message, chunk, batch, upload, commit, note and summary. Bytes that are not UTF-8 are written as
{"base64": ...}. Values are complete, not shortened as in the text output.
"""

import base64
import dataclasses
import json
from collections.abc import Mapping
from typing import Any, TextIO

from ingest.commands.debug.output import OutputStream
from ingest.commands.debug.trace import (
    BatchTrace,
    ChunkTrace,
    CommitTrace,
    MessageTrace,
    Note,
    TraceRecord,
    TraceStart,
    TraceSummary,
    UploadTrace,
)
from ingest.records import KafkaMessage, header_pairs

EVENTS: Mapping[type[TraceRecord], str] = {
    TraceStart: "start",
    MessageTrace: "message",
    ChunkTrace: "chunk",
    BatchTrace: "batch",
    UploadTrace: "upload",
    CommitTrace: "commit",
    Note: "note",
    TraceSummary: "summary",
}


class JsonOutput:
    """Writes each record as one line."""

    def __init__(self, stream: TextIO) -> None:
        self._output = OutputStream(stream)

    @property
    def closed(self) -> bool:
        """The reader of the output has gone away."""
        return self._output.closed

    def write(self, record: TraceRecord) -> None:
        """Write one record immediately."""
        fields = {field.name: getattr(record, field.name) for field in dataclasses.fields(record)}
        if isinstance(record, MessageTrace):
            fields = {**_message(fields.pop("message")), **fields}
            if not record.steps:
                del fields["unwrapped"], fields["steps"]
        line = json.dumps({"event": EVENTS[type(record)], **fields}, ensure_ascii=False, default=_plain)
        # A lone surrogate in a key or a header can't be encoded; its escape can.
        self._output.write(line.encode("utf-8", "backslashreplace").decode() + "\n")


def _message(message: KafkaMessage) -> dict[str, Any]:
    return {
        "topic": message.topic(),
        "partition": message.partition(),
        "offset": message.offset(),
        "timestamp_ms": message.timestamp()[1],
        "key": message.key(),
        "headers": header_pairs(message.headers()),
        "value": message.value(),
    }


def _plain(value: Any) -> Any:
    """What JSON has for a value that it does not know."""
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return {"base64": base64.b64encode(value).decode()}
    if dataclasses.is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    return dict(value) if isinstance(value, Mapping) else str(value)

"""The envelopes of Kafka Connect and Debezium: what in them is the message.

Rules
1. An envelope that lacks a key of its form is refused (bad_envelope), and the reason names the key.
2. connect is the object of "schema" and "payload" that JsonConverter writes with schemas.enable; Connect itself refuses
   any other key beside them. A null payload is a tombstone. The schema is not applied.
3. debezium is a change event, alone or as the payload of connect's envelope. Of op c, r and u the message is "after"; d
   and t (truncate) hold no row and are tombstones. "before", "source" and the rest are not columns: Debezium's
   ExtractNewRecordState takes what is wanted of them into the row.
"""

from collections.abc import Callable, Mapping
from typing import Any

from ingest.config.format import Envelope
from ingest.errors import DecodeError
from ingest.pipeline.formats.cloud_events import CloudEvents
from ingest.pipeline.formats.json_texts import JsonTexts
from ingest.reasons import Reason

_CONNECT_KEYS = frozenset({"schema", "payload"})
_WITH_ROW, _WITHOUT_ROW = frozenset({"c", "r", "u"}), frozenset({"d", "t"})

Opener = Callable[[Any], Any]


def opener(envelope: Envelope, texts: JsonTexts) -> Opener:
    """From a message's tree to that of what is in its envelope, None for a tombstone. It raises DecodeError."""
    openers: Mapping[Envelope, Opener] = {
        "connect": _connect,
        "debezium": _debezium,
        "cloudevents": CloudEvents(texts).open,
    }
    return openers[envelope]


def _connect(tree: Any) -> Any:
    if not isinstance(tree, dict):
        raise DecodeError(_bad("connect", "the message is not an object"))
    if missing := next((key for key in ("schema", "payload") if key not in tree), None):
        raise DecodeError(_bad("connect", f'"{missing}" is missing'))
    if tree.keys() != _CONNECT_KEYS:
        detail = 'keys beside "schema" and "payload" would be lost; [format] payload = "payload" passes over them'
        raise DecodeError(_bad("connect", detail))
    return tree["payload"]


def _debezium(tree: Any) -> Any:
    change = tree
    if isinstance(tree, dict) and tree.keys() == _CONNECT_KEYS:
        change = tree["payload"]
        if change is None:
            return None
    if not isinstance(change, dict):
        raise DecodeError(_bad("debezium", "the change event is not an object"))
    if "op" not in change:
        raise DecodeError(_bad("debezium", '"op" is missing'))
    operation = change["op"]
    if not isinstance(operation, str) or operation not in _WITH_ROW | _WITHOUT_ROW:
        raise DecodeError(_bad("debezium", '"op" is none of c, r, u, d and t'))
    if operation in _WITHOUT_ROW:
        return None
    if change.get("after") is None:
        raise DecodeError(_bad("debezium", '"after" is missing'))
    return change["after"]


def _bad(envelope: str, what: str) -> Reason:
    return Reason("bad_envelope", f"[format] envelope {envelope}: {what}")

"""CloudEvents in structured mode: the fields of the event's data, with its attributes beside them.

Rules
1. An event is the object of the CloudEvents JSON format, version 1: specversion, id, source and type, and its data.
   What is missing is named.
2. The fields of "data" become those of the message, and each attribute, extensions too, its field ce_NAME as in the
   headers of binary mode. specversion and datacontenttype describe the form of the event and are left out. An attribute
   that is null is absent. A field of the data that has an attribute's new name is refused: one of the two would be
   lost.
3. Data that is a string, or base64 in "data_base64", is JSON as text; its datacontenttype must be JSON's, or absent.
4. Data that is a list stays under "data", for explode.
5. A list of events (batch mode) becomes the list of their messages, for explode = ["$"]. One that is refused refuses
   the message, and the reason has its index.

Source: CloudEvents 1.0.2, "JSON Event Format" and "Kafka Protocol Binding".
"""

import base64
import binascii
import re
from typing import Any

from ingest.errors import DecodeError
from ingest.pipeline.formats.json_texts import JsonTexts
from ingest.reasons import Reason

PREFIX = "ce_"

_REQUIRED = ("specversion", "id", "source", "type")
_NO_COLUMNS = frozenset({"specversion", "datacontenttype", "data", "data_base64"})
_JSON_TYPE = re.compile(r"\s*[^/;]+/(?:[^;]*\+)?json\s*(?:;.*)?", re.IGNORECASE | re.DOTALL)


class CloudEvents:
    """Opens events. `texts` reads data that is text."""

    def __init__(self, texts: JsonTexts) -> None:
        self._texts = texts

    def open(self, tree: Any) -> Any:
        """The message in an event, or the list of those in a list of events. Raises DecodeError."""
        if not isinstance(tree, list):
            return self._event(tree)
        found = []
        for index, event in enumerate(tree):
            try:
                found.append(self._event(event))
            except DecodeError as fault:
                raise DecodeError(Reason(fault.reason.code, f"{fault.reason.detail}, event {index}")) from None
        return found

    def _event(self, event: Any) -> dict[str, Any]:
        if not isinstance(event, dict):
            raise DecodeError(_bad("the event is not an object"))
        for key in _REQUIRED:
            if event.get(key) is None:
                raise DecodeError(_bad(f'"{key}" is missing'))
        version = event["specversion"]
        if not isinstance(version, str) or not version.startswith("1."):
            raise DecodeError(_bad('"specversion" is not 1.0'))
        data = self._data(event)
        if isinstance(data, list):
            data = {"data": data}
        if not isinstance(data, dict):
            raise DecodeError(_bad('"data" is neither an object nor a list'))
        for name, value in event.items():
            if name not in _NO_COLUMNS and value is not None:
                if PREFIX + name in data:
                    detail = f'"{PREFIX}{name}" stands twice in it, as a field of data and as an attribute'
                    raise DecodeError(Reason("ambiguous_key", detail))
                data[PREFIX + name] = value
        return data

    def _data(self, event: dict[str, Any]) -> Any:
        data, coded = event.get("data"), event.get("data_base64")
        if data is None and coded is None:
            raise DecodeError(_bad('"data" is missing'))
        if data is not None and coded is not None:
            raise DecodeError(_bad('it has both "data" and "data_base64"'))
        if coded is None and not isinstance(data, str):
            return data
        text = data if isinstance(data, str) else _decoded(coded)
        content_type = event.get("datacontenttype")
        is_json = content_type is None or (isinstance(content_type, str) and _JSON_TYPE.fullmatch(content_type))
        if not is_json:
            raise DecodeError(_bad('"datacontenttype" is not that of JSON'))
        try:
            return self._texts.tree(text)
        except DecodeError as fault:
            raise DecodeError(Reason(fault.reason.code, f"[format] envelope: data: {fault.reason.detail}")) from None


def _decoded(coded: Any) -> str:
    try:
        return base64.b64decode(coded, validate=True).decode()
    except (TypeError, ValueError, binascii.Error):
        raise DecodeError(_bad('"data_base64" is not base64 of a text')) from None


def _bad(what: str) -> Reason:
    return Reason("bad_envelope", f"[format] envelope cloudevents: {what}")

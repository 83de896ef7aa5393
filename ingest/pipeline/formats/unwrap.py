"""From the bytes of a message to one JSON object: framing, compression, envelopes and the other steps of [format].

Rules
1. What becomes of a message depends on the message and the configuration alone.
2. A message that a step can't take is rejected with a reason that names the step and its key, never the payload.
3. Without steps (`plain`) the values are passed on as they are.
4. Framing, compression, byte order mark, non-finite numbers and a JSON string that is the whole message change bytes
   and parse nothing. The other steps parse the message once, and write it once.
5. A JSON string is opened where it is the message, what its envelope holds, or what `payload` names.
6. `payload` of a list is that of each of its items: the messages of a CloudEvents batch, for explode.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from ingest.config.format import Format
from ingest.config.schema import Schema
from ingest.errors import DecodeError
from ingest.pipeline.decoding.json_tree import text_of, tree_of
from ingest.pipeline.decoding.raw_text import TOO_DEEP
from ingest.pipeline.formats.compression import inflater
from ingest.pipeline.formats.envelopes import opener
from ingest.pipeline.formats.framing import ConfluentFraming
from ingest.pipeline.formats.json_texts import JsonTexts
from ingest.pipeline.formats.non_finite import without_non_finite
from ingest.pipeline.formats.paths import MISSING, find
from ingest.pipeline.formats.text_fields import decode_base64, parse_csv, parse_json
from ingest.reasons import Reason
from ingest.records import KafkaMessage, Rejected

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Unwrapped:
    """The messages of a chunk after the steps: a value for each, None for a tombstone; `rejected` by index.

    The value of a rejected message is its raw one.
    """

    values: Sequence[bytes | None]
    rejected: Mapping[int, Rejected]


class Unwrapper:
    """Applies the steps of [format] that come before explode.

    `as_written` keeps the characters of numbers, for columns of text. `steps` names the steps, for people.
    """

    def __init__(self, format_: Format, *, as_written: bool = False) -> None:
        self.plain = format_.plain
        self.steps = tuple(_names(format_))
        self._framing: ConfluentFraming | None = None
        if format_.framing == "confluent":
            bare_json = format_.compression == "none" and not format_.skip_bom
            self._framing = ConfluentFraming(format_.schema_ids, bare_json=bare_json)
        nulls = format_.non_finite == "null"
        texts = JsonTexts(as_written=as_written, nulls=nulls)
        self._of_bytes: list[Callable[[bytes], bytes]] = []
        if format_.compression != "none":
            self._of_bytes.append(inflater(format_.compression, format_.max_inflated_bytes))
        if format_.skip_bom:
            self._of_bytes.append(_without_byte_order_mark)
        if nulls:
            self._of_bytes.append(without_non_finite)
        if format_.json_string:
            self._of_bytes.append(texts.opened_bytes)
        self._of_trees = _tree_steps(format_, texts)
        self._as_written = as_written

    def unwrap(self, messages: Sequence[KafkaMessage]) -> Unwrapped:
        """The values of the messages of a chunk, after the steps."""
        values = [message.value() for message in messages]
        rejected: dict[int, Rejected] = {}
        if not self.plain:
            for index, value in enumerate(values):
                if value is None:
                    continue
                try:
                    values[index] = self._unwrap(messages[index], value)
                except DecodeError as fault:
                    rejected[index] = Rejected(index, fault.reason)
        return Unwrapped(values, rejected)

    def _unwrap(self, message: KafkaMessage, value: bytes) -> bytes | None:
        if self._framing is not None:
            value = self._framing(message, value)
        for step in self._of_bytes:
            value = step(value)
        if not self._of_trees:
            return value
        tree = tree_of(value, as_written=self._as_written)
        try:
            for change in self._of_trees:
                tree = change(tree)
                if tree is _TOMBSTONE:
                    return None
            return text_of(tree)
        except RecursionError:
            # orjson goes 1,024 levels deep, Python less.
            raise DecodeError(TOO_DEEP) from None


def unwrapper(format_: Format, schemas: Iterable[Schema]) -> Unwrapper:
    """The unwrapper of a topic whose routes have these [schema]s.

    Numbers keep their characters where a route makes text of them.
    """
    as_written = any("text" in schema.conflicts.values() or "json" in schema.convert.values() for schema in schemas)
    return Unwrapper(format_, as_written=as_written)


_TOMBSTONE = object()


def _tree_steps(format_: Format, texts: JsonTexts) -> list[Callable[[Any], Any]]:
    steps: list[Callable[[Any], Any]] = []
    if format_.envelope != "none":
        open_envelope = opener(format_.envelope, texts)
        steps.append(lambda tree: _TOMBSTONE if (inner := open_envelope(tree)) is None else inner)
        if format_.json_string:
            steps.append(texts.opened)
    if format_.payload:
        steps.append(partial(_payload, format_.payload))
        if format_.json_string:
            steps.append(texts.opened)
    steps += [_in_place(decode_base64, path) for path in format_.base64_fields]
    steps += [_in_place(partial(parse_json, texts=texts), path) for path in format_.json_fields]
    steps += [_in_place(parse_csv, path) for path in format_.csv_fields]
    return steps


def _in_place(change: Callable[[Any, str], None], path: str) -> Callable[[Any], Any]:
    def changed(tree: Any) -> Any:
        change(tree, path)
        return tree

    return changed


def _payload(path: str, tree: Any) -> Any:
    if isinstance(tree, list):
        return [_payload(path, item) for item in tree]
    found = find(tree, path)
    if found is None or found is MISSING:
        raise DecodeError(Reason("no_payload", f'[format] payload: "{path}" is missing or null'))
    return found


def _without_byte_order_mark(value: bytes) -> bytes:
    return value.removeprefix(_BYTE_ORDER_MARK)


def _names(format_: Format) -> Iterable[str]:
    """The steps that are on, in their order."""
    for key in ("framing", "compression"):
        if (value := getattr(format_, key)) != "none":
            yield f"{key} {value}"
    if format_.skip_bom:
        yield "skip_bom"
    if format_.non_finite == "null":
        yield "non_finite null"
    if format_.json_string:
        yield "json_string"
    if format_.envelope != "none":
        yield f"envelope {format_.envelope}"
    if format_.payload:
        yield f"payload {format_.payload}"
    for key in ("base64_fields", "json_fields", "csv_fields"):
        if paths := getattr(format_, key):
            yield f"{key} {', '.join(paths)}"

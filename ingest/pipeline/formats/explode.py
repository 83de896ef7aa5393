"""Several predictions in a message: the arrays of its tree as one tree for each prediction.

Rules
1. The items of one index in all arrays of [format] explode are one prediction. An array that is missing, null, not an
   array, empty, or of another length than the others refuses the message.
2. An item that is an object is its columns; a list has the names of [format.arrays], else PATH.0, PATH.1, ...; anything
   else has the only name of [format.arrays], else the last key of the path; null is nothing. `prefix` precedes all.
3. An object of arrays ({"a": [1, 2], "b": [3, 4]}) is read by its columns.
4. With `tensors` the array holds tensors (`tensors`), whose first dimension counts the predictions.
5. All other fields are shared. A name that comes from two arrays, or from an array and the shared fields, refuses the
   prediction: one of two values would be lost. Objects of the same name are joined by their fields.
6. A prediction has the id that its item brings, else the one that `part_id` makes; the message's own id, or the one
   that it has from Kafka, is part of the template, never the id of each prediction. A second prediction of the same id
   is refused.

What is refused has a reason that names a path, never a value.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ingest.config.format import WHOLE, Array, Format
from ingest.config.renames import Renames
from ingest.config.schema import Schema
from ingest.config.templates import Placeholder
from ingest.config.templates import parse as parts_of
from ingest.errors import DecodeError
from ingest.pipeline.decoding.flatten import EMPTY_KEY
from ingest.pipeline.decoding.json_tree import text_of
from ingest.pipeline.decoding.kafka_values import id_from_kafka
from ingest.pipeline.formats.paths import MISSING, find, take
from ingest.pipeline.formats.tensors import of_tensors
from ingest.reasons import Reason
from ingest.records import KafkaMessage, header_pairs

Columns = dict[str, Any]
_Item = Columns | Reason

_DEFAULT = Array()
_ITEM = "value"  # the column of scalars in an array that has no key
_MESSAGE_ID = "prediction_id"  # the placeholder


@dataclass(frozen=True, slots=True)
class Exploded:
    """A message's predictions: the fields that each of them has, and the columns of each, or why it has none."""

    shared: Columns
    parts: Sequence[_Item]


class Exploder:
    """Explodes messages by [format]. The ids are under the keys that become [schema] prediction_id."""

    def __init__(self, format_: Format, schema: Schema) -> None:
        self._paths = format_.explode
        self._arrays = format_.arrays
        self._id = schema.prediction_id
        self._id_from = schema.prediction_id_from
        self._ids = Renames(schema.rename).keys_of(self._id) if self._id else []
        self._template = parts_of(format_.part_id)

    def explode(self, tree: Any, message: KafkaMessage) -> Exploded:
        """The predictions in `tree`, which is changed. Raises DecodeError if none of the message can be taken."""
        arrays = {WHOLE: tree} if WHOLE in self._paths else {path: _taken(tree, path) for path in self._paths}
        shared: Columns = {} if WHOLE in arrays else tree
        names = self._names(shared)
        rows = [_items(path, value, self._arrays.get(path, _DEFAULT), names[path]) for path, value in arrays.items()]
        for path, items in zip(arrays, rows, strict=True):
            if len(items) != len(rows[0]):
                detail = f'"{path}" has {len(items):,} items, "{self._paths[0]}" has {len(rows[0]):,}'
                raise DecodeError(Reason("unequal_arrays", detail))
        message_id = self._own_id(shared)
        if message_id is None and self._id_from:
            message_id = id_from_kafka(message, self._id_from)
        for path in self._ids:
            take(shared, path)
        parts = [_joined(shared, items) for items in zip(*rows, strict=True)]
        return Exploded(shared, self._with_ids(shared, parts, message_id, message) if self._ids else parts)

    def _names(self, shared: Columns) -> Mapping[str, Sequence[str]]:
        """The columns of each array's items; the lists that names_from names are not shared."""
        lists = {each.names_from: take(shared, each.names_from) for each in self._arrays.values() if each.names_from}
        for path, found in lists.items():
            if not isinstance(found, list) or not found or not all(isinstance(each, str) and each for each in found):
                detail = f'"{path}", which names_from names, is not a list of names'
                raise DecodeError(Reason("bad_names", detail))
            if len(set(found)) < len(found):
                raise DecodeError(Reason("bad_names", f'"{path}", which names_from names, has a name twice'))
        found_names = {}
        for path in self._paths:
            array = self._arrays.get(path, _DEFAULT)
            found_names[path] = lists[array.names_from] if array.names_from else array.names
        return found_names

    def _with_ids(
        self, shared: Columns, joined: Sequence[_Item], message_id: Any, message: KafkaMessage
    ) -> Sequence[_Item]:
        """Rule 6."""
        made: Sequence[str] | Reason | None = None
        seen: set[bytes] = set()
        parts: list[_Item] = []
        for index, part in enumerate(joined):
            if isinstance(part, Reason):
                parts.append(part)
                continue
            own = self._own_id(part)
            if own is None:
                if made is None:
                    made = self._filled(shared, message_id, message)
                if isinstance(made, Reason):
                    parts.append(made)
                    continue
                for path in self._ids:
                    take(part, path)
                own = part[self._ids[0]] = str(index).join(made)
            text = text_of(own)
            if text in seen:
                detail = f'"{self._id}" is the id of a former prediction of the message as well'
                parts.append(Reason("repeated_id", detail))
                continue
            seen.add(text)
            parts.append(part)
        return parts

    def _own_id(self, columns: Columns) -> Any:
        """None without one."""
        found = (find(columns, path) for path in self._ids)
        return next((each for each in found if each is not MISSING and each is not None), None)

    def _filled(self, shared: Columns, message_id: Any, message: KafkaMessage) -> Sequence[str] | Reason:
        """The template filled but for the index, which comes between the texts."""
        texts = [""]
        for each in self._template:
            if isinstance(each, str):
                texts[-1] += each
            elif each.path == "index":
                texts.append("")
            else:
                found = self._value(each, shared, message_id, message)
                if not found:
                    detail = f'part_id needs "{each.path}", which has no text or number in it'
                    return Reason("no_part_id", detail)
                texts[-1] += found
        return texts

    def _value(self, each: Placeholder, shared: Columns, message_id: Any, message: KafkaMessage) -> str | None:
        if each.path == _MESSAGE_ID or each.path in self._ids:
            return _text(message_id)
        known = {"topic": message.topic, "partition": message.partition, "offset": message.offset, "key": message.key}
        if each.path in known:
            return _text(known[each.path]())
        if each.path.startswith("headers."):
            values = [value for name, value in header_pairs(message.headers()) if f"headers.{name}" == each.path]
            return _text(values[-1]) if values else None
        return _text(find(shared, each.path))


def _taken(tree: Columns, path: str) -> Any:
    found = take(tree, path)
    if found is MISSING or found is None:
        raise DecodeError(Reason("missing_array", f'it has no array "{path}", which [format] explode names'))
    return found


def _items(path: str, value: Any, array: Array, names: Sequence[str]) -> Sequence[_Item]:
    """The columns of each item of one array. Raises DecodeError (rule 1)."""
    if array.tensors:
        items: Sequence[_Item] = list(of_tensors(path, value, array.prefix, names))
    elif isinstance(value, dict) and path != WHOLE:
        items = _of_columns(path, value, array)
    elif isinstance(value, list):
        single = array.prefix + (names[0] if names else _ITEM if path == WHOLE else path.rpartition(".")[2])
        items = [_columns(path, item, array, names, single) for item in value]
    else:
        raise DecodeError(Reason("not_an_array", f'"{path}", which [format] explode names, is not an array'))
    if not items:
        raise DecodeError(Reason("empty_array", f'"{path}" is empty: there is no prediction in the message'))
    return items


def _columns(path: str, item: Any, array: Array, names: Sequence[str], single: str) -> _Item:
    """Rule 2."""
    if isinstance(item, dict):
        return _of_object(item, array)
    if isinstance(item, list) and not names:
        base = array.prefix or ("" if path == WHOLE else f"{path}.")
        return {f"{base}{index}": value for index, value in enumerate(item)}
    if isinstance(item, list):
        if len(item) != len(names):
            return Reason("item_length", f'an item of "{path}" has {len(item):,} values for {len(names):,} names')
        return {f"{array.prefix}{name}": value for name, value in zip(names, item, strict=True)}
    if item is not None and len(names) > 1:
        return Reason("item_length", f'an item of "{path}" is a single value for {len(names):,} names')
    return {} if item is None else {single: item}


def _of_object(item: Columns, array: Array) -> _Item:
    if not (array.prefix or array.squeeze):
        return item
    if "" in item:
        return EMPTY_KEY
    return {f"{array.prefix}{key}": _squeezed(value) if array.squeeze else value for key, value in item.items()}


def _of_columns(path: str, value: Mapping[str, Any], array: Array) -> Sequence[Columns]:
    """Rule 3."""
    lengths: dict[int, str] = {}
    for key, column in value.items():
        if not key:
            raise DecodeError(EMPTY_KEY)
        if not isinstance(column, list):
            raise DecodeError(Reason("not_an_array", f'"{path}.{key}", within "{path}", is not an array'))
        lengths.setdefault(len(column), key)
    if len(lengths) > 1:
        (first, key), (second, other) = list(lengths.items())[:2]
        detail = f'"{path}.{other}" has {second:,} items, "{path}.{key}" has {first:,}'
        raise DecodeError(Reason("unequal_arrays", detail))
    columns = {
        f"{array.prefix}{key}": list(map(_squeezed, column)) if array.squeeze else column
        for key, column in value.items()
    }
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _squeezed(value: Any) -> Any:
    return value[0] if isinstance(value, list) and len(value) == 1 and not isinstance(value[0], list | dict) else value


def _joined(shared: Columns, items: Sequence[_Item]) -> _Item:
    """Rule 5: the columns of one prediction."""
    part: Columns = {}
    for item in items:
        if isinstance(item, Reason):
            return item
        if shared.keys().isdisjoint(item) and part.keys().isdisjoint(item):
            part = {**part, **item} if part else item
            continue
        for key, value in item.items():
            if key not in part and key not in shared:
                part[key] = value
                continue
            if not isinstance(value, dict) or not value:
                return _ambiguous(key)
            for path, leaf in value.items():
                if f"{key}.{path}" in part or f"{key}.{path}" in shared:
                    return _ambiguous(f"{key}.{path}")
                part[f"{key}.{path}"] = leaf
    return part


def _ambiguous(column: str) -> Reason:
    detail = f'"{column}" is a column of the prediction and a field of its message, or of two arrays; set a prefix'
    return Reason("ambiguous_key", detail)


def _text(value: Any) -> str | None:
    """The text that fills a template; None without one."""
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return None
    if isinstance(value, str):
        return str(value)
    return text_of(value).decode() if isinstance(value, bool | int | float) else None

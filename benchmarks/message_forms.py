"""The same predictions as producers write them: plain, and in each form that [format] and [schema] take.

Every form carries the generator's usual events, so that what it costs beside plain ones is the form's. A conversion
adds its own field to them, or writes one of theirs in another way.
"""

import gzip
import json
import math
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from ingest.config.resolve import TopicConfig
from ingest.config.settings import Config
from ingest.records import Headers
from ingest.sandbox.generate import TAGS, Generator

Row = Mapping[str, Any]
EXPLODED = 100  # predictions in a message of several
NOW_S = 1_767_225_600.0  # when the generator's events begin
SPEC = {"specversion": "1.0", "id": "e", "source": "/s", "type": "t"}


@dataclass(frozen=True, slots=True)
class Message:
    """A message of partition 0, as `ingest.records.KafkaMessage` describes it."""

    row: int
    content: bytes
    own_key: bytes
    own_headers: Sequence[tuple[str, bytes]] = ()

    def topic(self) -> str:
        return "predictions"

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return self.row

    def value(self) -> bytes:
        return self.content

    def key(self) -> bytes:
        return self.own_key

    def headers(self) -> Headers:
        return self.own_headers

    def timestamp(self) -> tuple[int, int]:
        return (1, int(NOW_S * 1_000))


@dataclass(frozen=True, slots=True)
class Form:
    """How `write` makes a message of `per_message` predictions, and the sections of a configuration that take it."""

    write: Callable[[Sequence[Row]], bytes]
    sections: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    per_message: int = 1

    def config(self, lane: str) -> TopicConfig:
        """The configuration of its topic."""
        named: dict[str, Any] = {
            "kafka": {"topic": "predictions"},
            "arize": {"model_name": "m", "space_id": "s"},
            "batch": {"lane": lane},
            "schema": {"tags": list(TAGS)},
        }
        merged = {name: named.get(name, {}) | self.sections.get(name, {}) for name in named.keys() | self.sections}
        return Config(**merged).topics[0]

    def messages(self, rows: Sequence[Row]) -> list[Message]:
        """All `rows`, each message with an id and a time beside its value, as binary CloudEvents have them."""
        groups = [rows[first : first + self.per_message] for first in range(0, len(rows), self.per_message)]
        headers = [("ce_time", b"2026-01-01T00:00:00Z")]
        return [
            Message(number, self.write(group), str(group[0]["prediction_id"]).encode(), headers)
            for number, group in enumerate(groups)
        ]


def usual_rows(count: int) -> list[Row]:
    """Usual events of the generator."""
    generator = Generator()
    return [generator.row(0, sequence) for sequence in range(count)]


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


def _plain(rows: Sequence[Row]) -> bytes:
    return _json(rows[0])


def _around(wrap: Callable[[bytes], bytes]) -> Callable[[Sequence[Row]], bytes]:
    return lambda rows: wrap(_json(rows[0]))


def _with(change: Callable[[dict[str, Any]], Row]) -> Callable[[Sequence[Row]], bytes]:
    return lambda rows: _json(change(dict(rows[0])))


def _zstd(value: bytes) -> bytes:
    compressed: bytes = pa.compress(value, codec="zstd", asbytes=True)
    return compressed


def _without(row: Row, *names: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


def _by_column(rows: Sequence[Row]) -> dict[str, list[Any]]:
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in names}


def _listed(rows: Sequence[Row]) -> bytes:
    columns = _by_column(rows)
    return _json({"names": list(columns), "p": [list(cells) for cells in zip(*columns.values(), strict=True)]})


def _tensors(rows: Sequence[Row]) -> bytes:
    data = _by_column([_without(row, "interests") for row in rows]).items()  # lists of any length are no tensor
    return _json({"p": [{"name": name, "shape": [len(cells)], "data": cells} for name, cells in data]})


def _converted(conversion: str, *names: str) -> Mapping[str, Mapping[str, Any]]:
    return {"schema": {"convert": dict.fromkeys(names, conversion)}}


PLAIN = Form(_plain)
FORMS: Mapping[str, Form] = {
    "Confluent framing": Form(_around(lambda value: b"\0\0\0\0\7" + value), {"format": {"framing": "confluent"}}),
    "byte order mark": Form(_around(lambda value: b"\xef\xbb\xbf" + value), {"format": {"skip_bom": True}}),
    "NaN as null": Form(_with(lambda row: row | {"amount": math.nan}), {"format": {"non_finite": "null"}}),
    "gzip": Form(_around(gzip.compress), {"format": {"compression": "gzip"}}),
    "zstd": Form(_around(_zstd), {"format": {"compression": "zstd"}}),
    "deflate": Form(_around(zlib.compress), {"format": {"compression": "deflate"}}),
    "Kafka Connect": Form(
        _with(lambda row: {"schema": {"type": "struct", "optional": False}, "payload": row}),
        {"format": {"envelope": "connect"}},
    ),
    "Debezium": Form(
        _with(lambda row: {"before": None, "after": row, "source": {"db": "d", "table": "t"}, "op": "c", "ts_ms": 1}),
        {"format": {"envelope": "debezium"}},
    ),
    "CloudEvents, structured": Form(_with(lambda row: SPEC | {"data": row}), {"format": {"envelope": "cloudevents"}}),
    "JSON in a JSON string": Form(_around(lambda value: _json(value.decode())), {"format": {"json_string": True}}),
    "JSON in a field (json_fields)": Form(
        _with(lambda row: {"prediction_id": row["prediction_id"], "body": json.dumps(_without(row, "prediction_id"))}),
        {"format": {"json_fields": ["body"]}, "schema": {"rename": {"body.*": "*"}}},
    ),
    "convert: number": Form(
        _with(lambda row: row | {name: str(row[name]) for name in ("prediction_ts", "prediction_score")}),
        _converted("number", "prediction_ts", "prediction_score"),
    ),
    "convert: columns": Form(
        _with(lambda row: row | {"vector": [0.5, 1.5, 2.5, 3.5]}), _converted("columns", "vector")
    ),
    "convert: json": Form(
        _with(lambda row: row | {"hits": [{"id": "a", "rank": 1}, {"id": "b", "rank": 2}]}), _converted("json", "hits")
    ),
    "convert: class_scores": Form(
        _with(
            lambda row: (
                _without(row, "prediction_label", "actual_label") | {"prediction_score": {"yes": 0.75, "no": 0.25}}
            )
        ),
        {**_converted("class_scores", "prediction_score"), "arize": {"model_type": "multi_class"}},
    ),
    "id from the key": Form(
        _with(lambda row: _without(row, "prediction_id")), {"schema": {"prediction_id_from": "key"}}
    ),
    "time from a header": Form(
        _with(lambda row: _without(row, "prediction_ts")), {"schema": {"timestamp_from_kafka": "headers.ce_time"}}
    ),
    "sample of half": Form(_plain, {"arize": {"sample": 0.5}}),
    "explode: objects": Form(lambda rows: _json({"p": rows}), {"format": {"explode": ["p"]}}, EXPLODED),
    "explode: lists and names": Form(
        _listed,
        {"format": {"explode": ["p"], "arrays": {"p": {"names_from": "names"}}}, "schema": {"exclude": ["names"]}},
        EXPLODED,
    ),
    "explode: columns": Form(lambda rows: _json({"p": _by_column(rows)}), {"format": {"explode": ["p"]}}, EXPLODED),
    "explode: tensors": Form(_tensors, {"format": {"explode": ["p"], "arrays": {"p": {"tensors": True}}}}, EXPLODED),
}

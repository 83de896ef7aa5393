"""Columns added to the decoded ones: the timestamp as Arize takes it, values from Kafka, constants.

Rules
1. Each timestamp is read by its unit (`timestamps`). A value that can't be read rejects its row.
2. With `timestamp_from_kafka`, a row without a timestamp gets its message's (milliseconds, of the producer or the
   broker), or that of a header; where Kafka has none either the row is rejected.
3. `kafka` adds what Kafka knows of a message: partition, offset, timestamp, key, `headers.NAME`. Keys and
   headers are text where they are UTF-8, else null. Of a header that comes several times the last one counts. With
   `prediction_id_from`, a row without an id gets one from there (`kafka_values`). Of several predictions in a message
   each has its id before it comes here: [format] part_id.
4. `constants` add the same value to every row.
5. A message that brings a column of such a name itself is rejected: one of the two would be dropped.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingest.config.schema import Schema, Unit
from ingest.config.zones import zone
from ingest.pipeline.decoding.header_times import in_nanoseconds, times_from_header
from ingest.pipeline.decoding.kafka_values import header, id_from_kafka, text
from ingest.pipeline.decoding.timestamps import Read, read
from ingest.reasons import Reason
from ingest.records import KafkaMessage, Rejected

__all__ = ["Enriched", "enrich", "header", "text"]

_MILLISECONDS = pa.timestamp("ms", tz="UTC")
_MOST_MS = 9_200_000_000 * 10**3


@dataclass(frozen=True, slots=True)
class Enriched:
    """The table with its added columns, the rows that can't be sent, and the unit of its timestamps, if it had any."""

    table: pa.RecordBatch
    rejected: Sequence[Rejected] = ()
    unit: Unit | None = None


def enrich(
    table: pa.RecordBatch, messages: Sequence[KafkaMessage], schema: Schema, odd: Mapping[int, Any] | None = None
) -> Enriched:
    """Add the columns that `schema` names; `messages` are those of the table's rows, in order.

    `odd` has the timestamps that are not of their column's type, by row.
    """
    columns = dict(zip(table.schema.names, table.columns, strict=True))
    reasons: dict[int, Reason] = {}
    unit: Unit | None = None
    if schema.timestamp in columns:
        written = columns[schema.timestamp]
        found = read(written, schema.timestamp_unit, odd, zone(schema.timestamp_zone))
        unit = found.unit
        columns[schema.timestamp] = found.array
        reasons = _unread(found, written, odd, schema) if found.unread else {}
    if schema.timestamp and isinstance(source := schema.timestamp_from_kafka, str):
        _time_from_header(columns, messages, schema.timestamp, source.removeprefix("headers."), reasons)
    elif schema.timestamp and schema.timestamp_from_kafka:
        _from_kafka(columns, messages, schema.timestamp, reasons)
    if schema.prediction_id_from:
        _id_from_kafka(columns, messages, schema, reasons)
    for name, array in _extra(messages, schema).items():
        if name in columns:
            reserved = Reason("reserved_column", f'it has "{name}" itself, which [schema] adds to every message')
            for row in pc.indices_nonzero(columns[name].is_valid()).to_pylist():
                reasons.setdefault(row, reserved)
        columns[name] = array
    table = pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))
    return Enriched(table, [Rejected(row, reasons[row]) for row in sorted(reasons)], unit)


def _unread(found: Read, written: pa.Array, odd: Mapping[int, Any] | None, schema: Schema) -> dict[int, Reason]:
    """Why rows have no timestamp: one that could be read in another unit names it."""
    detail = f'"{schema.timestamp}" is no timestamp ([schema] timestamp_unit is "{schema.timestamp_unit}")'
    reasons = dict.fromkeys(found.unread, Reason("bad_timestamp", detail))
    if schema.timestamp_unit == "auto":
        return reasons
    detected = read(written, "auto", odd, zone(schema.timestamp_zone))
    looks = Reason("bad_timestamp", f'{detail}; the value looks like "{detected.unit}"')
    return reasons | dict.fromkeys(set(found.unread).difference(detected.unread), looks)


def _from_kafka(
    columns: dict[str, pa.Array], messages: Sequence[KafkaMessage], name: str, reasons: dict[int, Reason]
) -> None:
    times = _times(messages)
    array = columns.get(name)
    if array is None or pa.types.is_null(array.type):
        filled = times
    elif pa.types.is_timestamp(array.type):
        filled = pc.coalesce(array, _clipped(times).cast(array.type))
    else:
        # Seconds as numbers: a millisecond is no exact fraction of a second in binary, but the nearest double is what
        # any producer of such seconds would have written.
        numbers = array.cast(pa.float64(), safe=False)  # seconds past 2**53 are refused anyway
        filled = pc.coalesce(numbers, pc.divide(_clipped(times).cast(pa.int64()).cast(pa.float64()), 1000.0))
    columns[name] = filled
    missing = Reason("missing_column", f'no value in "{name}", and the message has no timestamp in Kafka either')
    for row in pc.indices_nonzero(filled.is_null()).to_pylist():
        reasons.setdefault(row, missing)


def _time_from_header(
    columns: dict[str, pa.Array], messages: Sequence[KafkaMessage], name: str, source: str, reasons: dict[int, Reason]
) -> None:
    array = columns.get(name, pa.nulls(len(messages)))
    columns[name] = filled = in_nanoseconds(array)
    rows = [row for row in pc.indices_nonzero(array.is_null()).to_pylist() if row not in reasons]
    if not rows:
        return
    times, unread = times_from_header([messages[row] for row in rows], source)
    at = pa.array(np.isin(np.arange(len(messages)), rows))
    columns[name] = pc.replace_with_mask(filled, at, times)
    bad = Reason("bad_timestamp", f'no value in "{name}", and the header "{source}" is no timestamp in UTF-8')
    missing = Reason("missing_column", f'no value in "{name}", and the message has no header "{source}" with one')
    reasons |= {rows[index]: bad for index in unread}
    for index in pc.indices_nonzero(times.is_null()).to_pylist():
        reasons.setdefault(rows[index], missing)


def _id_from_kafka(
    columns: dict[str, pa.Array], messages: Sequence[KafkaMessage], schema: Schema, reasons: dict[int, Reason]
) -> None:
    name, source = schema.prediction_id, schema.prediction_id_from
    ids = columns.get(name, pa.nulls(len(messages))).cast(pa.string())
    rows = pc.indices_nonzero(ids.is_null()).to_pylist()
    if rows:
        found = [id_from_kafka(messages[row], source) for row in rows]
        at = pa.array(np.isin(np.arange(len(messages)), rows))
        ids = pc.replace_with_mask(ids, at, pa.array(found, pa.string()))
        where = "its key" if source == "key" else f'its header "{source.removeprefix("headers.")}"'
        detail = f'no value in "{name}", and {where} is missing, empty or not UTF-8 ([schema] prediction_id_from)'
        reasons |= dict.fromkeys(
            (row for row, id_ in zip(rows, found, strict=True) if id_ is None and row not in reasons),
            Reason("no_kafka_id", detail),
        )
    columns[name] = ids


def _times(messages: Sequence[KafkaMessage]) -> pa.Array:
    """The messages' timestamps; null where Kafka has none (its type is then 0)."""
    return pa.array([time if kind else None for kind, time in (m.timestamp() for m in messages)], pa.int64()).cast(
        _MILLISECONDS
    )


def _clipped(times: pa.Array) -> pa.Array:
    """Kafka takes any 64 bits for a timestamp. What nanoseconds can't reach is refused as too far away in any case."""
    numbers = times.cast(pa.int64())
    within = pc.min_element_wise(numbers, _MOST_MS, skip_nulls=False)
    return pc.max_element_wise(within, -_MOST_MS, skip_nulls=False).cast(_MILLISECONDS)


def _extra(messages: Sequence[KafkaMessage], schema: Schema) -> dict[str, pa.Array]:
    columns: dict[str, pa.Array] = {}
    for source, name in schema.kafka.items():
        if source == "partition":
            columns[name] = pa.array([message.partition() for message in messages], pa.int64())
        elif source == "offset":
            columns[name] = pa.array([message.offset() for message in messages], pa.int64())
        elif source == "timestamp":
            columns[name] = _times(messages).cast(pa.int64())
        elif source == "key":
            columns[name] = pa.array([text(message.key()) for message in messages], pa.string())
        else:
            wanted = source.removeprefix("headers.")
            columns[name] = pa.array([text(header(m.headers(), wanted)) for m in messages], pa.string())
    for name, value in schema.constants.items():
        columns[name] = pa.array([value] * len(messages))
    return columns

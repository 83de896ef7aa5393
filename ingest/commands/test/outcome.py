"""What a message becomes: the steps of a worker up to the batch, without Kafka and without Arize.

Rules
1. Each message is judged alone, with nothing learned from its neighbours: so a type conflict shows only where
   [schema.types] pins the type, and the order of a file does not matter.
2. The fast lane takes rows of columns that it knows, so it judges a message after one judgement has taught it.
3. A row is told by role: what [schema] makes of each column for Arize. Nulls are absent, as Arize takes them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa

from ingest.commands.test.cases import DESTINATION
from ingest.config.resolve import RouteConfig, TopicConfig
from ingest.pipeline.arize.roles import RESERVED, roles
from ingest.pipeline.decoding.timestamp_text import read_texts
from ingest.pipeline.rows import RowProcessors
from ingest.reasons import TOMBSTONE
from ingest.records import KafkaMessage, Rejected

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LIMITS = ((10**11, 10**9), (10**14, 10**6), (10**17, 10**3))  # where a unit ends, and its nanoseconds
_NS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}


@dataclass(frozen=True, slots=True)
class Instant:
    """A time in nanoseconds since 1970."""

    ns: int

    def __str__(self) -> str:
        """ISO 8601 in UTC, with the digits that it needs."""
        whole, rest = divmod(self.ns, 10**9)
        at = _EPOCH + timedelta(seconds=whole)
        digits = f".{rest:09}".rstrip("0") if rest else ""
        return f"{at:%Y-%m-%dT%H:%M:%S}{digits}Z"


def instant(value: Any) -> Instant | None:
    """A time as a test or a message writes it (rule 4 of `timestamps`); None for what is no time."""
    if isinstance(value, str):
        read, unread = read_texts(pa.array([value]), UTC)
        return None if unread else Instant(read.cast(pa.int64())[0].as_py() * _NS[read.type.unit])
    if isinstance(value, datetime):
        since = (value.replace(tzinfo=UTC) if value.tzinfo is None else value) - _EPOCH
        return Instant((since.days * 86_400 + since.seconds) * 10**9 + since.microseconds * 1_000)
    if type(value) in (int, float):
        exact = Decimal(value)
        scale = next((scale for limit, scale in _LIMITS if abs(exact) <= limit), 1)
        return Instant(int((exact * scale).to_integral_value()))
    return None


@dataclass(frozen=True, slots=True)
class Outcome:
    """`rows` by role, `rejected` with the reason; `route` is "" without [routes], `destination` None without a row."""

    rows: tuple[Mapping[str, Any], ...] = ()
    rejected: Rejected | None = None
    filtered: bool = False
    tombstone: bool = False
    route: str = ""
    destination: Mapping[str, str] | None = None


class Judge:
    """Judges messages under one topic's configuration, at one time."""

    def __init__(self, config: TopicConfig, now_s: float) -> None:
        """`now_s`: seconds since 1970. Raises ConfigError when the configuration can't be applied."""
        self._config = config
        self._now_s = now_s
        self.lane, self.lane_reason = RowProcessors(config, self._clock).lane()

    def _clock(self) -> float:
        return self._now_s

    def outcome(self, message: KafkaMessage) -> Outcome:
        """What `message` becomes."""
        processors = RowProcessors(self._config, self._clock)
        if self.lane == "fast":
            self._judge(processors, message)  # rule 2
        return self._judge(processors, message)

    def _judge(self, processors: RowProcessors, message: KafkaMessage) -> Outcome:
        found = processors.route([message])
        number = int(found.routes[0])
        config = processors.routes[number] if number < len(processors.routes) else None
        name = "" if config is None else config.name
        if config is not None and not config.deliver:
            return Outcome(filtered=True, route=name)
        rows: list[Mapping[str, Any]] = []
        rejected: list[Rejected] = []
        filtered = 0
        for processed in processors.process(number, found, [message], np.zeros(1, dtype=np.int64)):
            decoded = processed.decoded
            rejected += decoded.rejected
            filtered += len(decoded.filtered)
            if config is not None:
                rows += [_by_role(decoded.table, row, config) for row in range(decoded.table.num_rows)]
        fault = rejected[0] if rejected else None
        if fault is not None and fault.reason.code == TOMBSTONE and self._config.schema.tombstones == "ignore":
            return Outcome(tombstone=True, route=name)
        place = int(found.destinations[0])
        destination = None
        if rows and place >= 0:
            to = processors.router.destinations[place]
            destination = {key: getattr(to, key) for key in DESTINATION}
        return Outcome(tuple(rows), fault, bool(filtered and not rows), route=name, destination=destination)


def _by_role(table: pa.RecordBatch, row: int, config: RouteConfig) -> Mapping[str, Any]:
    values = {
        name: _value(column[row])
        for name, column in zip(table.schema.names, table.columns, strict=True)
        if column[row].is_valid
    }
    found = roles(config.schema, config.arize.model_type, list(values))
    by_role: dict[str, Any] = {
        key: values[name] for key in RESERVED if (name := getattr(found, key)) is not None and name in values
    }
    if "timestamp" in by_role and not isinstance(by_role["timestamp"], Instant):
        by_role["timestamp"] = instant(by_role["timestamp"])  # a number of seconds
    named = {getattr(found, key) for key in RESERVED}
    for group, names in (("features", found.features), ("tags", found.tags)):
        if own := {name: values[name] for name in names if name in values}:
            by_role[group] = own
            named |= own.keys()
    if others := {name: value for name, value in values.items() if name not in named}:
        by_role["columns"] = others
    return by_role


def _value(scalar: pa.Scalar) -> Any:
    if pa.types.is_timestamp(scalar.type):
        return Instant(scalar.value * _NS[scalar.type.unit])
    return scalar.as_py()

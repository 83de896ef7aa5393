"""What a sample of messages says about their configuration: the format, the roles of columns, the type of the model.

Rules
1. Of the formats that can be recognised, the one counts under which most messages are JSON objects. Of equal ones an
   envelope comes before none, and none before an encoding: an envelope takes only what has its form, while an encoding
   also passes what is not encoded.
2. Roles are those of `detect_roles`. Without an id in the messages, the key of each is taken if all have one and no two
   the same, else topic, partition and offset. Without a time, Kafka's own is taken.
3. The type of the model follows from the labels: numbers of more than two values are a regression; two labels, or none,
   are a binary classification; more are categories.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ingest.commands.schema.column_statistics import ColumnStatistics, SampleStatistics
from ingest.commands.schema.detect_roles import detect_roles
from ingest.commands.schema.usable import statistics_of, unwrapped
from ingest.config.resolve import TopicConfig
from ingest.config.schema import ModelType
from ingest.records import KafkaMessage

_ENVELOPES: tuple[Mapping[str, Any], ...] = (
    {"envelope": "debezium"},
    {"envelope": "connect"},
    {"envelope": "cloudevents"},
)
_ENCODINGS: tuple[Mapping[str, Any], ...] = (
    {"framing": "confluent"},
    {"compression": "auto"},
    {"skip_bom": True},
    {"json_string": True},
    {"non_finite": "null"},
)
_TWO = 2

Load = Callable[[Mapping[str, Any]], TopicConfig]  # the configuration with these keys of [format]


@dataclass(frozen=True, slots=True)
class Inferred:
    """What was found. `objects` of the messages are JSON objects under `format_`; `columns` are theirs.

    `roles` maps keys of [schema] to columns, `sources` the keys that fill an id or a time to their values.
    """

    format_: Mapping[str, Any] = field(default_factory=dict)
    roles: Mapping[str, str] = field(default_factory=dict)
    sources: Mapping[str, Any] = field(default_factory=dict)
    model_type: ModelType | None = None
    columns: Mapping[str, ColumnStatistics] = field(default_factory=dict)
    objects: int = 0


def infer(load: Load, messages: Sequence[KafkaMessage], now_s: float) -> Inferred:
    """What `messages` say; nothing where there are none. `now_s`: seconds since 1970."""
    best: tuple[int, Mapping[str, Any], SampleStatistics] | None = None
    for candidate in _candidates() if messages else ():
        config = load(candidate)
        statistics = statistics_of(config, unwrapped(config, messages))
        if best is None or statistics.rows > best[0]:
            best = (statistics.rows, candidate, statistics)
    if best is None or not best[0]:
        return Inferred()
    rows, format_, statistics = best
    config = load(format_)
    roles = detect_roles(statistics, config.schema, config.arize.model_type, now_s)
    return Inferred(format_, roles, _sources(roles, messages), _model_type(roles, statistics), statistics.columns, rows)


def _candidates() -> Iterator[Mapping[str, Any]]:
    yield from _ENVELOPES
    yield {}
    yield from _ENCODINGS
    yield from ({**encoding, **envelope} for encoding in _ENCODINGS for envelope in _ENVELOPES)


def _sources(roles: Mapping[str, str], messages: Sequence[KafkaMessage]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if "prediction_id" not in roles:
        keys = [message.key() for message in messages if message.value() is not None]
        readable = all(key is not None and _is_text(key) for key in keys)
        found["prediction_id_from"] = "key" if readable and len(set(keys)) == len(keys) else "offset"
    if "timestamp" not in roles:
        found["timestamp_from_kafka"] = True
    return found


def _is_text(key: bytes) -> bool:
    try:
        return bool(key.decode().strip())
    except UnicodeDecodeError:
        return False


def _model_type(roles: Mapping[str, str], statistics: SampleStatistics) -> ModelType | None:
    label = roles.get("prediction_label") or roles.get("actual_label")
    if label is None:
        return None
    seen = statistics.columns[label]
    if len(seen.distinct) <= _TWO:
        return "binary_classification"
    return "regression" if set(seen.type_counts) <= {"integer", "float"} else "score_categorical"

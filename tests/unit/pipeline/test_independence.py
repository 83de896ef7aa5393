"""What becomes of a message depends on nothing but itself and the configuration, once its columns are known.

Known is a column that is pinned, or whose role has one family of types. Messages of such columns are processed alone,
then shuffled, doubled and cut into chunks, among messages of every other kind: the same are delivered, with the same
values, and the same are dead letters, for the same reason, in both lanes.

`PROPERTY_EXAMPLES=10000 ./scripts/test tests/unit/pipeline/test_independence.py` plays 10,000 cases.
"""

import json
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ingest.config.load import load
from ingest.config.resolve import TopicConfig
from ingest.pipeline.decoding.fast_lane import installed_lane
from ingest.pipeline.decoding.learned_schema import MAX_COLUMNS
from ingest.pipeline.rows import RowProcessors
from tests.harness.messages import NO_TIMESTAMP, FakeMessage
from tests.harness.values import BROKEN_VALUES, EDGES

EXAMPLES = int(os.environ.get("PROPERTY_EXAMPLES", "200"))
NOW_S = 1_795_000_000
LANES: tuple[Literal["auto", "orjson"], ...] = ("auto", "orjson") if installed_lane("auto") == "fast" else ("orjson",)
PINS = {
    "n": "integer", "f": "float", "s": "string", "b": "boolean", "w": "list of strings", "null": "integer",
    "deep.n": "integer", "tag": "string", "words": "string",
}  # fmt: skip
SCHEMA: dict[str, Any] = {
    "types": PINS,
    "tags": ["tag", "text"],
    "conflicts": {"null": "null", "text": "text"},
    "shap": {"n": "n_effect", "*": "effect_*"},
    "embeddings": {"e": {"vector": "vector", "data": "words", "link": "url"}},
    "kafka": {"offset": "at_offset"},
}
LABELS = {"prediction_label": "string", "actual_label": "string"}
BINARY = {**SCHEMA, "types": PINS | LABELS}
RANKING = {"group": "group", "rank": "rank", "relevance_score": "relevance", "relevance_labels": "labels"}
CONFIGS: dict[str, tuple[str, dict[str, Any]]] = {
    "plain": ("binary_classification", BINARY),
    "filled": ("score_categorical", BINARY | {"timestamp_from_kafka": True}),
    "renamed": ("binary_classification", BINARY | {"rename": {"a": "n"}, "exclude": ["secret"], "unknown": "ignore"}),
    "strict": ("binary_classification", BINARY | {"unknown": "dead_letter"}),
    "numeric": ("regression", SCHEMA | {"timestamp_unit": "ms"}),
    "classes": ("multi_class", SCHEMA | {"threshold_scores": "thresholds", "timestamp_unit": "us"}),
    "ranking": (
        "ranking",
        SCHEMA
        | {"ranking": RANKING, "types": PINS | {"labels": "list of strings", "actual_label": "list of strings"}}
        | {"conflicts": {}, "tags": ["tag"], "timestamp_zone": "+02:00"},
    ),
}  # fmt: skip


def config(name: str, lane: Literal["auto", "orjson"]) -> TopicConfig:
    model_type, schema = CONFIGS[name]
    arize = {"model_name": "m", "model_type": model_type}
    return load(flags={"kafka": {"topic": "t"}, "arize": arize, "schema": schema, "batch": {"lane": lane}}).topics[0]


TOPICS = {(name, lane): config(name, lane) for name in CONFIGS for lane in ("auto", "orjson")}

# --- messages -------------------------------------------------------------------------------------

SECONDS = st.integers(NOW_S - 10**8, NOW_S)
INTEGERS = st.integers(-9, 9) | st.sampled_from(EDGES)
FLOATS = st.floats(-1e3, 1e3) | st.sampled_from([0.5, 1e25, -0.0, 2.0**53, 2.0**63, 1e19])
STRINGS = st.sampled_from(["", "a", "5", "NaN", "x" * 600])
ANYTHING: st.SearchStrategy[Any] = st.one_of(
    INTEGERS, FLOATS, STRINGS, st.booleans(), st.none(),
    st.sampled_from([[], [[]], [1], [1.5, 2], ["a"], ["a", None], [{}], {}, {"x": 1}, [True], [2**64], [[1.0], [2]],
                     [{"class_name": "a", "score": 0.5}]]),
)  # fmt: skip


def text_of(second: int, form: str) -> str:
    return datetime.fromtimestamp(second, UTC).strftime(form)


FORMS = [
    "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S", "%Y%m%dT%H%M%S,5z", "%Y-%m-%dT%H:%M:%S.123456789+02:00", "%Y-%m-%d",
    " %Y-%m-%d %H:%M:%S UTC", "%Y-%m-%dT%H:%M:%S+01:00[Europe/Berlin]",
]  # fmt: skip
UNITS: dict[str, st.SearchStrategy[Any]] = {
    "s": st.one_of(SECONDS, SECONDS.map(float), SECONDS.map(lambda at: at + 0.123)),
    "ms": st.one_of(SECONDS.map(lambda at: at * 1_000), SECONDS.map(lambda at: at * 1_000 + 0.25)),
    "us": st.one_of(SECONDS.map(lambda at: at * 10**6 + 1), SECONDS.map(lambda at: at * 1e6 + 0.5)),
    "ns": st.one_of(SECONDS.map(lambda at: at * 10**9 + 1), SECONDS.map(lambda at: at * 1e9)),
    "iso8601": st.builds(text_of, SECONDS, st.sampled_from(FORMS)),
}
ODD_TIMES = st.sampled_from([0, -1, 1e300, -1.7e12, 2**62, -(2**63), "1795000000", "9999-12-31", "12:00"])
SCORES = st.one_of(st.integers(0, 1), st.floats(0, 1))
CLASSES = st.lists(
    st.fixed_dictionaries({"class_name": st.sampled_from("abc"), "score": SCORES}),
    min_size=1,
    max_size=3,
    unique_by=lambda one: str(one["class_name"]),
)
IDS = st.one_of(st.integers(0, 99), st.sampled_from(["a", "b", "7", 2**60]))
TEXTS = st.sampled_from(["eu", "5", "é\x00"])
GOOD: dict[str, st.SearchStrategy[Any]] = {
    "n": st.integers(-9, 2**60), "f": st.floats(-1e3, 1e3) | st.integers(-9, 9), "s": TEXTS, "b": st.booleans(),
    "w": st.sampled_from([[], ["a"], ["a", None]]), "null": ANYTHING, "text": ANYTHING, "tag": TEXTS,
    "deep": st.fixed_dictionaries({"n": st.integers(-9, 9)}), "n_effect": SCORES, "effect_n": SCORES,
    "effect_f": SCORES, "vector": st.lists(st.floats(-9, 9) | st.integers(-9, 9), min_size=2, max_size=3),
    "actual_score": SCORES,
}  # fmt: skip
ODD = dict.fromkeys([*GOOD, "secret", "a"], ANYTHING) | {
    "prediction_id": ANYTHING | st.sampled_from(["x" * 513, 2**64]),
    "prediction_ts": ANYTHING | ODD_TIMES,
    "prediction_score": ANYTHING | st.sampled_from([2**53, 2**53 + 1, 1.5]),
    "prediction_label": ANYTHING, "actual_label": ANYTHING, "group": ANYTHING, "rank": st.integers(-1, 102),
    "relevance": ANYTHING, "labels": st.sampled_from([[], [""], "a"]), "thresholds": CLASSES, "words": ANYTHING,
    "url": ANYTHING, "n.x": st.integers(),
}  # fmt: skip


def good_row(name: str) -> st.SearchStrategy[dict[str, Any]]:
    """Messages that are delivered, but for a few combinations."""
    model_type, schema = CONFIGS[name]
    unit = schema.get("timestamp_unit", "auto")
    times = st.one_of(*UNITS.values()) if unit == "auto" else UNITS[unit]
    required: dict[str, st.SearchStrategy[Any]] = {"prediction_id": IDS, "prediction_ts": times}
    optional = {key: values for key, values in GOOD.items() if key != "text" or "text" in schema["conflicts"]}
    if "rename" in schema:
        optional |= {"secret": ANYTHING, "a": st.integers(-9, 9)}
    if model_type == "multi_class":
        required["prediction_score"] = optional["actual_score"] = CLASSES
    else:
        required["prediction_score"] = SCORES
        labels = SCORES if model_type == "regression" else st.sampled_from(["yes", "no"])
        if model_type == "ranking":
            required |= {"group": IDS, "rank": st.integers(1, 100)}
            optional |= {"relevance": SCORES, "labels": st.sampled_from([["a"], ["b", "c"]])}
        elif model_type != "regression":
            optional |= {"prediction_label": labels, "actual_label": labels}
    if schema.get("timestamp_from_kafka"):
        optional["prediction_ts"] = required.pop("prediction_ts")
    return st.fixed_dictionaries(required, optional=optional)


def many(row: dict[str, Any], start: int, count: int) -> dict[str, Any]:
    """A message whose keys are data."""
    return row | {f"k{number}": number for number in range(start, start + count)}


def encoded(row: dict[str, Any]) -> bytes:
    return json.dumps(row).encode()


def messages_of(name: str) -> st.SearchStrategy[list[FakeMessage]]:
    rows = good_row(name)
    odd = st.sampled_from(sorted(ODD)).flatmap(lambda key: ODD[key].map(lambda value: {key: value}))
    unknown = st.dictionaries(st.sampled_from(["x", "y", "deep.x", "n.x", "é", ""]), ANYTHING, max_size=3)
    good, starts = rows.map(encoded), st.sampled_from([0, 500, 5_000])
    shares: list[tuple[int, st.SearchStrategy[bytes | None]]] = [
        (60, good),
        (30, st.builds(lambda row, more: encoded(row | more), rows, odd)),
        (10, st.builds(lambda row, more: encoded(row | more), rows, unknown)),
        (3, st.builds(many, rows, starts, st.sampled_from([3, 100])).map(encoded)),
        (1, st.builds(many, rows, starts, st.sampled_from([1_990, 2_100])).map(encoded)),
        (3, good.map(lambda row: row[:-1] + b',"f":NaN}')),
        (3, st.sampled_from(BROKEN_VALUES)),
    ]
    kinds = [kind for share, kind in shares for _ in range(share)]
    # Not one_of, which takes equal strategies for one.
    raw = st.integers(0, len(kinds) - 1).flatmap(kinds.__getitem__)
    times = st.sampled_from([(1, NOW_S * 1_000 + 5), (1, NOW_S * 1_000 + 5), NO_TIMESTAMP, (1, 2**62)])
    return st.lists(st.builds(FakeMessage, raw, timestamp=times), min_size=1, max_size=8)


CASES = st.sampled_from(sorted(CONFIGS)).flatmap(lambda name: st.tuples(st.just(name), messages_of(name)))

# --- what becomes of them -------------------------------------------------------------------------


def outcomes(topic: TopicConfig, chunks: Sequence[Sequence[tuple[int, FakeMessage]]]) -> list[tuple[int, Any]]:
    """The number of each message and its row, or the code of its dead letter."""
    processors = RowProcessors(topic, lambda: NOW_S + 0.5)
    found: list[tuple[int, Any]] = []
    for chunk in chunks:
        messages = [message for _, message in chunk]
        routed = processors.route(messages)
        for processed in processors.process(0, routed, messages, np.arange(len(messages))):
            rows = readable(processed.decoded.table, topic.routes[0].schema.timestamp)
            found += zip((chunk[index][0] for index in processed.decoded.accepted.tolist()), rows, strict=True)
            found += ((chunk[fault.index][0], fault.reason.code) for fault in processed.decoded.rejected)
            assert sum(group.rows.sum() for group in processed.groups) == len(rows)
    return found


def readable(table: pa.RecordBatch, timestamp: str) -> list[dict[str, Any]]:
    """Rows without nulls; ids as text, and times as the nearest double of seconds, whichever type the column has.

    Among numbers of seconds a timestamp of Kafka's is that double, beside others it is the millisecond itself.
    """
    columns = dict(zip(table.schema.names, table.columns, strict=True))
    scale = 10**9
    if timestamp in columns and pa.types.is_timestamp(columns[timestamp].type):
        scale = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}[columns[timestamp].type.unit]
        columns[timestamp] = columns[timestamp].cast(pa.int64())
    found: list[dict[str, Any]] = []
    for row in pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns)).to_pylist():
        kept = {name: value for name, value in row.items() if value is not None and name != "at_offset"}
        if timestamp in kept:
            kept[timestamp] = float(Fraction(kept[timestamp]) * scale / 10**9)
        found.append(
            {name: str(value) if name in {"prediction_id", "group"} else value for name, value in kept.items()}
        )
    return found


def is_known(message: FakeMessage, name: str) -> bool:
    """All columns of the message are known, or its keys are too many by themselves."""
    if CONFIGS[name][1].get("unknown") == "ignore":
        return True
    try:
        row = json.loads(message.value() or b"")
    except ValueError:
        return True
    if not isinstance(row, dict):
        return True
    topic = TOPICS[name, "orjson"]
    named = {"prediction_id", "prediction_ts", "prediction_label", "prediction_score", "actual_label", "actual_score"}
    named |= {
        *PINS,
        *topic.routes[0].schema.tags,
        *(["deep"] if isinstance(row.get("deep"), dict) else []),  # else it is a column, which nothing pins
        "deep.n",
        "vector",
        "url",
        "n_effect",
        "effect_n",
        "effect_f",
    }
    if "ranking" in CONFIGS[name][1]:
        named |= {"group", "rank", "relevance", "labels"}
    if "threshold_scores" in CONFIGS[name][1]:
        named |= {"thresholds"}
    unnamed = row.keys() - named
    return not unnamed or len(unnamed) > MAX_COLUMNS


def check(name: str, messages: Sequence[FakeMessage], order: Sequence[int], sizes: Sequence[int]) -> None:
    numbered = list(enumerate(messages))
    alone: dict[int, Any] = {}
    for _, message in numbered:
        if id(message) not in alone:
            ((_, alone[id(message)]),) = outcomes(TOPICS[name, "orjson"], [[(0, message)]])
    chunks, begin, turn = [], 0, 0
    while begin < len(order):
        chunks.append([numbered[number] for number in order[begin : begin + sizes[turn % len(sizes)]]])
        begin, turn = begin + len(chunks[-1]), turn + 1
    for lane in LANES:
        found = outcomes(TOPICS[name, lane], chunks)
        assert sorted(number for number, _ in found) == sorted(order)
        for number, outcome in found:
            if is_known(messages[number], name):
                assert outcome == alone[id(messages[number])], (lane, messages[number].value())


def plain(**values: Any) -> FakeMessage:
    row = {"prediction_id": "a", "prediction_ts": NOW_S, "prediction_score": 0.5}
    return FakeMessage(json.dumps(row | values).encode(), timestamp=NO_TIMESTAMP)


@given(st.data(), CASES)
@settings(
    max_examples=EXAMPLES,
    derandomize="PROPERTY_EXAMPLES" not in os.environ,  # the suite plays the same cases each time
    deadline=None,
    phases=[Phase.generate],  # a case is small; to make it smaller takes minutes
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)
@pytest.mark.timeout(0)  # as long as the cases asked for take
def test_a_message_does_not_depend_on_its_neighbours(data: Any, case: tuple[str, list[FakeMessage]]) -> None:
    name, messages = case
    numbers = list(range(len(messages)))
    order = data.draw(st.permutations(numbers + data.draw(st.lists(st.sampled_from(numbers), max_size=4))))
    sizes = data.draw(st.lists(st.integers(1, 8), min_size=1, max_size=4))
    check(name, messages, order, sizes)


ODD_ONES: dict[str, tuple[str, FakeMessage, FakeMessage]] = {
    "1,996 keys": ("plain", plain(n=1, f=0.5, s="x", tag="eu"), plain(**{f"k{number}": 1 for number in range(1_996)})),
    "milliseconds beside seconds": ("plain", plain(), plain(prediction_ts=NOW_S * 1_000)),
    "text beside numbers": ("plain", plain(), plain(prediction_ts="2026-11-01T00:00:00Z")),
    "nanoseconds beside floats": ("plain", plain(prediction_ts=NOW_S + 0.5), plain(prediction_ts=NOW_S * 10**9 + 1)),
    "a negative number": ("plain", plain(), plain(prediction_ts=-1.7e12)),
    "an integer as an id": ("plain", plain(), plain(prediction_id=7)),
    "a large integer as a score": ("plain", plain(), plain(prediction_score=2**53 + 1)),
    "a group of digits": ("ranking", plain(group="a", rank=1), plain(group=7, rank=2)),
    "a label of a model that has none": (
        "classes",
        plain(prediction_ts=NOW_S * 10**6, prediction_score=[{"class_name": "a", "score": 0.5}], prediction_label=True),
        plain(prediction_ts=NOW_S * 10**6, prediction_score=[{"class_name": "a", "score": 0.5}], prediction_label=-4),
    ),
    "two SHAP columns of one feature": ("plain", plain(n_effect=0.5), plain(effect_n=0.5)),
}


@pytest.mark.parametrize("case", ODD_ONES)
def test_an_odd_message_pays_for_itself_alone(case: str) -> None:
    name, usual, odd = ODD_ONES[case]
    messages = [odd, *[usual] * 20]
    for order in (range(21), [*range(1, 21), 0], [*range(1, 11), 0, *range(11, 21)]):
        check(name, messages, order, [21])
        check(name, messages, order, [3, 18])
    check(name, [usual, odd, odd, odd, usual], range(5), [1, 4])

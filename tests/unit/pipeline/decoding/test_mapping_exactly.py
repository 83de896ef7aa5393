"""Random batches of random messages under random [schema]s: value for value as the oracle says, or dead letters.

`PROPERTY_EXAMPLES=10000 scripts/test tests/unit/pipeline/test_mapping_exactly.py` plays 10,000 batches;
PROPERTY_SEED=7 plays others. A failure names its batch, and what is left of it when every message that the failure
doesn't need is taken away.
"""

import json
import os
import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta, timezone
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from ingest.config.consistency import faults
from ingest.config.resolve import RouteConfig
from ingest.config.schema import Embedding, Schema
from ingest.config.sections import Arize
from ingest.config.settings import Config
from ingest.pipeline.arize.roles import RESERVED, Roles, roles
from ingest.pipeline.delivery.batch import Batch, Batches, BatchLimits, Part
from ingest.pipeline.rows import RowProcessor
from tests.harness.mapping_oracle import NOW_S, Row, named, renamed, role, verdicts
from tests.harness.messages import NO_TIMESTAMP, FakeMessage
from tests.harness.values import BROKEN_VALUES, EDGES, same

EXAMPLES = int(os.environ.get("PROPERTY_EXAMPLES", "200"))
SEED = os.environ.get("PROPERTY_SEED", "0")
LOTS = 20  # so that a run of several processes can share the examples
KEY = b"a key"

Dice = random.Random


# --- random settings ------------------------------------------------------------------------------


def some(dice: Dice, *values: Any) -> list[Any]:
    return [value for value in values if dice.random() < 0.4]


def schema(dice: Dice, key_file: Path) -> tuple[Schema, str]:
    """Settings that can work together, and the model type."""
    while True:
        found, model_type = _schema(dice, key_file)
        if not faults(found, Arize(model_type=model_type)):
            return found, model_type


def _schema(dice: Dice, key_file: Path) -> tuple[Schema, str]:
    hashed = some(dice, "h", "user.*", "*.mail", "tag_h")
    new_names = dict(some(dice, ("o.x", "ox"), ("a", "z"), ("b", "z"), ("score", "prediction_score"), ("x.y", "tag_y")))
    if dice.random() < 0.3:
        new_names |= dict(some(dice, ("p.*", "*"), ("o.*", "all.*"), ("*.t", "tag_*"), ("f*", "*f"), ("x.*", "*")))
    return Schema(
        prediction_id=dice.choice(["prediction_id", "prediction_id", "id", "meta.id"]),
        timestamp=dice.choice(["prediction_ts", "prediction_ts", "meta.at", "at"]),
        timestamp_unit=dice.choice(["auto", "auto", "s", "ms", "us", "ns", "iso8601"]),
        timestamp_from_kafka=dice.random() < 0.4,
        prediction_label=dice.choice(["prediction_label", "prediction_label", "label", "p.label", ""]),
        prediction_score=dice.choice(["prediction_score", "prediction_score", "p.score", ""]),
        actual_label=dice.choice(["actual_label", "actual_label", "p.label", ""]),
        actual_score=dice.choice(["actual_score", "actual_score", ""]),
        tags=tuple(some(dice, "tag_*", "meta.*", "region", "t", "*.t")),
        features=tuple(some(dice, "f*", "o", "a") if dice.random() < 0.3 else ()),
        rename=new_names,
        exclude=tuple(some(dice, "secret", "o.hidden", "user.ssn", "*_off")),
        hash=tuple(hashed),
        hash_key_file=key_file if hashed else None,
        kafka=dict(
            some(
                dice,
                ("partition", "kp"),
                ("offset", "ko"),
                ("timestamp", "kt"),
                ("key", "kk"),
                ("headers.trace", dice.choice(["trace", "a"])),
            )
        ),
        constants=dict(some(dice, ("pipeline", "v3"), ("c.n", 7), ("live", True), ("ratio", 0.5))),
        shap=dict(some(dice, ("a", "a_effect"), ("o.x", "e.x"))),
        embeddings=dict(
            some(dice, ("text", Embedding(vector="v", data="words")), ("image", Embedding(vector="w", link="url")))
        ),
    ), dice.choice(["binary_classification", "score_categorical", "regression"])


# --- random messages ------------------------------------------------------------------------------

TEXTS = ["", "a", "1", "true", "null", "\x00", "\ud7ff", '"', "a:b", '":', "\\", "é", "😀", "\u2028", "x" * 600, " "]
PATHS = ["a", "b", "c", "z", "f1", "f2", "o.x", "o.hidden", "o.t", "x.y", "ox", "region", "tag_a", "tag_h", "tag_y"]
PATHS += ["t", "h", "user.mail", "user.ssn", "user.n", "secret", "a_off", "trace", "kp", "pipeline", "score", "label"]
PATHS += ["p.label", "p.score", "id", "at", "meta.at", "meta.id", "meta.region", "a_effect", "e.x", "v", "w", "words"]
PATHS += ["url", "some_shap", "é", "a:", "deep.er.still"]


WITHIN = [number for number in EDGES if -(2**63) <= number < 2**63]


def integer(dice: Dice) -> int:
    return dice.choice([dice.choice(WITHIN), dice.randrange(-5, 6), dice.randrange(-(2**63), 2**63)])


def any_integer(dice: Dice) -> int:
    return dice.choice([dice.choice(EDGES), dice.randrange(-(2**66), 2**66)])


def small(dice: Dice) -> int:
    return dice.randrange(-1000, 1000)


def real(dice: Dice) -> float:
    edges = [0.0, -0.0, 0.5, 5e-324, 1.7976931348623157e308, 2.0**53, 2.0**63, -(2.0**63), 2.0**64, 1e25, 1.0]
    return dice.choice([dice.choice(edges), dice.gauss(0, 1), dice.uniform(-1e9, 1e9)])


def text(dice: Dice) -> str:
    return dice.choice([dice.choice(TEXTS), "".join(chr(dice.randrange(1, 0xD7FF)) for _ in range(dice.randrange(5)))])


def truth(dice: Dice) -> bool:
    return dice.random() < 0.5


def strings(dice: Dice) -> list[str | None]:
    return [dice.choice([None, text(dice)]) for _ in range(dice.randrange(3))]


def numbers(dice: Dice) -> list[float]:
    return [dice.choice([real(dice), small(dice)]) for _ in range(dice.choice([2, 2, 3, 4, 1]))]


def _nothing(dice: Dice) -> Any:
    return dice.choice([None, {}])


def anything(dice: Dice) -> Any:
    makers: list[Callable[[Dice], Any]] = [integer, any_integer, real, text, truth, strings, numbers, _listed, _nothing]
    return dice.choice(makers)(dice)


def _listed(dice: Dice) -> list[Any]:
    return [dice.choice([text(dice), small(dice), None, [], {"k": 1}, 2**64]) for _ in range(dice.randrange(1, 3))]


def moment(dice: Dice, unit: str, odd: float) -> Any:
    """A timestamp of this unit, now and then far off or of another form."""
    if dice.random() < odd:
        return dice.choice([0, -1, 1e300, 2**63 - 1, -(2**63), 2**64, "", "2026-13-01", True, None, "now", 1.7e12, []])
    ns = (NOW_S - dice.randrange(86_400 * 900)) * 10**9 + dice.choice([0, 5 * 10**8, dice.randrange(10**9)])
    if unit == "iso8601":
        zone = dice.choice([None, UTC, timezone(timedelta(hours=2)), timezone(-timedelta(hours=3, minutes=30))])
        at = datetime.fromtimestamp(ns // 10**9, zone or UTC)
        said = at.replace(tzinfo=None).isoformat(dice.choice("T "), "seconds")
        digits = f"{ns % 10**9:09}"
        fraction = dice.choice(["", f".{digits[:3]}", f".{digits}"])
        tail = "" if zone is None else "Z" if zone is UTC and truth(dice) else at.isoformat()[-6:]
        return said + fraction + tail
    if unit == "s" and truth(dice):
        return ns / 10**9
    value = ns // (10**9 // {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit])
    return float(value) + dice.choice([0, 0.25, 0.1]) if dice.random() < 0.2 else value


def rows(dice: Dice, made: Schema, model_type: str, count: int) -> list[Row]:
    """Flat rows: columns that mostly hold one kind, some that hold anything."""
    unit = dice.choice(["s", "ms", "us", "ns", "iso8601"]) if made.timestamp_unit == "auto" else made.timestamp_unit
    plain = [integer, small, small, real, real, text, text, truth]
    usual = {path: dice.choice([*plain, strings]) for path in PATHS if dice.random() < 0.35}
    usual |= {path: dice.choice(plain) for path in usual if tagged(path, made)}
    usual |= dict.fromkeys(["score", "a_effect", "e.x"], real)
    usual |= {made.prediction_score: real, made.actual_score: dice.choice([real, small])}
    labels = [real, small] if model_type == "regression" else [text, small, truth]
    usual |= {made.prediction_label: dice.choice(labels), made.actual_label: dice.choice(labels)}
    usual |= {"v": numbers, "w": numbers, "words": dice.choice([text, strings]), "url": text}
    odd = dice.choice([0.0, 0.0, 0.0, 0.02, 0.1])
    auto, mixed = made.timestamp_unit == "auto", dice.choice([0.0, 0.1, 1.0])
    found = []
    for number in range(count):
        own = dice.choice(["s", "ms", "us", "ns", "iso8601"]) if auto and dice.random() < mixed else unit
        row: Row = {made.prediction_id: f"id {number}", made.timestamp: moment(dice, own, odd)}
        if made.timestamp_from_kafka and truth(dice):
            del row[made.timestamp]
        for path, make in usual.items():
            if path and path not in row and dice.random() < 0.6:
                row[path] = anything(dice) if dice.random() < odd else make(dice)
        if dice.random() < 0.9:
            outcome = made.prediction_score or made.prediction_label or made.actual_score or made.actual_label
            if outcome:
                row.setdefault(outcome, usual[outcome](dice))
            make_good(row, made, model_type)
        if dice.random() < odd:
            row[dice.choice(PATHS)] = anything(dice)
        if dice.random() < odd:
            row[made.prediction_id] = dice.choice([None, "", "x" * 513, 7, 2**60, 1.5, True])
        if truth(dice):
            row = {path: row[path] for path in dice.sample(sorted(row), len(row))}
        found.append(row)
    return found


def tagged(path: str, made: Schema) -> bool:
    return any(named(pattern, renamed(made, path)) for pattern in made.tags)


def make_good(row: Row, made: Schema, model_type: str) -> None:
    """Take out what is likely to make a dead letter of a row."""
    vectors = {embedding.vector for embedding in made.embeddings.values()}
    unwanted = {*made.added(), "some_shap", *({"v", "w"} - vectors)}
    for embedding in made.embeddings.values():
        vector, words = row.get(embedding.vector), row.get(embedding.data)
        if not isinstance(vector, list) or len(vector) < 2:
            unwanted |= {embedding.vector, embedding.data, embedding.link}
        if isinstance(words, list) and None in words:
            unwanted.add(embedding.data)
    if model_type == "regression":
        unwanted |= {label for label, score in _pairs(made) if score in row}
    seen: set[str] = set()
    for path in list(row):
        name = renamed(made, path)
        if path in unwanted or name in unwanted or name in seen:
            del row[path]
        seen.add(name)


def _pairs(made: Schema) -> list[tuple[str, str]]:
    return [(made.prediction_label, made.prediction_score), (made.actual_label, made.actual_score)]


def nested(dice: Dice, flat: Row) -> Row:
    """The same leaves, some of them in objects. Ways that would have one path twice are left alone."""
    row: Row = {}
    for path, value in flat.items():
        head, dot, tail = path.partition(".")
        if dot and truth(dice) and isinstance(row.get(head, {}), dict):
            row.setdefault(head, {})[tail] = value
        else:
            row[path] = value
    return row


def spelled(dice: Dice, row: Row) -> bytes:
    blank = dice.choice(["", "", " ", "\n\t"])
    ascii_only = truth(dice)
    return json.dumps(row, ensure_ascii=ascii_only, separators=("," + blank, blank + ":" + blank)).encode()


def batch(dice: Dice, made: Schema, model_type: str) -> list[FakeMessage]:
    messages = []
    for number, row in enumerate(rows(dice, made, model_type, dice.randrange(1, 40))):
        raw: bytes | None = spelled(dice, nested(dice, row))
        if dice.random() < 0.03:
            raw = dice.choice(BROKEN_VALUES)
        messages.append(
            FakeMessage(
                raw,
                topic="t",
                partition=number % 3,
                offset=number,
                key=dice.choice([None, b"k", b"\xff", "ü".encode()]),
                headers=[("trace", dice.choice([None, b"1", b"\xff"])) for _ in range(dice.randrange(3))],
                timestamp=NO_TIMESTAMP if dice.random() < 0.05 else (1, (NOW_S - 60) * 1000 + dice.randrange(1000)),
            )
        )
    return messages


# --- the property ---------------------------------------------------------------------------------


def delivered(
    config: RouteConfig, sent: Sequence[FakeMessage], sizes: Sequence[int]
) -> tuple[dict[int, Row], dict[int, str], list[pa.Table]]:
    """Rows by number as the batches have them, dead letters' codes by number, and the batches' tables."""
    judge = RowProcessor(config, lambda: NOW_S)
    batches = Batches(BatchLimits(max_events=30, max_bytes=10**9, linger_s=0.0))
    closed: list[Batch] = []
    codes: dict[int, str] = {}
    begin = turn = 0
    while begin < len(sent):
        chunk = sent[begin : begin + sizes[turn % len(sizes)]]
        decoded = judge.process(chunk)
        for fault in decoded.rejected:
            assert fault.reason.detail
            assert begin + fault.index not in codes
            codes[begin + fault.index] = fault.reason.code
        shapes = judge.batch_groups(decoded.table)
        whole = Part(decoded.table, np.zeros(len(shapes), np.int32), decoded.accepted + begin, [])
        for shape in np.unique(shapes).tolist():
            batches.add(whole.of_rows(shapes == shape), 0, 0.0, shape=shape)
        begin, turn = begin + len(chunk), turn + 1
        if turn % 3 == 0:
            closed += _taken(batches)
    closed += _taken(batches)
    found: dict[int, Row] = {}
    for one in closed:
        numbers = np.concatenate([part.offsets for part in one.parts]).tolist()
        for number, row in zip(numbers, readable(one.table(), config.schema.timestamp), strict=True):
            assert number not in found
            found[number] = {name: value for name, value in row.items() if value is not None}
    return found, codes, [one.table() for one in closed]


def _taken(batches: Batches) -> list[Batch]:
    closed = -1
    while closed != len(batches.ready):
        closed = len(batches.ready)
        batches.close(0.0, draining=True)
    found = list(batches.ready)
    batches.ready.clear()
    return found


def readable(table: pa.Table, timestamp: str) -> list[Row]:
    """Rows in Python's types, timestamps as nanoseconds."""
    at = table.schema.get_field_index(timestamp)
    if at < 0:
        return list(table.to_pylist())
    kind = table.schema.field(at).type
    scale = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}[kind.unit] if pa.types.is_timestamp(kind) else 10**9
    column = table.column(at).cast(pa.int64()) if pa.types.is_timestamp(kind) else table.column(at)
    found: list[Row] = table.set_column(at, timestamp, column).to_pylist()
    for row in found:
        if row[timestamp] is not None:
            row[timestamp] = Fraction(row[timestamp]) * scale
    return found


def broken(config: RouteConfig, sent: Sequence[FakeMessage], sizes: Sequence[int]) -> str:
    """What is not as the oracle says, "" if all is."""
    schema, model_type = config.schema, config.arize.model_type
    wanted = verdicts(sent, schema, model_type, KEY)
    try:
        found, codes, tables = delivered(config, sent, sizes)
    except Exception as crash:  # noqa: BLE001  a crash of any kind is what is looked for
        return f"{type(crash).__name__}: {str(crash)[:300]}"
    if sorted([*found, *codes]) != list(range(len(sent))):
        return f"of {len(sent)} messages {sorted(found)} arrived and {sorted(codes)} are dead letters"
    for number, verdict in enumerate(wanted):
        if number in codes:
            if codes[number] not in verdict.must | verdict.may:
                return f"{number} is a dead letter with {codes[number]}; it {_said(verdict)}"
        elif verdict.must:
            return f"{number} arrived; it {_said(verdict)}"
        elif (why := _different(found[number], verdict.row or {}, schema)) != "":
            return f"{number} arrived with {why}"
    return _roles(config, tables)


def _said(verdict: Any) -> str:
    if verdict.must:
        return f"must be one with {sorted(verdict.must)}"
    return f"must arrive, or be one with {sorted(verdict.may)}"


def _different(row: Row, wanted: Row, schema: Schema) -> str:
    if row.keys() != wanted.keys():
        return f"{sorted(row.keys() ^ wanted.keys())} too much or missing"
    for name, value in row.items():
        if name == schema.timestamp:
            # Seconds from Kafka's milliseconds are the nearest double.
            if value != wanted[name] and float(value / 10**9) != float(Fraction(wanted[name], 10**9)):
                return f"another time, {value} for {wanted[name]}"
        elif not _same(value, wanted[name]) and not _same_id(name, value, wanted[name], schema):
            return f"another value of {name}: {str(value)[:60]!r} for {str(wanted[name])[:60]!r}"
    return ""


def _same_id(name: str, value: Any, wanted: Any, schema: Schema) -> bool:
    """An id in digits, beside ids that are strings."""
    return name == schema.prediction_id and type(wanted) is int and value == str(wanted)


def _same(value: Any, wanted: Any) -> bool:
    if type(value) is list and type(wanted) is list:
        return len(value) == len(wanted) and all(map(_same, value, wanted))
    return same(value, wanted)


def _roles(config: RouteConfig, tables: Sequence[pa.Table]) -> str:
    for table in tables:
        empty = frozenset(name for name in table.column_names if table.column(name).null_count == table.num_rows)
        names = [name for name in (config.schema.prediction_label, config.schema.prediction_score) if name]
        predicted = {any(row.get(name) is not None for name in names) for row in table.to_pylist()}
        if len(predicted) > 1:
            return "a batch has predictions and actuals alone"
        told = _told(roles(config.schema, config.arize.model_type, table.column_names, empty))
        for name in table.column_names:
            said, wanted = told.get(name, set()), role(name, config.schema)
            if name not in empty and said != wanted:
                return f"{name} is sent as {sorted(said)}; it is {sorted(wanted)}"
    return ""


def _told(meant: Roles) -> dict[str, set[str]]:
    """What each column is sent as."""
    pairs = [(getattr(meant, key), key) for key in RESERVED]
    pairs += [(name, f"shap of {feature}") for feature, name in meant.shap.items()]
    pairs += [(name, f"{key} of {title}") for title, one in meant.embeddings.items() for key, name in one]
    pairs += [(name, "tag") for name in meant.tags] + [(name, "feature") for name in meant.features]
    told: dict[str, set[str]] = {}
    for name, said in pairs:
        if name:
            told.setdefault(name, set()).add(said)
    return told


@pytest.fixture(scope="module")
def key_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("key") / "key"
    path.write_bytes(KEY)
    return path


@pytest.mark.parametrize("lot", range(LOTS))
def test_random_messages_under_random_settings_arrive_value_for_value_or_are_dead_letters(
    lot: int, key_file: Path
) -> None:
    arrived = dead = 0
    for example in range(lot, EXAMPLES, LOTS):
        dice = Dice(f"{SEED}-{example}")
        made, model_type = schema(dice, key_file)
        config = Config(arize=Arize(model_type=model_type), schema=made).topics[0].routes[0]
        sent = batch(dice, made, model_type)
        sizes = [dice.randrange(1, 12) for _ in range(4)]
        why = broken(config, sent, sizes)
        if why:
            left = smallest(config, sent, sizes)
            text = "\n".join(f"{message.value()!r}, at {message.timestamp()[1]}"[:700] for message in left)
            said = {name: getattr(made, name) for name in sorted(made.model_fields_set) if getattr(made, name)}
            pytest.fail(
                f"batch {SEED}-{example}: {why}\n{broken(config, left, sizes)}\n{sizes} {model_type} {said}\n{text}"
            )
        verdict = verdicts(sent, made, model_type, KEY)
        arrived += sum(not one.must for one in verdict)
        dead += sum(bool(one.must) for one in verdict)
    assert arrived > dead > 0 or len(range(lot, EXAMPLES, LOTS)) < 5


def smallest(config: RouteConfig, sent: list[FakeMessage], sizes: Sequence[int]) -> list[FakeMessage]:
    """Messages without those that the failure doesn't need."""
    at = 0
    while at < len(sent):
        fewer = [*sent[:at], *sent[at + 1 :]]
        if broken(config, fewer, sizes):
            sent = fewer
        else:
            at += 1
    return sent

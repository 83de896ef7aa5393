"""What must become of a message under [schema], said once more in plain Python: slowly, one message at a time.

It shares no code with the package. What depends on a message's neighbours (which kind a column has that is neither
pinned nor of one kind by its role) it only allows, and only where the column has had several.
"""

import hashlib
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

from ingest.config.schema import Schema
from tests.harness.messages import FakeMessage

Row = dict[str, Any]

NOW_S = 1_795_000_000
YEAR_S = 365 * 86_400
PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
NUMBERS, IDS = {"int", "wide", "float"}, {"str", "int", "wide"}
_DEEPEST = 1_000  # levels of nesting that any parser here takes
_STRING, _BRACKET = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL), re.compile(rb"[\[\]{}]")
SIZES = (("s", 10**11), ("ms", 10**14), ("us", 10**17), ("ns", math.inf))


class Broken(Exception):  # noqa: N818
    """A message that is a dead letter whatever its neighbours are."""

    def __init__(self, *codes: str) -> None:
        self.codes = frozenset(codes)


@dataclass(frozen=True)
class Verdict:
    """`row` is what arrives, if it does. `must`: one of these codes is its dead letter's; `may`: it may be."""

    row: Row | None
    must: frozenset[str] = frozenset()
    may: frozenset[str] = frozenset()


@dataclass
class Mapped:
    """A message as far as it can be judged alone: its columns, and its timestamp's unit as it looks."""

    columns: Row
    message: FakeMessage
    faults: set[str] = field(default_factory=set)


# --- one message alone ----------------------------------------------------------------------------


def parsed(raw: bytes | None) -> Row:
    """The object in a message. Raises Broken."""
    if raw is None:
        raise Broken("tombstone")
    codes: set[str] = set()
    row = _loaded(raw, codes)
    if not isinstance(row, dict):
        raise Broken("not_an_object")
    if any(isinstance(value, float) and math.isinf(value) for value in everything(row)):
        codes.add("number_range")
    if not row:
        codes.add("empty_object")
    if codes:
        raise Broken(*codes)
    return row


def _loaded(raw: bytes, codes: set[str]) -> Any:
    """The JSON value in a message, and into `codes` whether a key stands twice in it. Raises Broken."""

    def pairs(found: list[tuple[str, Any]]) -> Row:
        if len(dict(found)) < len(found):
            codes.add("duplicate_key")
        return dict(found)

    def no_constant(_: str) -> None:
        raise Broken("not_json")

    if _depth(raw) > _DEEPEST:  # how deep Python's own parser goes differs by its version
        raise Broken("nested_too_deep")
    try:
        value = json.loads(raw.decode(), object_pairs_hook=pairs, parse_constant=no_constant)
        json.dumps(value, ensure_ascii=False).encode()  # lone surrogates
    except ValueError:
        raise Broken("not_json") from None
    except RecursionError:
        raise Broken("nested_too_deep") from None
    return value


def _depth(raw: bytes) -> int:
    """How deep its brackets are nested, outside strings."""
    deepest = depth = 0
    for bracket in _BRACKET.findall(_STRING.sub(b"", raw)):
        depth += 1 if bracket in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest


def everything(value: Any) -> Iterator[Any]:
    """A value and all that is in it."""
    yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from everything(inner)


def leaves(row: Row, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in row.items():
        if not key:
            raise Broken("empty_key")
        if isinstance(value, dict) and value:
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield prefix + key, (None if isinstance(value, dict) else value)


def named(pattern: str, path: str) -> bool:
    """A pattern names a path, or an object that the path is in."""
    places = [at for at, character in enumerate(path) if character == "."]
    return any(_glob(pattern, path[:end]) for end in (*places, len(path)))


def _glob(pattern: str, text: str) -> bool:
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(_glob(pattern[1:], text[cut:]) for cut in range(len(text) + 1))
    return text[:1] == pattern[0] and _glob(pattern[1:], text[1:])


def digest(value: Any, key: bytes) -> str:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return hashlib.blake2b(text.encode(), key=key, digest_size=16).hexdigest()


def renamed(schema: Schema, path: str) -> str:
    """The column of a path: an exact entry of rename, then the first pattern."""
    if path in schema.rename:
        return schema.rename[path]
    for old, new in schema.rename.items():
        star = re.fullmatch("(.+)".join(map(re.escape, old.split("*"))), path, re.DOTALL) if "*" in old else None
        if star is not None:
            return new.replace("*", star[1])
    return path


def mapped(message: FakeMessage, schema: Schema, key: bytes) -> Mapped:
    """The columns of one message under their names. Raises Broken."""
    paths = list(leaves(parsed(message.value())))
    if len(dict(paths)) < len(paths):
        raise Broken("ambiguous_key")
    columns: Row = {}
    codes: set[str] = set()
    for path, value in paths:
        if any(named(pattern, path) for pattern in schema.exclude):
            continue
        kept = value
        if value is not None and any(named(pattern, path) for pattern in schema.hash):
            # Up to 2**64 the parser has it exactly, and a hash is text: there is a place for it.
            if any(type(inner) is int and not -(2**63) <= inner < 2**64 for inner in everything(value)):
                codes.add("integer_past_64_bits")
            kept = digest(value, key)
        name = renamed(schema, path)
        if columns.get(name) is not None and kept is not None:
            # The others of its faults may be found first.
            codes |= {"ambiguous_key", "integer_past_64_bits", "type_conflict", "wrong_type", "unsupported_list"}
        if columns.get(name) is None:
            columns[name] = kept
    if codes:
        raise Broken(*codes)
    return Mapped({name: value for name, value in columns.items() if value is not None}, message)


# --- kinds ----------------------------------------------------------------------------------------


def kind(value: Any) -> str:
    """Of a plain column."""
    if type(value) is int:
        if not -(2**63) <= value < 2**63:
            return "past"
        return "int" if abs(value) <= 2**53 else "wide"
    if type(value) is list:
        return "strings" if all(item is None or type(item) is str for item in value) else "other"
    return type(value).__name__


def vector(value: Any) -> bool:
    return type(value) is list and all(
        type(item) is float or (type(item) is int and abs(item) <= 2**53) for item in value
    )


def mixed(kinds: set[str]) -> bool:
    """A column that has had these may refuse some of its values."""
    return len(kinds) > 1 and not kinds <= {"int", "float"} and not kinds <= {"int", "wide"}


# --- timestamps -----------------------------------------------------------------------------------


def unit_of(value: Any) -> str:
    if type(value) is str:
        return "iso8601"
    return next(unit for unit, end in SIZES if abs(value) <= end)


_ISO = re.compile(r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d)?)(\.\d{1,9})?(Z|[+-]\d\d:?\d\d)?)?")


def nanoseconds(value: Any, unit: str) -> int | Fraction | None:
    """Since 1970, None where it can't be read."""
    if (type(value) is str) != (unit == "iso8601"):
        return None
    if type(value) is not str:
        at = Fraction(value) * (10**9 // PER_SECOND[unit])
        return at if unit == "s" else round(at)
    match = _ISO.fullmatch(value)
    if match is None:
        return None
    day, time, fraction, zone = match.groups()
    try:
        moment = datetime.fromisoformat(f"{day}T{time or '00:00'}+00:00")
    except ValueError:
        return None
    shift = timedelta()
    if zone not in (None, "Z"):
        hours, minutes = int(zone[1:3]), int(zone[-2:])
        shift = timedelta(hours=hours, minutes=minutes) * (-1 if zone[0] == "-" else 1)
    since = moment - datetime.fromisoformat("1970-01-01T00:00:00+00:00") - shift
    return (since // timedelta(seconds=1)) * 10**9 + int((fraction or ".0")[1:].ljust(9, "0"))


# --- all of them ----------------------------------------------------------------------------------


def verdicts(sent: Sequence[FakeMessage], schema: Schema, model_type: str, key: bytes) -> list[Verdict]:
    """What must or may become of each message; `sent` is all that one worker reads."""
    found: list[Mapped | Broken] = []
    for message in sent:
        try:
            found.append(mapped(message, schema, key))
        except Broken as broken:
            found.append(broken)
    kinds: dict[str, set[str]] = {}
    for one in found:
        for name, value in one.columns.items() if isinstance(one, Mapped) else ():
            kinds.setdefault(name, set()).add(kind(value))
    return [
        Verdict(None, must=one.codes) if isinstance(one, Broken) else _verdict(one, schema, model_type, kinds)
        for one in found
    ]


def _verdict(one: Mapped, schema: Schema, model_type: str, kinds: Mapping[str, set[str]]) -> Verdict:
    row = dict(one.columns)
    must, may = _of_kinds(one, schema, model_type, kinds)
    _time(one, row, schema, must)
    must |= {
        *_of_limits(row, schema),
        *_of_outcomes(row, schema, model_type),
        *_of_embeddings(row, schema),
        *_of_added(one.message, row, schema),
    }
    return Verdict(row, frozenset(must), frozenset(may))


def _of_kinds(one: Mapped, schema: Schema, model_type: str, kinds: Mapping[str, set[str]]) -> tuple[set[str], set[str]]:
    """What the kinds of a message's values must, and may, be refused for."""
    must: set[str] = set()
    may: set[str] = set()
    vectors = {embedding.vector for embedding in schema.embeddings.values()}
    for name, value in one.columns.items():
        own = kind(value)
        allowed = _allowed(name, schema, model_type)
        if name in vectors:
            if own == "past" or not vector(value):
                must |= {"wrong_type", "integer_past_64_bits", "unsupported_list"}
            continue
        if own == "past":
            must.add("integer_past_64_bits")
        elif own == "other":
            must |= {"unsupported_list", "wrong_type"}
        elif allowed is not None and own not in allowed:
            must |= {"wrong_type", "type_conflict"}
        elif allowed == NUMBERS and own == "wide" and name != schema.timestamp:
            must.add("type_conflict")  # no float holds it
        if mixed(kinds[name]) and name != schema.timestamp and allowed not in (NUMBERS, IDS):
            may |= {"type_conflict", "wrong_type", "unsupported_list", "integer_past_64_bits"}
    return must, may


def _of_limits(row: Row, schema: Schema) -> Iterator[str]:
    identity = row.get(schema.prediction_id)
    if identity is None:
        yield "missing_column"
    if type(identity) is str and not 1 <= len(identity) <= 512:
        yield "id_length"
    for name, value in row.items():
        if type(value) is str and len(value) > 20_000 and any(named(pattern, name) for pattern in schema.tags):
            yield "tag_length"
        if name.endswith("_shap") and role(name, schema) & {"feature", "tag"}:
            yield "reserved_name"


def _of_outcomes(row: Row, schema: Schema, model_type: str) -> Iterator[str]:
    predicted, actual = (schema.prediction_label, schema.prediction_score), (schema.actual_label, schema.actual_score)
    if not row.keys() & {*predicted, *actual, *schema.shap.values()}:
        yield "no_prediction"
    for label, score in (predicted, actual):
        if model_type == "regression" and {label, score} <= row.keys() and row[label] != row[score]:
            yield "two_values"


def _of_embeddings(row: Row, schema: Schema) -> Iterator[str]:
    for embedding in schema.embeddings.values():
        value, words = row.get(embedding.vector), row.get(embedding.data)
        if type(value) is list and len(value) < 2:
            yield "embedding_dimensions"
        if value is None and row.keys() & {embedding.data, embedding.link}:
            yield "embedding_without_vector"
        if type(words) is list and None in words:
            yield "embedding_text"


def _allowed(name: str, schema: Schema, model_type: str) -> set[str] | None:
    """The kinds of a column that means something, None for any."""
    numbers, scalars = NUMBERS, {"int", "wide", "float", "str", "bool"}
    found: set[str] | None = None
    labels = numbers if model_type == "regression" else scalars
    for column, kinds in (
        (schema.prediction_id, IDS),
        (schema.timestamp, {"iso8601": {"str"}, "auto": numbers | {"str"}}.get(schema.timestamp_unit, numbers)),
        (schema.prediction_label, labels),
        (schema.actual_label, labels),
        (schema.prediction_score, numbers),
        (schema.actual_score, numbers),
        *((column, numbers) for column in schema.shap.values()),
        *((embedding.data, {"str", "strings"}) for embedding in schema.embeddings.values()),
        *((embedding.link, {"str"}) for embedding in schema.embeddings.values()),
    ):
        if column == name:
            found = kinds if found is None else found & kinds
    if found is None and any(named(pattern, name) for pattern in schema.tags):
        return scalars
    return found


def _time(one: Mapped, row: Row, schema: Schema, must: set[str]) -> None:
    """The timestamp in `row` as nanoseconds since 1970."""
    value = one.columns.get(schema.timestamp)
    at: int | Fraction | None
    if value is None:
        if not schema.timestamp_from_kafka or one.message.timestamp()[1] < 0:
            # An actual alone needs none, unless the configuration says where to take it from.
            if schema.timestamp_from_kafka or one.columns.keys() & {schema.prediction_label, schema.prediction_score}:
                must.add("missing_column")
            return
        at = one.message.timestamp()[1] * 10**6
    elif type(value) not in {int, float, str}:
        return
    else:
        at = nanoseconds(value, unit_of(value) if schema.timestamp_unit == "auto" else schema.timestamp_unit)
    if at is None:
        must |= {"bad_timestamp", "wrong_type", "type_conflict"}
        return
    row[schema.timestamp] = at
    if not NOW_S - 5 * YEAR_S <= at / 10**9 <= NOW_S + YEAR_S:
        # Past what Arrow's nanoseconds can say it is not read at all.
        must |= {"timestamp_range", "bad_timestamp"}


def _of_added(message: FakeMessage, row: Row, schema: Schema) -> set[str]:
    """Put into `row` what no message brings."""
    added: Row = dict(schema.constants)
    for source, name in schema.kafka.items():
        if source == "key":
            added[name] = _utf8(message.key())
        elif source.startswith("headers."):
            values = [raw for header, raw in message.headers() or () if f"headers.{header}" == source]
            added[name] = _utf8(values[-1]) if values else None
        elif source == "timestamp":
            added[name] = at_ms if (at_ms := message.timestamp()[1]) >= 0 else None
        else:
            added[name] = {"partition": message.partition(), "offset": message.offset()}[source]
    brought = row.keys() & added.keys()
    row.update({name: value for name, value in added.items() if value is not None})
    return {"reserved_column"} if brought else set()


def _utf8(raw: str | bytes | None) -> str | None:
    try:
        return raw.decode() if isinstance(raw, bytes) else raw
    except UnicodeDecodeError:
        return None


def role(name: str, schema: Schema) -> set[str]:
    """What a column with values means to Arize, in words; "" for one that means nothing."""
    reserved = ("prediction_id", "timestamp", "prediction_label", "prediction_score", "actual_label", "actual_score")
    found = {key for key in reserved if getattr(schema, key) == name}
    found |= {f"shap of {feature}" for feature, column in schema.shap.items() if column == name}
    for title, embedding in schema.embeddings.items():
        found |= {f"{key} of {title}" for key, column in embedding if column == name}
    added = (*schema.kafka.values(), *schema.constants)
    if name in added or (name != schema.timestamp and any(named(pattern, name) for pattern in schema.tags)):
        found.add("tag")
    elif not found and (not schema.features or any(named(pattern, name) for pattern in schema.features)):
        found.add("feature")
    return found

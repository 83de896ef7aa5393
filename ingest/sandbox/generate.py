"""Generates realistic predictions: an event depends only on (seed, partition, sequence), so it can be made again.

Rules
1. An event has fields of its own (id, time, label, score, `kp`, `seq`) and three groups of features and tags, each
   picked from a pool that the seed determines. So events are cheap, and `row` returns exactly the values of an event.
2. `kp` is the event's Kafka partition, and `seq` counts from 0 in it: a receiver can identify each event.
3. Features have all JSON types; some are null, some absent, some integers are above 2**53, and strings contain escapes,
   control characters and characters of all Unicode planes.
4. With `bad_share`, some messages are bad; `bad` returns which, and their kind, without making them.
"""

import calendar
import json
import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from ingest.sandbox.vectors import Vectors, vectors

Fields = Literal["narrow", "usual", "wide", "embedding"]
BadKind = Literal[
    "invalid_json",
    "bad_utf8",
    "bom",
    "nan",
    "not_an_object",
    "list_of_objects",
    "int_past_64_bits",
    "tombstone",
    "no_prediction_id",
    "string_in_int_column",
]
BAD_KINDS: tuple[BadKind, ...] = get_args(BadKind)
TAGS = ("tag_region", "tag_release", "kp", "seq")

WIDTHS: Mapping[Fields, int] = {"narrow": 8, "usual": 24, "wide": 200, "embedding": 9}
VECTOR = "text_vector"
_HEAD_FIELDS = 6
_POOL = 61  # alternatives per group; prime, so that the picks of the three groups are not correlated
_MASK = (1 << 64) - 1
_MILLION = 1_000_000
_WORDS = (
    "checkout", "mobile", "desktop", "returning", "new", "Zürich", "São Paulo", "東京", "Москва", "café", "naïve",
    'say "hi"', "back\\slash", "tab\tnew\nline", "emoji 🚀🔥", "\u0001control", "a/b", "<tag> & co", "", " spaces ",
)  # fmt: skip

Row = dict[str, Any]


def _int(dice: random.Random) -> int:
    return dice.choice((dice.randrange(100), dice.randrange(-50_000, 50_000), dice.getrandbits(62), -(2**63)))


def _float(dice: random.Random) -> float:
    return dice.choice(
        (dice.random(), dice.gauss(0, 1e6), round(dice.random() * 100, 2), float(dice.randrange(9)), 5e-7)
    )


def _bool(dice: random.Random) -> bool:
    return dice.random() < 0.5


def _string(dice: random.Random) -> str:
    return f"{dice.choice(_WORDS)} {dice.choice(_WORDS)}" if dice.random() < 0.5 else dice.choice(_WORDS)


def _strings(dice: random.Random) -> list[str]:
    return [dice.choice(_WORDS) for _ in range(dice.randrange(4))]


_MAKERS: tuple[tuple[str, Callable[[random.Random], Any]], ...] = (
    ("amount", _float),
    ("account", _int),
    ("is_member", _bool),
    ("city", _string),
    ("interests", _strings),
    ("age", lambda dice: dice.randrange(18, 99)),
    ("tag_region", lambda dice: dice.choice(("eu-west", "eu-east", "us-east", "ap-south"))),
    ("device", lambda dice: dice.choice(("ios", "android", "web", "kiosk"))),
    ("distance_km", _float),
    ("visits", lambda dice: dice.randrange(1000)),
    ("merchant", _string),
    ("has_coupon", _bool),
    ("tag_release", lambda dice: f"2026.{dice.randrange(1, 9)}"),
    ("latitude", lambda dice: dice.uniform(-90, 90)),
    ("longitude", lambda dice: dice.uniform(-180, 180)),
    ("basket", _int),
    ("campaign", _string),
)
# Sometimes absent or null; all other columns are always present.
_SOMETIMES = frozenset({"city", "account", "distance_km", "campaign", "is_member"})


@dataclass(frozen=True, slots=True)
class _Pool:
    """The alternatives of one group: as values, and as JSON without the braces."""

    rows: tuple[Row, ...]
    texts: tuple[bytes, ...]


def _this_year() -> int:
    return calendar.timegm((time.gmtime().tm_year, 1, 1, 0, 0, 0))


@dataclass(frozen=True, slots=True)
class Generator:
    """Makes the events of one topic. The same arguments make the same events on every machine.

    `fields`: narrow is 8 fields an event, usual 24, wide 200, absent ones included; embedding is narrow and a vector
    of 768 numbers in `text_vector`; a number N is N fields, at least 8. `bad_share`: 0 to 1.
    `start_s`: the first event's time, seconds since the epoch; by default this year's first second.
    Raises `ValueError` for a share outside 0 to 1, unknown fields or an unknown kind.
    """

    seed: int = 0
    fields: Fields | int = "usual"
    bad_share: float = 0.0
    bad_kinds: tuple[BadKind, ...] = BAD_KINDS
    start_s: int = field(default_factory=_this_year)
    _pools: tuple[_Pool, _Pool, _Pool] = field(init=False, repr=False, compare=False)
    _vectors: Vectors | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not 0 <= self.bad_share <= 1:
            raise ValueError(f"bad_share is {self.bad_share}; it must be between 0 and 1")
        if unknown := set(self.bad_kinds) - set(BAD_KINDS):
            raise ValueError(f"unknown kind of bad message {min(unknown)!r}; known: {', '.join(BAD_KINDS)}")
        width = self.fields if isinstance(self.fields, int) else WIDTHS.get(self.fields, 0)
        if width < WIDTHS["narrow"]:
            known = ", ".join(WIDTHS)
            raise ValueError(f"fields is {self.fields!r}; known: {known}, or a number from {WIDTHS['narrow']} on")
        vector = self.fields == "embedding"
        object.__setattr__(self, "_pools", _fill(self.seed, width - _HEAD_FIELDS - vector))
        object.__setattr__(self, "_vectors", vectors(self.seed) if vector else None)

    def event(self, partition: int, sequence: int) -> bytes | None:
        """The message's value. None is a tombstone."""
        mixed = _mix(self.seed, partition, sequence)
        if self._bad(mixed):
            return _bad_value(self.bad_kinds[(mixed >> 20) % len(self.bad_kinds)], self.row(partition, sequence))
        return self._render(mixed, partition, sequence)

    def events(self, partition: int, first: int, last: int) -> Iterator[bytes | None]:
        """The values of sequences `first` <= sequence < `last` of a partition."""
        return (self.event(partition, sequence) for sequence in range(first, last))

    def bad(self, partition: int, sequence: int) -> BadKind | None:
        """The kind of bad message, or None for a good one."""
        mixed = _mix(self.seed, partition, sequence)
        return self.bad_kinds[(mixed >> 20) % len(self.bad_kinds)] if self._bad(mixed) else None

    def row(self, partition: int, sequence: int) -> Row:
        """The values of the event as a good one, nulls included."""
        mixed = _mix(self.seed, partition, sequence)
        first, second, third = self._pools
        return {
            "prediction_id": f"{partition:x}-{sequence:x}-{mixed:016x}",
            "prediction_ts": float(f"{self.start_s + sequence // 1000}.{sequence % 1000:03d}"),
            "prediction_label": "fraud" if mixed & 1 else "not_fraud",
            "prediction_score": (mixed >> 11) * 2.0**-53,
            "kp": partition,
            "seq": sequence,
            **first.rows[mixed % _POOL],
            **second.rows[(mixed >> 8) % _POOL],
            **third.rows[(mixed >> 16) % _POOL],
            **({VECTOR: self._vectors.vector(mixed)} if self._vectors is not None else {}),
        }

    def key(self, partition: int, sequence: int) -> bytes:
        """The message's key."""
        return b"%d-%d" % (partition, sequence)

    def _bad(self, mixed: int) -> bool:
        return bool(self.bad_share) and (mixed >> 32) % _MILLION < self.bad_share * _MILLION

    def _render(self, mixed: int, partition: int, sequence: int) -> bytes:
        first, second, third = self._pools
        return (
            b'{"prediction_id": "%x-%x-%016x", "prediction_ts": %d.%03d, "prediction_label": "%s", '
            b'"prediction_score": %s, "kp": %d, "seq": %d%b%b%b%b}'
        ) % (
            partition,
            sequence,
            mixed,
            self.start_s + sequence // 1000,
            sequence % 1000,
            b"fraud" if mixed & 1 else b"not_fraud",
            repr((mixed >> 11) * 2.0**-53).encode(),
            partition,
            sequence,
            first.texts[mixed % _POOL],
            second.texts[(mixed >> 8) % _POOL],
            third.texts[(mixed >> 16) % _POOL],
            b"" if self._vectors is None else b', "%b": %b' % (VECTOR.encode(), self._vectors.text(mixed)),
        )


def _mix(seed: int, partition: int, sequence: int) -> int:
    # splitmix64: the results of neighbouring sequences look unrelated.
    mixed = (seed * 0xD1342543DE82EF95 + partition * 0xA0761D6478BD642F + sequence * 0x9E3779B97F4A7C15 + 1) & _MASK
    mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
    return mixed ^ (mixed >> 31)


def _fill(seed: int, count: int) -> tuple[_Pool, _Pool, _Pool]:
    dice = random.Random(seed)
    columns = [("actual_label", lambda dice: dice.choice(("fraud", "not_fraud")))] if count > 2 else []
    while len(columns) < count:
        turn, index = divmod(len(columns) - (count > 2), len(_MAKERS))
        name, maker = _MAKERS[index]
        columns.append((f"{name}_{turn}" if turn else name, maker))
    groups = [columns[part::3] for part in range(3)]
    return tuple(_pool(dice, group) for group in groups)  # type: ignore[return-value]  # three groups, three pools


def _pool(dice: random.Random, columns: list[tuple[str, Callable[[random.Random], Any]]]) -> _Pool:
    rows: list[Row] = []
    for _ in range(_POOL):
        row: Row = {}
        for name, maker in columns:
            value = maker(dice)
            chance = dice.random()
            if name == "actual_label" and chance < 0.7:
                continue
            if name in _SOMETIMES and chance < 0.1:
                if chance < 0.05:
                    row[name] = None
                continue
            row[name] = value
        rows.append(row)
    # Half of them with \u escapes, half as plain UTF-8: both are JSON.
    texts = (json.dumps(row, ensure_ascii=index % 2 == 0).encode() for index, row in enumerate(rows))
    return _Pool(tuple(rows), tuple(b", " + text[1:-1] if len(text) > 2 else b"" for text in texts))


def _bad_value(kind: BadKind, row: Row) -> bytes | None:
    if kind == "tombstone":
        return None
    if kind in _OTHER_VALUES:
        return _dumped(_OTHER_VALUES[kind](row))
    return _OTHER_BYTES[kind](_dumped(row))


def _dumped(value: object) -> bytes:
    return json.dumps(value).encode()


def _as_string(row: Row) -> Row:
    column = "visits" if "visits" in row else "kp"
    return {**row, column: str(row[column])}


_OTHER_VALUES: Mapping[str, Callable[[Row], Any]] = {
    "nan": lambda row: {**row, "prediction_score": float("nan")},
    "not_an_object": lambda row: [row],
    "list_of_objects": lambda row: {**row, "city": [{"name": "Zürich", "zip": 8001}]},
    "int_past_64_bits": lambda row: {**row, "visits": 2**70 + row["seq"]},
    "no_prediction_id": lambda row: {name: value for name, value in row.items() if name != "prediction_id"},
    "string_in_int_column": _as_string,
}
_OTHER_BYTES: Mapping[str, Callable[[bytes], bytes]] = {
    "invalid_json": lambda text: text[: len(text) // 2],
    "bad_utf8": lambda text: text.replace(b"fraud", b"\xff\xfefraud", 1),
    "bom": lambda text: b"\xef\xbb\xbf" + text,
}

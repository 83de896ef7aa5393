"""The lanes side by side: streams of random, drifting, mutated and malformed messages, and what each makes of them.

A stream is what one worker sees: chunks of any size under one contract. Its messages look alike as those of a producer
do (keys, order, blanks), and differ as those of the world do: keys come and go, kinds change, bytes flip.
"""

import json
import random
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from ingest.pipeline.decoding.column_types import Rule
from ingest.pipeline.decoding.columns import LearnedSchema
from ingest.pipeline.decoding.fast_lane import Lanes, installed_lane
from ingest.pipeline.decoding.orjson_lane import Decoder
from ingest.pipeline.decoding.parse import parse
from ingest.pipeline.decoding.result import Decoded
from tests.harness import corpus

Chunk = list[bytes | None]
Rules = Mapping[str, Rule]

_BLOCK = 3  # so that small chunks have several

_ANYTHING = frozenset({"boolean", "integer", "float", "string", "list of strings"})
RULES: tuple[Rules, ...] = (
    {},
    {
        "id": Rule("prediction_id", frozenset({"string", "integer"}), required=True, family="ids"),
        "score": Rule("prediction_score", frozenset({"float", "integer"}), family="numbers"),
        "at": Rule("timestamp", frozenset({"float", "integer", "string"}), family="times"),
        "vector": Rule("embeddings", frozenset({"list of numbers"})),
        "scores": Rule("threshold_scores", frozenset({"list of class scores"})),
    },
    {
        "a": Rule("types", frozenset({"float"}), pinned="float"),
        "b": Rule("types", frozenset({"string"}), pinned="string", on_conflict="text"),
        "c": Rule("types", frozenset({"integer"}), pinned="integer", on_conflict="null"),
        "o.p": Rule("types", _ANYTHING, on_conflict="null", known=False),
    },
)

_CORPUS = [message.value for message in corpus.messages()]
_INTEGERS = [
    0,
    1,
    -1,
    7,
    2**31,
    2**53 - 1,
    2**53,
    2**53 + 1,
    -(2**53) - 1,
    2**63 - 1,
    -(2**63),
    2**63,
    2**64,
    10**19,
    10**30,
]
_NUMBERS = [
    "0", "-0", "-0.0", "0.0", "1.0", "1e5", "1E+05", "-1.5e-7", "1e400", "-1e400", "1e-400", "4.9e-324",
    "2.4703282292062328e-324",
    "9007199254740993", "9007199254740993.0", "9223372036854775807", "9223372036854775808", "-9223372036854775809",
    "18446744073709551615", "18446744073709551616", "123456789012345678901234567890", "1.7976931348623157e308",
    "1.7976931348623159e308", "0.1", "0.30000000000000004", "01", "1.", ".5", "+1", "1e", "--1", "0x10", "NaN",
    "Infinity",
    "9223372036854775807.0", "9223372036854775808.0", "1e19", "0e999999999999", "5e-1", "8.988465674311579e307",
]  # fmt: skip
_STRINGS = [
    '""', '"a"', '"eu-west"', '"Zürich"', '"東京 🚀"', r'"\u0000"', r'"\ud83d\ude80"', r'"\ud83d"', r'"\ude80"',
    r'"\ud83d\u0041"',
    r'"say \"hi\""', r'"back\\slash"', r'"\/\b\f\n\r\t"', r'"\x41"', '"tab\t"', '"\x7f"', '"' + "long " * 60 + '"',
    r'"\u00e9\u6771"',
    '"{"', '"}"', '"\\":"', '": "', '"a\\"', '"1"', '"null"',
]  # fmt: skip
_OTHERS = [
    "null", "true", "false", "nul", "True", "{}", "[]", "[null]", '["a",null]', '["a", 1]', "[1, 2.5]", "[1,null]",
    "[true]",
    "[9007199254740993]", "[[1.0],[2]]", '[{"class_name":"a","score":0.5}]', '{"a":1}', '{"a":{"b":null}}', "[[]]",
    '[{"x":1,"x":2}]',
    '{"":1}', '{"a":1,"a":2}', "[1e400]", "[1", '{"a":1', "[18446744073709551616]", '["\\ud800"]',
]  # fmt: skip


def streams(seed: int, messages: int) -> Iterator[tuple[Rules, list[Chunk]]]:
    """Streams of about so many messages in all, the same ones for the same seed."""
    dice = random.Random(seed)
    while messages > 0:
        rules = dice.choice(RULES)
        chunks = list(_Stream(dice, rules).chunks())
        messages -= sum(map(len, chunks))
        yield rules, chunks


def compare(rules: Rules, chunks: Sequence[Sequence[bytes | None]]) -> int:
    """Run all lanes over a stream; how many messages went through. Raises AssertionError at the first difference.

    Orjson's, row by row, is what the others are held to: orjson's by blocks, and the fast lane where it is built.
    """
    one, by_blocks, by_both = LearnedSchema(rules), LearnedSchema(rules), LearnedSchema(rules)
    rows = Decoder(one)
    others = [(by_blocks, Decoder(by_blocks, block=_BLOCK).decode)]
    if installed_lane("auto") == "fast":
        others.append((by_both, Lanes(by_both, "fast").decode))
    for values in chunks:
        wanted = rows.build(parse(values))
        for contract, decode in others:
            _same(decode(values), wanted)
            assert list(contract.columns.items()) == list(one.columns.items())
    return sum(map(len, chunks))


def _same(found: Decoded, wanted: Decoded) -> None:
    found.table.validate(full=True)
    assert found.table.schema.equals(wanted.table.schema), (wanted.table.schema, found.table.schema)
    assert _bits(found) == _bits(wanted), (wanted.table.to_pylist(), found.table.to_pylist())
    assert found.accepted.tolist() == wanted.accepted.tolist()
    assert list(found.rejected) == list(wanted.rejected)
    assert list(found.widened) == list(wanted.widened)
    assert (found.nulled, found.ignored) == (wanted.nulled, wanted.ignored)
    assert found.odd == wanted.odd


def _bits(decoded: Decoded) -> list[list[Any]]:
    """The values, floats by their bits: -0.0 is not 0.0."""
    return [_exact(column) for column in decoded.table.columns]


def _exact(array: pa.Array) -> list[Any]:
    values: list[Any]
    if pa.types.is_float64(array.type):
        values = array.view(pa.int64()).to_pylist()
    elif pa.types.is_list(array.type):
        values = [_hexed(value) for value in array.to_pylist()]
    else:
        values = array.to_pylist()
    return values


def _hexed(value: Any) -> Any:
    if isinstance(value, float):
        return value.hex()
    if isinstance(value, list):
        return [_hexed(item) for item in value]
    if isinstance(value, dict):
        return {key: _hexed(item) for key, item in value.items()}
    return value


class _Stream:
    """One producer's messages, and what happens to them on the way."""

    def __init__(self, dice: random.Random, rules: Rules) -> None:
        self._dice = dice
        names = ["id", "score", "vector", "scores", "a", "b", "c", "é", "x.y", "o.p", "o.q", "o.r.s", "o.r.t", "k" * 70]
        names.append("at")
        self._keys = dice.sample(names, dice.randrange(1, len(names)))
        if "id" in rules and "id" not in self._keys:
            self._keys.insert(0, "id")
        self._makers = {
            key: dice.choice((self._integer, self._float, self._string, self._boolean, self._strings, self._null))
            for key in self._keys
        }
        if "id" in rules:
            self._makers |= {"id": dice.choice((self._string, self._id)), "vector": self._numbers}
            self._makers |= {"scores": self._other, "at": dice.choice((self._integer, self._string, self._time))}
        self._drift = dice.choice((0, 0, 0.0005, 0.01, 0.1))
        self._absence = dice.choice((0, 0, 0.02, 0.3))
        self._damage = dice.choice((0, 0, 0.001, 0.02, 0.2))
        self._shuffle = dice.choice((0, 0, 0.05, 1))
        self._nested = dice.random() < 0.5
        self._blanks = dice.choice(((",", ":"), (", ", ": "), (" ,\n ", "\t:\r ")))

    def chunks(self) -> Iterator[Chunk]:
        size = self._dice.choice((1, 3, 20, 200))
        for _ in range(self._dice.randrange(2, 12)):
            yield [self._message() for _ in range(self._dice.randrange(1, size + 1))]

    def _message(self) -> bytes | None:
        dice = self._dice
        if self._damage and dice.random() < self._damage / 4:
            return dice.choice(_CORPUS)
        keys = self._keys
        if dice.random() < self._shuffle:
            keys = dice.sample(keys, len(keys))
        leaves = {key: self._value(key) for key in keys if not self._absence or dice.random() >= self._absence}
        if dice.random() < self._drift:
            leaves[f"new{dice.randrange(4)}"] = self._any()
        text = self._object(self._tree(leaves) if self._nested else leaves)
        if dice.random() < self._drift / 4:
            text = text[:-1] + text.replace("{", ",", 1)  # every key twice
        value = text.encode("utf-8", "surrogatepass")
        return self.damaged(value) if dice.random() < self._damage else value

    def _tree(self, leaves: dict[str, str]) -> dict[str, Any]:
        tree: dict[str, Any] = {}
        for path, text in leaves.items():
            place, *inner = path.split(".")
            where = tree
            for key in inner:
                where = where.setdefault(place, {})
                if not isinstance(where, dict):
                    return dict(leaves)
                place = key
            where[place] = text
        return tree

    def _object(self, tree: Mapping[str, Any]) -> str:
        comma, colon = self._blanks
        members = (
            json.dumps(key, ensure_ascii=False) + colon + (value if isinstance(value, str) else self._object(value))
            for key, value in tree.items()
        )
        return "{" + comma.join(members) + "}"

    def _value(self, key: str) -> str:
        return self._any() if self._dice.random() < self._drift else self._makers[key]()

    def _any(self) -> str:
        dice = self._dice
        makers = (
            self._integer,
            self._float,
            self._string,
            self._boolean,
            self._strings,
            self._numbers,
            self._null,
            self._other,
        )
        return dice.choice(makers)() if dice.random() < 0.5 else dice.choice(dice.choice((_NUMBERS, _STRINGS, _OTHERS)))

    def _integer(self) -> str:
        dice = self._dice
        return str(dice.choice(_INTEGERS[:-5]) if dice.random() < 0.1 else dice.randrange(-1000, 1000))

    def _float(self) -> str:
        dice = self._dice
        if dice.random() < 0.2:
            return str(dice.randrange(-9, 9))
        if dice.random() < 0.1:
            digits = "".join(dice.choices("0123456789", k=dice.randrange(1, 25)))
            return f"{dice.randrange(10)}.{digits}e{dice.randrange(-330, 308)}"
        return repr(
            dice.choice((dice.random(), dice.gauss(0, 1e6), round(dice.random() * 100, 2), dice.random() * 1e-300))
        )

    def _id(self) -> str:
        return self._string() if self._dice.random() < 0.9 else self._integer()

    def _time(self) -> str:
        return self._dice.choice((self._integer, self._integer, self._float, self._string))()

    def _string(self) -> str:
        dice = self._dice
        if dice.random() < 0.7:
            return f'"{dice.choice(("eu", "us", "web", ""))}{dice.randrange(1000)}"'
        return json.dumps(
            "".join(
                map(chr, dice.choices((*range(32, 127), 0, 9, 10, 34, 92, 0xE9, 0x6771, 0x1F680), k=dice.randrange(30)))
            ),
            ensure_ascii=dice.random() < 0.5,
        )

    def _boolean(self) -> str:
        return self._dice.choice(("true", "false"))

    def _strings(self) -> str:
        return "[" + self._blanks[0].join(self._string() for _ in range(self._dice.randrange(4))) + "]"

    def _numbers(self) -> str:
        return "[" + self._blanks[0].join(self._float() for _ in range(self._dice.randrange(5))) + "]"

    def _null(self) -> str:
        return "null"

    def _other(self) -> str:
        return self._dice.choice(_OTHERS)

    def damaged(self, value: bytes) -> bytes:
        dice = self._dice
        at = dice.randrange(len(value))
        flipped, special = bytes([dice.randrange(256)]), bytes([dice.choice(b'{}[]",:\\ 0-.eEu\n')])
        after = dice.choice((b" ", b"}", b"{}", b"\x00", b"\xef\xbb\xbf", b",", b"\n\t "))
        before = dice.choice((b" ", b"\xef\xbb\xbf", b"[", b"{", b"\n"))
        end = min(len(value), at + dice.randrange(1, 12))
        return dice.choice(
            (
                value[:at],
                value[:at] + flipped + value[at + 1 :],
                value[:at] + special + value[at:],
                value[:at] + value[at + 1 :],
                value[:end] + value[at:],
                value + after,
                before + value,
            )
        )


# --- for the fuzzer (ingest/fastlane/fuzz) ----------------------------------------------------------

_TAUGHT = {
    "a": 1,
    "b": 0.5,
    "c": "x",
    "d": True,
    "e": ["x", None],
    "f": None,
    "v": [0.5],
    "é": 0.5,
    "g": {"h": 1, "i": {"j": "y"}},
}


def fuzzed(messages: Sequence[bytes]) -> None:
    """Both lanes make the same of `messages` and of what comes after them. Raises AssertionError."""
    taught: Chunk = [json.dumps(_TAUGHT).encode()] * 3
    compare({"v": Rule("embeddings", frozenset({"list of numbers"}))}, [taught, list(messages), taught])


def seeds(number: int) -> Iterator[bytes]:
    """So many inputs to begin with: parts of the taught message, whole and spoilt, with record separators between."""
    dice = random.Random(number)
    message = json.dumps(_TAUGHT, ensure_ascii=False).encode()
    parts = (
        b'{"a":-7}',
        b'{"b":1e5,"c":"\\u00e9"}',
        b'{"g":{"h":null}}',
        b'{"v":[],"e":[]}',
        b' { "d" : false } ',
        message,
    )
    stream = _Stream(dice, {})
    for _ in range(number):
        chunk = [dice.choice(parts) for _ in range(dice.randrange(1, 4))]
        yield b"\x1e".join(stream.damaged(part) if dice.random() < 0.3 else part for part in chunk)


if __name__ == "__main__":
    for place, seed in enumerate(seeds(300)):
        (Path(sys.argv[1]) / f"seed-{place:03}").write_bytes(seed)

"""All lanes against orjson's, row by row: the same tables, dead letters and contracts, whatever arrives in what chunks.

FASTLANE_MESSAGES raises the number of random messages (20,000), FASTLANE_SEED gives others:
FASTLANE_MESSAGES=5000000 ./scripts/test tests/unit/pipeline/test_lane.py -k random
"""

import json
import os
import random
from collections.abc import Sequence
from typing import Any

import pytest

from ingest.pipeline.decoding.column_types import Rule
from ingest.pipeline.decoding.columns import LearnedSchema
from ingest.pipeline.decoding.fast_lane import Lanes, installed_lane
from ingest.pipeline.decoding.parse import parse
from tests.harness import corpus
from tests.harness.lanes import compare, streams

MESSAGES = int(os.environ.get("FASTLANE_MESSAGES", "20000"))
SEED = int(os.environ.get("FASTLANE_SEED", "1"))

built = pytest.mark.skipif(installed_lane("auto") == "orjson", reason="the fast lane is not built: scripts/fastlane")


def texts(*rows: Any) -> list[bytes | None]:
    return [row if isinstance(row, bytes) or row is None else json.dumps(row).encode() for row in rows]


def taken(*chunks: Sequence[bytes | None]) -> int:
    """How many of the last chunk's messages the compiled decoder takes by itself."""
    lanes = Lanes(LearnedSchema(), "fast")
    for values in chunks[:-1]:
        lanes.decode(values)
    found = lanes._take(chunks[-1])
    return 0 if found is None else len(found.rows)


def test_without_the_fast_lane_orjson_decodes() -> None:
    assert installed_lane("orjson") == "orjson"
    decoded = Lanes(LearnedSchema(), "orjson").decode(texts({"a": 1}, b"{"))
    assert decoded.table.to_pylist() == [{"a": 1}]
    assert [fault.reason.code for fault in decoded.rejected] == ["not_json"]


def test_each_value_is_counted_for_the_lane_that_decodes_it() -> None:
    lanes = Lanes(LearnedSchema(), "orjson")
    lanes.decode(texts({"a": 1}, b"{"))
    lanes.build(parse(texts({"a": 1})))
    assert lanes.rows == {"fast": 0, "orjson": 3}


@built
def test_a_row_that_the_fast_lane_hands_back_counts_for_orjson() -> None:
    lanes = Lanes(LearnedSchema(), "fast")
    lanes.decode(texts({"a": 1}))  # learns the columns
    before = dict(lanes.rows)
    lanes.decode(texts({"a": 2}, {"a": 3}, b"{"))
    assert {lane: lanes.rows[lane] - before[lane] for lane in before} == {"fast": 2, "orjson": 1}


@pytest.mark.timeout(0)  # as long as the messages asked for take
def test_random_mutated_and_malformed_messages() -> None:
    done = 0
    for number, (rules, chunks) in enumerate(streams(SEED, MESSAGES)):
        try:
            done += compare(rules, chunks)
        except AssertionError as difference:
            pytest.fail(f"seed {SEED}, stream {number}: {difference}")
    assert done >= MESSAGES


@pytest.mark.parametrize("seed", range(2))
def test_the_corpus_among_good_messages(seed: int) -> None:
    good = texts(*(corpus.good(number) for number in range(50)))
    strange = [message.value for message in corpus.messages()]
    random.Random(seed).shuffle(strange)
    compare({}, [good, *([*good[:3], message, *good[3:6]] for message in strange), [*good, *strange, *good]])


@built
def test_what_fits_is_taken_whatever_the_order_and_the_blanks() -> None:
    first = {"a": 1, "b": 0.5, "c": "x", "d": True, "e": ["x", None], "f": None, "g": {"h": 1, "i": {"j": "y"}}}
    again: list[bytes | None] = [
        b'{"a":2,"b":3,"c":"\\u00e9","d":false,"e":[],"f":null,"g":{"h":2,"i":{"j":""}}}',
        b'  { "g" : { "i" : { "j" : "z" } , "h" : null } , "a" : -7 }\n',
        b'{"g.i.j":"z","g.h":1}',
        b'{"b":-0.0}',
    ]
    chunks = [texts(first), again]
    assert taken(*chunks) == len(again)
    compare({}, chunks)


@built
@pytest.mark.parametrize(
    "odd",
    [
        b'{"a":1,"a":2}', b'{"a":1.0}', b'{"a":-0}', b'{"a":9223372036854775808}', b'{"b":9007199254740993}',
        b'{"b":1e400}', b'{"c":"\\ud800"}', b'{"c":"\xff"}', b'{"c":"\n"}', b'{"a":true}', b'{"new":1}', b'{"f":1}',
        b'{"\\u0061":1}', b"{}", b"", b'{"a":1}x', b'{"a":1', b'{"a":01}', b'{"e":["x",1]}', b'{"g":{"h":1,"h":2}}',
        b'{"g":{"h":1},"g.h":2}', b'{"g":{}}', b'{"g":1}', b'{"g":{"h":1},"g":{"i":{"j":""}}}', b"[]", b"null",
        b'\xef\xbb\xbf{"a":1}', b'{"":1}', None,
    ],
)  # fmt: skip
def test_what_does_not_fit_is_handed_back(odd: bytes | None) -> None:
    first = {"a": 1, "b": 0.5, "c": "x", "d": True, "e": ["x", None], "f": None, "g": {"h": 1, "i": {"j": "y"}}}
    for place in range(3):
        good = texts(first, first)
        chunks = [texts(first), [*good[:place], odd, *good[place:]], good]
        assert taken(*chunks[:2]) == 2
        compare({}, chunks)


def test_a_message_handed_back_may_bring_columns_before_and_between() -> None:
    compare({}, [texts({"b": 1}), texts({"z": "new", "b": 2, "a": "\x01"}, {"b": 3}, {"y": None, "b": 4})])
    compare({}, [texts({"b": 1}), texts({"b": 3, "c": None}, {"z": "new", "b": 2, "a": 1}, {"b": 4})])
    compare({}, [texts({"b": 1, "n": None}), texts({"b": 3, "n": None}, {"n": 1, "b": 2}, {"b": 4}), texts({"n": 2})])


def test_values_taken_have_votes_against_those_handed_back() -> None:
    ints, words = texts(*({"a": 1} for _ in range(5))), texts(*({"a": "x"} for _ in range(6)))
    compare({}, [ints[:1], [*ints, *words], ints])
    compare({}, [ints[:1], [*words, *ints[:2]], words])
    compare({}, [ints[:3], [*ints, *words], ints, words])
    compare({}, [ints, [*ints, *texts({"a": 0.5})], ints])
    compare({}, [texts({"a": 2**60}), [*ints, *texts({"a": 0.5}, {"a": 2**60})], ints])


@built
def test_a_few_conflicts_cost_their_own_messages_only() -> None:
    first = {"a": 1, "b": 0.5, "c": "x"}
    good = [{"a": number, "b": number / 4, "c": str(number)} for number in range(9)]
    odds: tuple[Any, ...] = ({"a": "x"}, {"b": True}, {"c": 1}, {"a": [1]}, {"a": [{}]}, {"b": 2**60}, {"a": 2**63})
    for odd in odds:
        chunks = [texts(first), texts(*good[:4], odd, *good[4:], {"c": None}), texts(*good)]
        lanes = Lanes(LearnedSchema(), "fast")
        lanes.decode(chunks[0])
        found = lanes._take(chunks[1])
        assert found is not None
        assert len(found.rows) == 10
        assert lanes._joined(chunks[1], found) is not None, odd
        compare({}, chunks)


def test_integers_in_a_float_column_vote_as_integers_and_as_floats() -> None:
    wide = texts(*({"a": 2**60} for _ in range(4)))
    for floats in range(1, 6):
        few = texts(*({"a": 0.5} for _ in range(floats)))
        compare({}, [few, [*texts({"a": 1}, {"a": 2}, {"a": 3}), *wide], wide, few])


def test_rows_without_their_id_have_votes_too() -> None:
    rules = {"id": Rule("prediction_id", frozenset({"string"}), required=True)}
    compare(rules, [texts({"id": "1", "a": 1}), texts({"id": "2", "a": 2}, *({"a": "x"} for _ in range(9)))])


def test_lists_that_several_kinds_would_fit_are_left_to_orjson() -> None:
    rules = {"v": Rule("v", frozenset({"list of numbers", "list of lists of numbers"}))}
    compare(rules, [texts({"v": [1.5]}), texts({"v": [2.5]}, {"v": []}, {"v": [[1.5]]})])


def test_the_limit_on_columns_is_the_same() -> None:
    wide = [{f"k{number}_{key}": key for key in range(350)} for number in range(8)]
    compare({}, [texts(wide[0]), texts(*wide), texts(*wide), texts(*wide, *wide)])

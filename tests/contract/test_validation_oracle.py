"""The arize SDK's own validator as the oracle: what we pass it passes, and what one row alone is refused for, too.

Each case is one message among good ones. Ours: decoded and judged under the schema, its row rejected or not. The SDK's:
the rows as they are, under the SDK's schema for all columns that the configuration names, through `validate_params`,
`validate_types` and `validate_values`. A crash of the validator refuses a batch as well.

Two differences are on purpose, each with its test below: what the SDK would drop or rename in silence.
"""

import logging
import os
from collections.abc import Iterator
from typing import Any

import pytest
from arize.ml.types import ModelTypes
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.config.schema import Environment
from ingest.pipeline.arize.uploader import arize_schema, meanings
from tests.harness.sdk_oracle import configured, judged, named_schema, oracle, raw_table, sent, wire
from tests.harness.validation_cases import (
    BAD_POLYGONS,
    BOX,
    COMB,
    MODELS,
    NOW_S,
    PLAIN,
    SQUARE,
    TRIANGLE,
    YEAR_S,
    Case,
    Row,
    cases,
    scores,
)

EXAMPLES = int(os.environ.get("PROPERTY_EXAMPLES", "500"))
ALL = list(cases())


@pytest.fixture(autouse=True)
def _silent_sdk() -> Iterator[None]:
    logger = logging.getLogger("arize")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    yield
    logger.setLevel(before)


def test_there_are_cases_of_every_model_type_and_environment_both_ways() -> None:
    kinds = {(MODELS[case.model].model_type, case.environment, case.code is None) for case in ALL}
    types = {model.model_type for model in MODELS.values()}
    assert types == {kind.name.lower() for kind in ModelTypes} - {"generative_llm"}
    assert {(kind, environment) for kind, environment, _ in kinds} == {
        (kind, environment) for kind in types for environment in ("production", "training", "validation")
    }
    assert len(ALL) >= 60
    environments = ("production", "training", "validation")
    assert kinds == {(kind, place, good) for kind in types for place in environments for good in (True, False)}


@pytest.mark.parametrize("case", ALL, ids=[f"{number:03}-{case}" for number, case in enumerate(ALL)])
def test_our_verdict_is_the_sdk_s(case: Case) -> None:
    model = MODELS[case.model]
    config = configured(model, case.environment)
    row = {**model.whole, **case.change}
    neighbours = [] if case.alone else [model.whole] * 2
    decoded = judged(config, [*neighbours, row, *neighbours])
    place = len(neighbours)
    assert [(fault.index, fault.reason.code) for fault in decoded.rejected] == (
        [(place, case.code)] if case.code else []
    )

    # What we pass it passes, shape by shape, exactly as it would be sent.
    for table in sent(config, decoded):
        assert oracle(config, table, arize_schema(meanings(config, table))) == []
    # What we reject it rejects: the same rows, unjudged.
    if case.code is not None:
        table = raw_table([*neighbours, row, *neighbours])
        assert oracle(config, table, named_schema(config, table)) != []


# --- random rows ----------------------------------------------------------------------------------

# What each column may hold, good and bad alike; None for a missing value.
NUMBERS = (None, 0, 1, 0.5, -1, 2**53, 1e300)
LABELS: tuple[Any, ...] = (None, "", "a", 1, 0.5, True, ["a"], [])
SCORE_LISTS: tuple[Any, ...] = (
    None,
    [],
    scores(a=0.5),
    scores(a=1, b=0),
    scores(b=0, a=1),
    scores(a=2),
    scores(**{"": 1}),
    scores(a=None),
)
COORDINATES: tuple[Any, ...] = (
    None,
    [],
    [BOX],
    [BOX, TRIANGLE],
    [TRIANGLE],
    [SQUARE],
    [COMB],
    [[]],
    *([bad] for bad in BAD_POLYGONS),
)
SCALARS = (None, 1, 0.5, True, "a", "x" * 513, ["a"])
POOLS: dict[str, tuple[Any, ...]] = {
    "prediction_id": (None, "p", "p", "p", "", "x" * 513, 5),
    "prediction_ts": (NOW_S, NOW_S, int(NOW_S), None, 0, NOW_S + 2 * YEAR_S),
    "x": SCALARS,
    "region": (*SCALARS, "x" * 20_001),
    "x_effect": NUMBERS,
    "v": (None, None, [], [1], [0.5, 2], [True, 2], [0.5] * 20_001),
    "words": (None, None, "text", ["a", "b"], ["a", None]),
    "url": (None, None, "https://x", 5),
    "g": (None, "q", 5, "", "x" * 513),
    "r": (None, 1, 100, 0, 101, 1.5),
    "rs": NUMBERS,
    "rl": (None, "a", "", ["a"], [], ["a", ""], ["a", None]),
    "at": (None, "a", "", ["a"], [], ["a", ""], ["a", None]),
    "label": LABELS[:-2],  # the SDK has no eye for this one's type; a list of labels is none to us
    "prediction_label": LABELS,
    "actual_label": LABELS,
    "prediction_score": NUMBERS,
    "actual_score": NUMBERS,
    "limits": SCORE_LISTS,
    "pb": COORDINATES,
    "ab": COORDINATES,
    "pp": COORDINATES,
    "ap": COORDINATES,
    "pc": (None, [], ["a"], ["a", ""], [None]),
    "ac": (None, [], ["a"], ["a", ""], [None]),
    "ps": (None, [], [0.5], [0, 1], [2]),
}
MULTI_CLASS_POOLS = {**POOLS, "prediction_score": SCORE_LISTS, "actual_score": SCORE_LISTS}


@st.composite
def random_rows(draw: st.DrawFn) -> tuple[str, Environment, list[Row]]:
    name = draw(st.sampled_from(sorted(MODELS)))
    model = MODELS[name]
    pools = MULTI_CLASS_POOLS if model.model_type == "multi_class" else POOLS
    columns = sorted({*model.whole, *({"region", "x_effect", "v", "words", "url"} if model.schema is PLAIN else ())})
    rows = []
    for _ in range(draw(st.integers(1, 5))):
        changed = draw(st.sets(st.sampled_from(columns), max_size=3))
        rows.append({**model.whole, **{column: draw(st.sampled_from(pools[column])) for column in sorted(changed)}})
    return name, draw(st.sampled_from(model.environments)), rows


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(random_rows())
def test_random_rows(drawn: tuple[str, Environment, list[Row]]) -> None:
    name, environment, rows = drawn
    config = configured(MODELS[name], environment)
    for table in sent(config, judged(config, rows)):
        assert oracle(config, table, arize_schema(meanings(config, table))) == []
    good = MODELS[name].whole
    for row in rows:
        codes = {fault.reason.code for fault in judged(config, [row]).rejected}
        if codes and codes != {"two_values"} and not (name in {"regression", "numeric"} and codes == {"wrong_type"}):
            # Alone it may lack the column that it should have; among good ones it may be forced to their type.
            raw = {"v": None, **row} if row.keys() & {"words", "url"} else row
            tables = raw_table([raw]), raw_table([good, raw, good])
            assert any(oracle(config, table, named_schema(config, table)) for table in tables), codes


def test_scores_of_numeric_models_are_numbers_since_they_are_sent_as_labels() -> None:
    config = configured(MODELS["regression"], "production")
    row = {"prediction_id": "p", "prediction_ts": NOW_S, "prediction_score": "high"}
    assert [fault.reason.code for fault in judged(config, [row]).rejected] == ["wrong_type"]
    # The SDK looks away from the type, and then sends the score where its own check of labels would refuse it.
    assert oracle(config, raw_table([row]), named_schema(config, raw_table([row]))) == []
    assert wire(config, named_schema(config, raw_table([row]))).prediction_label_column_name == "prediction_score"


@pytest.mark.parametrize(
    ("model", "values", "sent", "dropped"),
    [
        ("regression", {"prediction_label": 1, "prediction_score": 2}, "prediction_score", "prediction_label"),
        ("numeric", {"actual_label": 1, "actual_score": 2}, "actual_score", "actual_label"),
        ("ranking", {"g": "q", "r": 1, "rl": ["a"], "actual_label": ["b"]}, "rl", "actual_label"),
        ("ranking", {"g": "q", "r": 1, "rs": 0.5, "actual_score": 0.75}, "rs", "actual_score"),
    ],
)
def test_two_values_of_which_the_sdk_drops_one_in_silence(model: str, values: Row, sent: str, dropped: str) -> None:
    config = configured(MODELS[model], "production")
    row = {"prediction_id": "p", "prediction_ts": NOW_S, **values}
    assert [fault.reason.code for fault in judged(config, [row]).rejected] == ["two_values"]
    schema = named_schema(config, raw_table([row]))
    assert oracle(config, raw_table([row]), schema) == []
    named = [value for _, value in wire(config, schema).ListFields()]
    assert sent in named
    assert dropped not in named
    assert not judged(config, [{**row, dropped: row[sent]}]).rejected

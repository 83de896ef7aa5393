"""A dead letter that lacks a column says where that may be, and one with a value of another type says what takes it."""

import json
import time
from typing import Any

import pytest

from ingest.config.load import load
from ingest.pipeline.rows import RowProcessor
from tests.harness.messages import FakeMessage

NOW_S = int(time.time())
GOOD: dict[str, Any] = {"prediction_id": "1", "prediction_ts": NOW_S, "prediction_score": 0.5, "n": 1, "x": 0.5}
SECRET = "SECRET"


def fault(row: dict[str, Any], *others: dict[str, Any], **sections: dict[str, Any]) -> tuple[str, str]:
    """The reason of `row` among good messages and `others`."""
    flags = {"kafka": {"topic": "t"}, "arize": {"model_name": "m"}, **sections}
    processor = RowProcessor(load(flags=flags).topics[0].routes[0], time.time)
    processor.process([FakeMessage(json.dumps(GOOD).encode()) for _ in range(3)])
    sent = [GOOD, row, GOOD, *others]
    decoded = processor.process([FakeMessage(json.dumps(each).encode()) for each in sent])
    (reason,) = [each.reason for each in decoded.rejected if each.index == 1]
    assert SECRET not in reason.detail
    return reason.code, reason.detail


def without(*names: str, **more: Any) -> dict[str, Any]:
    return {**{name: value for name, value in GOOD.items() if name not in names}, **more}


ENVELOPES: dict[str, tuple[dict[str, Any], str]] = {
    "payload": ({"payload": GOOD}, '"payload.prediction_id" (the envelope of Kafka Connect'),
    "debezium": ({"before": None, "after": GOOD, "op": "c"}, 'set [format] payload = "after"'),
    "both": ({"payload": {"after": GOOD, "op": "c"}}, 'set [format] payload = "payload.after"'),
    "cloudevents": ({"specversion": "1.0", "type": "p", "data": GOOD}, "the envelope of CloudEvents?"),
    "text": ({"id": "1", "data": json.dumps({"prediction_id": SECRET})}, '[format] json_fields = ["data"]'),
}


@pytest.mark.parametrize("name", ENVELOPES)
def test_an_id_in_an_envelope_is_found(name: str) -> None:
    row, words = ENVELOPES[name]
    code, detail = fault(row)
    assert (code, words in detail) == ("missing_column", True), detail


def test_the_schema_of_connect_is_recognised() -> None:
    code, detail = fault({"schema": {"type": "struct", "fields": [{"field": "a"}]}, "payload": GOOD})
    assert (code, '[format] payload = "payload"' in detail) == ("unsupported_list", True), detail


def test_columns_that_look_like_the_id_are_named() -> None:
    code, detail = fault(without("prediction_id", request_id="SECRET", user="SECRET"))
    assert code == "missing_column"
    assert detail.endswith('; it has "request_id"; if that is it, name it in [schema] prediction_id')
    assert '"predictionId"' in fault(without("prediction_id", predictionId="1", request_id="2"))[1]


def test_columns_that_look_like_the_timestamp_are_named() -> None:
    assert '"createdAt"' in fault(without("prediction_ts", createdAt=NOW_S))[1]


def test_nothing_is_named_where_nothing_looks_like_it() -> None:
    assert fault(without("prediction_id"))[1].endswith("[schema] prediction_id names")


def test_the_words_depend_on_the_message_alone() -> None:
    row = without("prediction_id", request_id="1")
    neighbours = [without("prediction_id", **{f"k{n}_id": "1", "payload": GOOD}) for n in range(20)]
    assert fault(row) == fault(row, *neighbours)


def test_names_are_cleaned_and_bounded() -> None:
    detail = fault(without("prediction_id", **{"\n\x1b" + "x" * 500 + "_id": "1"}))[1]
    assert detail.isprintable()
    assert len(detail) < 250


def test_a_map_of_scores_is_recognised() -> None:
    score = {"cat": 0.9, "dog": 0.1}
    code, detail = fault(without("prediction_score", prediction_score=score))
    assert (code, '[schema.convert] "prediction_score" = "class_scores"' in detail) == ("no_prediction", True), detail
    code, detail = fault(
        without("prediction_score", "x", prediction_score=score),
        arize={"model_name": "m", "model_type": "regression"},
    )
    assert (code, '"prediction_score" is an object in it' in detail) == ("no_prediction", True), detail


@pytest.mark.parametrize(("value", "kind"), [(2**63, "without a sign"), (2**64 - 1, "without a sign"), (2**64, "past")])
def test_an_unsigned_integer_is_called_one(value: int, kind: str) -> None:
    code, detail = fault({**GOOD, "n": value})
    assert (code, kind in detail) == ("integer_past_64_bits", True), detail


def test_a_number_in_text_is_recognised() -> None:
    code, detail = fault({**GOOD, "prediction_score": "0.25"})
    assert (code, '[schema.convert] "prediction_score" = "number"' in detail) == ("wrong_type", True), detail
    code, detail = fault({**GOOD, "n": " -17 "})
    assert (code, '[schema.convert] "n" = "number"' in detail) == ("type_conflict", True), detail
    assert "convert" not in fault({**GOOD, "n": "SECRET"})[1]
    assert "convert" not in fault({**GOOD, "n": True})[1]


def test_lists_are_told_apart() -> None:
    code, detail = fault({**GOOD, "v": [0.5, 1]})
    assert (code, '[schema.convert] "v" = "columns"' in detail) == ("unsupported_list", True), detail
    code, detail = fault({**GOOD, "v": [{"a": 1}]})
    assert (code, '[schema.convert] "v" = "json"' in detail) == ("unsupported_list", True), detail

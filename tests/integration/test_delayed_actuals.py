"""Predictions and their delayed actuals reach the endpoint as Arize can join them."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

from ingest.errors import ExitCode
from tests.harness.rig import Rig

COUNT = 400
DAY_S = 86_400
NOW_S = int(time.time())


def prediction(number: int) -> dict[str, Any]:
    return {
        "prediction_id": f"order {number}",
        "prediction_ts": NOW_S - 3_600 + number,
        "prediction_label": "paid",
        "prediction_score": 0.5,
        "amount": number,
        "city": None if number % 3 else "Bern",
        "tag_region": "eu",
    }


def actual(number: int) -> dict[str, Any]:
    """Every third one has a timestamp, every ninth one of them is too old to be joined."""
    age_s = 20 * DAY_S if number % 9 == 0 else 60
    timed = {} if number % 3 else {"prediction_ts": NOW_S - age_s}
    return {"prediction_id": f"order {number}", "actual_label": "paid" if number % 2 else "lost", **timed}


def uploads(main: Rig) -> Iterator[tuple[Any, list[dict[str, Any]]]]:
    """What each stored upload says of its columns, and its rows without nulls."""
    for stored in main.endpoint.journal.requests():
        rows = stored.table.to_pylist()
        yield (
            stored.schema.arrow_schema,
            [{name: value for name, value in row.items() if value is not None} for row in rows],
        )


def check(main: Rig, predictions: list[dict[str, Any]], actuals: list[dict[str, Any]]) -> None:
    """Everything arrives once, predictions and actuals in uploads of their own, which name what they have."""
    found: dict[bool, list[dict[str, Any]]] = {True: [], False: []}
    for columns, rows in uploads(main):
        alone = not columns.prediction_label_column_name
        found[alone] += rows
        assert columns.prediction_id_column_name == "prediction_id"
        if alone:
            assert columns.actual_label_column_name == "actual_label"
            assert not columns.prediction_score_column_name
            assert not columns.feature_column_names
            assert not columns.tag_column_names
            timed = {"prediction_ts" in row for row in rows}
            assert timed == {bool(columns.timestamp_column_name)}
        else:
            assert not columns.actual_label_column_name
            assert columns.timestamp_column_name == "prediction_ts"
            assert {"amount", "city"} >= set(columns.feature_column_names) >= {"amount"}
            assert list(columns.tag_column_names) == ["tag_region"]

    def sort(rows: list[dict[str, Any]]) -> list[str]:
        return sorted(json.dumps({k: v for k, v in row.items() if v is not None}, sort_keys=True) for row in rows)

    assert sort(found[False]) == sort(predictions)
    assert sort(found[True]) == sort(actuals)


def encoded(rows: list[dict[str, Any]]) -> list[bytes | None]:
    return [json.dumps(row).encode() for row in rows]


def test_actuals_on_the_topic_of_their_predictions_join_them(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=2)
    predictions, actuals = [prediction(n) for n in range(COUNT)], [actual(n) for n in range(COUNT)]
    early = [row for pair in zip(predictions[COUNT // 2 :], actuals, strict=False) for row in pair]
    main.put(encoded([*predictions[: COUNT // 2], *early]), partition=0)
    main.put(encoded(actuals[COUNT // 2 :]), partition=1)
    run = main.start()
    assert run.wait() == ExitCode.DONE
    check(main, predictions, actuals)
    assert not main.reasons
    assert run.account["totals"]["acknowledged"] == 2 * COUNT
    told = run.all("late_actuals")
    assert sum(event["rows"] for event in told) == len(range(0, COUNT, 9))
    assert len(told) <= 2


def test_actuals_on_a_topic_of_their_own_with_other_names_join_their_predictions(rig: Callable[..., Rig]) -> None:
    main, outcomes = rig(partitions=1), rig(partitions=1)
    predictions, actuals = [prediction(n) for n in range(COUNT)], [actual(n) for n in range(COUNT)]
    main.put(encoded(predictions))
    assert main.start().wait() == ExitCode.DONE
    rows = [
        {
            "order": {"id": row["prediction_id"], "clerk": "x"},
            "outcome": row["actual_label"],
            "at": row.get("prediction_ts"),
        }
        for row in actuals
    ]
    outcomes.put(encoded([*rows, {"order": {"id": "order 5"}}]))
    names = {"order.id": "prediction_id", "outcome": "actual_label", "at": "prediction_ts"}
    run = outcomes.start(schema={"rename": names, "unknown": "ignore", "tags": []})
    assert run.wait() == ExitCode.DONE
    check(main, predictions, actuals)
    assert list(outcomes.reasons.values()) == ["no_prediction"]

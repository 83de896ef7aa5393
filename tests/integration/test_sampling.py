"""A sample on a real Kafka: the same ids of predictions and actuals arrive, killed or not, and the account adds up."""

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest

from ingest.errors import ExitCode
from ingest.records import NOTHING
from tests.harness.rig import Rig

EVENTS = 3_000
SAMPLE = 0.3


def is_sent(prediction_id: int) -> bool:
    digest = hashlib.sha256(str(prediction_id).encode()).hexdigest()
    return int(digest[:16], 16) < SAMPLE * 2**64


def message(prediction_id: object, **fields: object) -> bytes:
    return json.dumps({"prediction_id": prediction_id, **fields}).encode()


@pytest.mark.parametrize("lane", ["auto", "orjson"])
def test_actuals_arrive_for_exactly_the_predictions_that_were_sent(lane: str, rig: Callable[..., Rig]) -> None:
    main = rig(partitions=2, config={"retention.ms": "-1"})
    at = 1_772_323_200
    main.put([message(str(each), prediction_ts=at, prediction_score=0.5) for each in range(EVENTS)], partition=0)
    main.put([message(str(each), actual_score=1.0) for each in range(EVENTS)], partition=1)
    main.put([b"{", message("-", prediction_ts=at)], partition=1)
    wanted = {str(each) for each in range(EVENTS) if is_sent(each)}
    settings: dict[str, Any] = {
        "arize": {"sample": SAMPLE},
        "batch": {"lane": lane, "chunk_events": 500},
        "schema": {"tags": []},
    }

    killed = main.start(until_end=False, **settings)
    killed.until(lambda: any(main.endpoint.journal.rows()))
    killed.kill()
    run = main.start(**settings)
    assert run.wait() == ExitCode.DONE

    rows = list(main.endpoint.journal.rows())
    predicted = {row["prediction_id"] for row in rows if "prediction_score" in row}
    actual = {row["prediction_id"] for row in rows if "actual_score" in row}
    assert predicted == actual == wanted
    assert set(main.reasons.values()) <= {"not_json", "no_prediction"}
    marks = [mark.settled() for mark in main.committed().values() if mark is not None]
    counts = sum(marks, NOTHING)
    dead = len(main.reasons)
    assert counts.total == 2 * EVENTS + 2
    assert (counts.dead_lettered, counts.acknowledged) == (dead, 2 * len(wanted))
    assert main.command.json("audit")["exact"] is True

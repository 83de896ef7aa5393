"""The sample depends on the prediction's id alone: not on lane, chunk, type of the id, process or neighbours."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.config.load import load
from ingest.config.resolve import RouteConfig
from ingest.pipeline.delivery.batch import BatchLimits
from ingest.pipeline.intake import Intake
from ingest.pipeline.offsets.tracker import PartitionTracker
from ingest.pipeline.rows import RowProcessor, RowProcessors
from ingest.pipeline.sampling import chosen
from ingest.records import Chunk, Counts
from tests.harness.config_file import topics
from tests.harness.messages import FakeMessage

NOW_S = 1_763_900_000.0
IDS = st.lists(st.integers(-(2**63), 2**63 - 1) | st.text(min_size=1, max_size=40), min_size=1, max_size=30)


def by_definition(prediction_id: str | int, sample: float) -> bool:
    """Rule 1, as any language can write it."""
    digest = hashlib.sha256(str(prediction_id).encode()).hexdigest()
    return int(digest[:16], 16) < sample * 2**64


def config(sample: float, lane: str = "auto") -> RouteConfig:
    flags: dict[str, dict[str, Any]] = {
        "kafka": {"topic": "t"},
        "arize": {"model_name": "m", "sample": sample},
        "batch": {"lane": lane},
    }
    return load(flags=flags).topics[0].routes[0]


@pytest.fixture(autouse=True)
def in_a_directory_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def message(prediction_id: str | int, offset: int, **fields: object) -> FakeMessage:
    row = {"prediction_id": prediction_id, "prediction_ts": 1_763_850_000, **fields}
    return FakeMessage(json.dumps(row).encode(), offset=offset)


def predictions(ids: Sequence[str | int]) -> list[FakeMessage]:
    return [message(each, offset, prediction_label="a", age=1) for offset, each in enumerate(ids)]


@settings(max_examples=60)
@given(IDS, st.floats(0.01, 0.99), st.integers(1, 7), st.sampled_from(["auto", "orjson"]))
def test_the_same_ids_are_chosen_whatever_surrounds_them(
    ids: list[str | int], sample: float, size: int, lane: str
) -> None:
    ids = [str(each) for each in ids]
    wanted = [index for index, each in enumerate(ids) if by_definition(each, sample)]
    one = RowProcessor(config(sample, lane), lambda: NOW_S)
    messages = predictions(ids)
    found: list[int] = []
    for start in range(0, len(ids), size):
        decoded = one.process(messages[start : start + size])
        assert not decoded.rejected
        found += [start + index for index in decoded.accepted.tolist()]
        both = sorted([*decoded.accepted.tolist(), *decoded.filtered.tolist()])
        assert both == list(range(len(messages[start : start + size])))
    assert found == wanted


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1), st.floats(0.01, 0.99))
def test_an_integer_is_chosen_like_its_digits(ids: list[int], sample: float) -> None:
    texts = chosen(pa.array([str(each) for each in ids]), sample)
    assert chosen(pa.array(ids), sample).tolist() == texts.tolist() == [by_definition(each, sample) for each in ids]


def test_a_larger_sample_has_all_of_a_smaller_one() -> None:
    ids = pa.array([f"id-{number}" for number in range(20_000)])
    small, large = chosen(ids, 0.1), chosen(ids, 0.3)
    assert 1_800 < small.sum() < 2_200
    assert not (small & ~large).any()


def test_known_ids() -> None:
    """Fixed for ever: predictions that were sent decide which actuals are."""
    assert chosen(pa.array(["1", "42", "prediction-0", "é"]), 0.5).tolist() == [True, True, False, True]
    heads = [int(hashlib.sha256(each.encode()).hexdigest()[:16], 16) / 2**64 for each in ("1", "é")]
    for each, head in zip(("1", "é"), heads, strict=True):
        assert chosen(pa.array([each]), head * (1 - 1e-12)).tolist() == [False]
        assert chosen(pa.array([each]), head * (1 + 1e-12)).tolist() == [True]


def test_another_process_chooses_the_same() -> None:
    code = (
        "import pyarrow as pa\nfrom ingest.pipeline.sampling import chosen\n"
        "print(chosen(pa.array([str(each) for each in range(64)]), 0.5).tolist())"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert json.loads(found.lower()) == [by_definition(each, 0.5) for each in range(64)]


def test_actuals_are_sampled_like_their_predictions_and_rows_without_an_id_are_rejected() -> None:
    one = RowProcessor(config(0.5), lambda: NOW_S)
    predicted = one.process(predictions(range(100)))
    actual = RowProcessor(config(0.5), lambda: NOW_S).process(
        [message(str(each), each, actual_label="a") for each in range(100)]
    )
    assert predicted.accepted.tolist() == actual.accepted.tolist()
    lost = one.process([FakeMessage(b'{"prediction_ts": 1763850000, "prediction_label": "a"}')])
    assert [fault.reason.code for fault in lost.rejected] == ["missing_column"]


def test_filtered_messages_are_counted_and_committed() -> None:
    text = '[arize]\nmodel_name = "m"\nspace_id = "s"\n[routes.a]\nwhen = { age = 1 }\nsample = 0.5\n[routes.rest]\n'
    (topic,) = topics(text)
    assert [route.arize.sample for route in topic.routes] == [0.5, 1.0]
    tracker = PartitionTracker(0, 0)
    intake = Intake({0: tracker}, RowProcessors(topic, lambda: NOW_S), BatchLimits(10**6, 10**9, 10.0))
    messages = [*predictions(range(50)), *(message(each, each, prediction_label="a") for each in range(50, 60))]
    messages.append(FakeMessage(b"{", offset=60))
    offsets = np.arange(61, dtype=np.int64)
    taken = intake.take(Chunk(messages, np.zeros(61, dtype=np.int32), offsets, 100), 0.0)
    assert taken is not None
    rows = sum(by_definition(each, 0.5) for each in range(50))
    assert [batches.rows for batches in intake.batches] == [rows, 10]
    assert taken.dead.tolist() == [False] * (rows + 10) + [True]
    for ticket, dead in taken.letters.tickets:
        ticket.release(dead=dead)
    for batches in intake.batches:
        batches.close(0.0, draining=True)
        for part in (part for batch in batches.ready for part in batch.parts):
            for ticket in part.tickets:
                ticket.release()
    checkpoint = tracker.checkpoint()
    assert checkpoint.counts == Counts(rows + 10, 1, 0, 50 - rows)
    assert checkpoint.next_offset == 61


def test_a_chunk_of_which_nothing_is_sent_is_settled_at_once() -> None:
    (topic,) = topics('[arize]\nmodel_name = "m"\nspace_id = "s"\nsample = 1e-12\n')
    tracker = PartitionTracker(0, 0)
    intake = Intake({0: tracker}, RowProcessors(topic, lambda: NOW_S), BatchLimits(10**6, 10**9, 10.0))
    offsets = np.arange(9, dtype=np.int64)
    taken = intake.take(Chunk(predictions(range(9)), np.zeros(9, dtype=np.int32), offsets, 100), 0.0)
    assert taken is not None
    for ticket, dead in taken.letters.tickets:
        ticket.release(dead=dead)
    assert (tracker.checkpoint().counts, intake.rows) == (Counts(filtered=9), 0)

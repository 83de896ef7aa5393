"""One route's batches on their way: what a worker that leaves has still in hand goes out side by side."""

import threading
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

from ingest.config.sections import Arize
from ingest.config.settings import Config
from ingest.pipeline.backoff import Backoff
from ingest.pipeline.dead_letters.files import DeadLetterFiles
from ingest.pipeline.dead_letters.queue import DeadLetterQueue
from ingest.pipeline.delivery.batch import Batches, BatchLimits, Part
from ingest.pipeline.delivery.route import RouteDelivery
from ingest.records import Destination

MODELS = 11
PATIENCE_S = 20.0


class _Arize:
    """Answers the first upload; from then on two together, or none."""

    def __init__(self) -> None:
        self._first = True
        self._pair = threading.Barrier(2)

    def send(self, *_: object) -> None:
        if self._first:
            self._first = False
        else:
            self._pair.wait(PATIENCE_S)


def test_open_batches_leave_side_by_side_when_a_worker_leaves(tmp_path: Path) -> None:
    """None of them is full or due: only that the worker leaves says that they wait for the limit."""
    (route,) = Config(arize=Arize(model_name="m", in_flight=2)).topics[0].routes
    batches = Batches(BatchLimits(max_events=100_000, max_bytes=2**26, linger_s=10.0))
    for number in range(MODELS):
        part = Part(pa.record_batch({"a": [1]}), np.zeros(1, np.int32), np.array([number]), ())
        batches.add(part, 10, 0.0, destination=Destination("s", f"m{number}", "1", "production", ""))
    answer = threading.Event()
    delivery = RouteDelivery(
        route,
        batches,
        DeadLetterQueue(DeadLetterFiles(tmp_path, "predictions"), Backoff(1.0, 1.0), lambda _: None),
        emit=lambda _: None,
        on_answer=answer.set,
        on_acknowledged=lambda: None,
        send=_Arize().send,
    )
    deadline = time.monotonic() + PATIENCE_S
    while delivery.busy and time.monotonic() < deadline:
        delivery.poll(0.0)
        delivery.flush(0.0, draining=True)
        answer.wait(0.01)
        answer.clear()
    assert not delivery.busy
    assert delivery.limit == 2
    delivery.close()

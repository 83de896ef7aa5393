"""What each wire format and conversion costs beside plain events, from a chunk of messages to the rows of a batch.

1. A pass takes the same predictions in one form: unwrapped, routed, decoded, validated and put into a batch, by a
   worker's own functions. Consuming, uploading and committing are the same for all forms, and not in it.
2. In each round every form has a pass directly after one of plain events, in each lane: only these two are divided, so
   the machine's speed is not in a ratio. The first pass of a form learns its columns, and is not kept.
3. Costs are CPU seconds per 100,000 predictions, also where a message has several, or a sample leaves some out. As in a
   worker, the garbage collector doesn't run meanwhile, and a chunk has about as many rows in each form.
4. A form of which a prediction is not delivered is a fault: what was measured is then something else.
"""

import gc
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from benchmarks.figures import Figure, Outcome, Tell
from benchmarks.message_forms import FORMS, NOW_S, PLAIN, Form, Message, usual_rows
from ingest.pipeline.decoding.fast_lane import installed_lane
from ingest.pipeline.delivery.batch import BatchLimits
from ingest.pipeline.intake import Intake, Taken
from ingest.pipeline.offsets.tracker import PartitionTracker
from ingest.pipeline.rows import RowProcessors
from ingest.records import Chunk

PART = "formats"
UNIT = "CPU s per 100,000 predictions"
CHUNK_ROWS = 5_000

Lane = Literal["fast lane", "orjson lane"]
LANES: Mapping[Lane, str] = {"fast lane": "auto", "orjson lane": "orjson"}


@dataclass(frozen=True, slots=True)
class Size:
    """Predictions of a pass, and rounds."""

    rows: int
    rounds: int


FULL = Size(rows=10_000, rounds=5)
QUICK = Size(rows=2_000, rounds=2)


def measure(*, quick: bool, tell: Tell) -> Outcome:
    """All forms in both lanes, the fast one where it is installed."""
    gc.collect()
    gc.freeze()  # what is imported needs no look before each pass
    try:
        return _measure(quick=quick, tell=tell)
    finally:
        gc.unfreeze()


def _measure(*, quick: bool, tell: Tell) -> Outcome:
    size = QUICK if quick else FULL
    command = f"benchmarks/run --part {PART}{' --quick' if quick else ''}"
    rows = usual_rows(size.rows)
    lanes: list[Lane] = [lane for lane in LANES if lane != "fast lane" or installed_lane("auto") == "fast"]
    plain = {lane: Taking(PLAIN, lane, PLAIN.messages(rows)) for lane in lanes}
    costs: dict[Lane, list[float]] = {lane: [] for lane in lanes}
    figures: list[Figure] = []
    faults: list[str] = []
    for name, form in FORMS.items():
        messages = form.messages(rows)
        for lane in lanes:
            taking = Taking(form, lane, messages)
            ratios: list[float] = []
            try:
                for _ in range(size.rounds):
                    costs[lane].append(plain[lane].cost(size.rows))
                    ratios.append(taking.cost(size.rows) / costs[lane][-1])
            except ValueError as wrong:
                faults.append(f"{PART}: {name}, {lane}: {wrong}")
                continue
            figures.append(Figure(PART, name, f"CPU beside plain, {lane}", "", tuple(ratios), command, ratio=True))
        own = [each for each in figures if each.case == name]
        tell(f"{name}: {', '.join(f'{each.median:.1f} ({each.name})' for each in own)}")
    figures += (Figure(PART, "plain", f"{UNIT}, {lane}", "s", tuple(costs[lane]), command) for lane in lanes)
    notes = (
        () if "fast lane" in lanes else ("The fast lane is not installed (scripts/fastlane): its ratios are missing.",)
    )
    return Outcome(figures, faults=tuple(faults), notes=notes)


class Taking:
    """Takes the messages of one form in one lane, again and again."""

    def __init__(self, form: Form, lane: Lane, messages: Sequence[Message]) -> None:
        self._config = form.config(LANES[lane])
        self._processors = RowProcessors(self._config, lambda: NOW_S)
        size = max(CHUNK_ROWS // form.per_message, 1)
        pieces = [messages[first : first + size] for first in range(0, len(messages), size)]
        self._chunks = [_chunk(piece) for piece in pieces]
        self._learned = False

    def cost(self, predictions: int) -> float:
        """CPU seconds per 100,000 of the `predictions`. Raises ValueError where one of them is a dead letter."""
        if not self._learned:
            self._pass()
            self._learned = True
        return self._pass() / predictions * 100_000

    def _pass(self) -> float:
        intake = Intake({0: PartitionTracker(0, 0)}, self._processors, BatchLimits(10**9, 10**12, 10.0))
        gc.collect()
        gc.disable()
        try:
            began = time.process_time()
            for chunk in self._chunks:
                taken: Taken | None = intake.take(chunk, 0.0)
                while taken is None:
                    taken = intake.resume(0.0)
                if letters := taken.letters.letters:
                    raise ValueError(f"{len(letters)} dead letters, the first: {letters[0].reason.detail}")
            return time.process_time() - began
        finally:
            gc.enable()


def _chunk(messages: Sequence[Message]) -> Chunk:
    offsets = np.array([message.offset() for message in messages], dtype=np.int64)
    raw_bytes = sum(len(message.value()) for message in messages)
    return Chunk(messages, np.zeros(len(messages), dtype=np.int32), offsets, raw_bytes)

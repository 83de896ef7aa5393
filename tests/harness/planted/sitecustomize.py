"""Plants a bug or a crash in the product from outside of it: Python imports this module at its start.

`PLANT` names what (a name of `BUGS`, `CRASHES` or `NOISES`), with this directory on PYTHONPATH. Nothing in the product
knows of it: a module of the product is patched right after it was imported, in each process of the command.

A bug stays. A crash is one SIGKILL of the process to itself, the first time that any process comes to its point: the
file `PLANT_MARKER` then exists.
"""

import importlib.abc
import importlib.machinery
import logging
import os
import signal
import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any


def crash_once() -> None:
    try:
        os.close(os.open(os.environ["PLANT_MARKER"], os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return
    os.kill(os.getpid(), signal.SIGKILL)


def before(owner: Any, name: str, when: Callable[..., bool] = lambda *_: True) -> None:
    """Crash on the way into `owner.name`, the first time that `when` holds for its arguments."""
    wrapped = getattr(owner, name)

    def crashing(*args: Any, **kwargs: Any) -> Any:
        if when(*args):
            crash_once()
        return wrapped(*args, **kwargs)

    setattr(owner, name, crashing)


def after(owner: Any, name: str, when: Callable[..., bool] = lambda *_: True) -> None:
    """Crash on the way out of `owner.name`; `when` gets its result and its arguments."""
    wrapped = getattr(owner, name)

    def crashing(*args: Any, **kwargs: Any) -> Any:
        result = wrapped(*args, **kwargs)
        if when(result, *args):
            crash_once()
        return result

    setattr(owner, name, crashing)


# --- crash points ---------------------------------------------------------------------------------


def _acknowledged(_consumer: Any, checkpoints: Any) -> bool:
    return any(checkpoint.counts.acknowledged for checkpoint in checkpoints.values())


def _dead(_consumer: Any, checkpoints: Any) -> bool:
    return any(checkpoint.counts.dead_lettered for checkpoint in checkpoints.values())


def fetched(poll: Any) -> None:
    after(poll.PartitionConsumer, "poll", lambda polled, *_: polled.chunk is not None)


def decoding(lane: Any) -> None:
    before(lane.Lanes, "decode")


def batched(batch: Any) -> None:
    after(batch.Batcher, "take")


def uploading(log: Any) -> None:
    before(log.ArizeUploader, "_upload")


def stored(log: Any) -> None:
    after(log.ArizeUploader, "_upload")


def second_stored(log: Any) -> None:
    taken = []

    def second(*_: Any) -> bool:
        taken.append(1)
        return len(taken) == 2

    after(log.ArizeUploader, "_upload", second)


def acknowledged(poll: Any) -> None:
    before(poll.PartitionConsumer, "commit", _acknowledged)


def committing(poll: Any) -> None:
    after(poll.PartitionConsumer, "commit", lambda _, *of: _acknowledged(*of))


def committed(commit: Any) -> None:
    after(commit.Committer, "handle_answer", lambda news, *_: any(news.values()))


def dead_letter_written(dead_letters: Any) -> None:
    after(dead_letters.DeadLetterFiles, "write", lambda _, __, letters: bool(letters))


def dead_letter_committing(poll: Any) -> None:
    after(poll.PartitionConsumer, "commit", lambda _, *of: _dead(*of))


def starting(worker: Any) -> None:
    before(worker._Worker, "_commit_starts")


def started(worker: Any) -> None:
    after(worker._Worker, "_commit_starts")


def draining(worker: Any) -> None:
    before(worker._Worker, "_finish")


CRASHES = {
    "fetched": ("ingest.pipeline.kafka.consumer", fetched),
    "decoding": ("ingest.pipeline.decoding.fast_lane", decoding),
    "batched": ("ingest.pipeline.delivery.batch", batched),
    "uploading": ("ingest.pipeline.arize.uploader", uploading),
    "stored": ("ingest.pipeline.arize.uploader", stored),
    "second_stored": ("ingest.pipeline.arize.uploader", second_stored),
    "acknowledged": ("ingest.pipeline.kafka.consumer", acknowledged),
    "committing": ("ingest.pipeline.kafka.consumer", committing),
    "committed": ("ingest.pipeline.offsets.committer", committed),
    "dead_letter_written": ("ingest.pipeline.dead_letters.files", dead_letter_written),
    "dead_letter_committing": ("ingest.pipeline.kafka.consumer", dead_letter_committing),
    "starting": ("ingest.worker.loop", starting),
    "started": ("ingest.worker.loop", started),
    "draining": ("ingest.worker.loop", draining),
}


# --- bugs -----------------------------------------------------------------------------------------


def commits_before_the_answer(ack: Any) -> None:
    """What was polled is committed, as a consumer with auto-commit does."""
    ack.PartitionTracker.checkpoint = lambda self: ack.Checkpoint(self.position)


def later_answers_pass_earlier_ones(ack: Any) -> None:
    """Acknowledgements are not held until their predecessors have come."""
    settle = ack.PartitionTracker._pop_settled

    def passing(self: Any) -> None:
        settle(self)
        settled = [segment.next_offset for segment in self._segments if not segment.open_routes()]
        self._next_offset = max([self._next_offset, *settled])

    ack.PartitionTracker._pop_settled = passing


def ignores_errors(poll: Any) -> None:
    """A message's error is not looked at: the end of a partition counts as the message that will stand there."""
    poll.PartitionConsumer.poll = lambda self, most, timeout_s: poll.Polled(
        poll._chunk(self._consumer.consume(most, timeout_s)), {}, {}
    )


def follows_redirects(transport: Any) -> None:
    """What the SDK does by itself: its own requests.post, and nobody looks where the answer came from."""
    import requests  # noqa: PLC0415  not before the product does

    post = requests.post

    def following(*args: Any, **kwargs: Any) -> Any:
        response = post(*args, **kwargs)
        response.history = []
        response.request.method = "POST"
        return response

    transport.post = following


def swallows_a_dead_letter(dead_letters: Any) -> None:
    write = dead_letters.DeadLetterFiles.write
    dead_letters.DeadLetterFiles.write = lambda self, letters: write(self, list(letters)[1:])


def changes_a_value(lane: Any) -> None:
    """2.5 becomes 2 on the way, as `pa.array([2.5], type=int64)` does."""
    import pyarrow as pa  # noqa: PLC0415  not before the product does

    decoded = lane.Lanes.decode

    def truncating(self: Any, values: Any) -> Any:
        found = decoded(self, values)
        table = found.table
        place = table.schema.names.index("amount")
        cut = pa.array([None if v is None else float(int(v)) for v in table.column(place).to_pylist()], pa.float64())
        return type(found)(table.set_column(place, "amount", cut), found.accepted, found.rejected, found.widened)

    lane.Lanes.decode = truncating


def sends_twice(log: Any) -> None:
    send = log.ArizeUploader._upload

    def twice(*args: Any) -> None:
        send(*args)
        send(*args)

    log.ArizeUploader._upload = twice


def counts_over_gaps(ack: Any) -> None:
    """The next offset is the first offset plus the number of messages: right only where offsets have no gaps."""
    checkpoint = ack.PartitionTracker.checkpoint
    ack.PartitionTracker.checkpoint = lambda self: ack.Checkpoint(
        (found := checkpoint(self)).counts.total, found.counts
    )


BUGS = {
    "commits_before_the_answer": ("ingest.pipeline.offsets.tracker", commits_before_the_answer),
    "later_answers_pass_earlier_ones": ("ingest.pipeline.offsets.tracker", later_answers_pass_earlier_ones),
    "ignores_errors": ("ingest.pipeline.kafka.consumer", ignores_errors),
    "follows_redirects": ("ingest.pipeline.arize.transport", follows_redirects),
    "swallows_a_dead_letter": ("ingest.pipeline.dead_letters.files", swallows_a_dead_letter),
    "changes_a_value": ("ingest.pipeline.decoding.fast_lane", changes_a_value),
    "sends_twice": ("ingest.pipeline.arize.uploader", sends_twice),
    "counts_over_gaps": ("ingest.pipeline.offsets.tracker", counts_over_gaps),
}


def tells_the_key(log: Any) -> None:
    """A library whose lines are quoted logs it: it comes to standard output and to the page."""

    def told(self: Any, *args: Any) -> None:
        logging.getLogger("urllib3").warning(os.environ["ARIZE_API_KEY"])
        sent(self, *args)

    sent = log.ArizeUploader._upload
    log.ArizeUploader._upload = told


def tells_an_event(lane: Any) -> None:
    """It is written past Python's streams, as C code does."""

    def told(self: Any, values: Any) -> Any:
        os.write(2, f"{values[0]}\n".encode())
        return decoded(self, values)

    decoded = lane.Lanes.decode
    lane.Lanes.decode = told


def prints_an_event(lane: Any) -> None:
    """What is printed is named and left out, so this is no leak."""

    def told(self: Any, values: Any) -> Any:
        sys.stdout.write(f"{values[0]}\n")
        sys.stderr.write(f"{values[0]}\n")
        return decoded(self, values)

    decoded = lane.Lanes.decode
    lane.Lanes.decode = told


def may_not_ask_the_brokers(metadata: Any) -> None:
    metadata.offset_settings = lambda _kafka: metadata.OffsetSettings()


NOISES = {
    "may_not_ask_the_brokers": ("ingest.pipeline.kafka.metadata", may_not_ask_the_brokers),
    "tells_the_key": ("ingest.pipeline.arize.uploader", tells_the_key),
    "tells_an_event": ("ingest.pipeline.decoding.fast_lane", tells_an_event),
    "prints_an_event": ("ingest.pipeline.decoding.fast_lane", prints_an_event),
}


# --- how they get in ------------------------------------------------------------------------------


class _Planter(importlib.abc.MetaPathFinder):
    """Finds the one module as ever, and patches it when it has been executed."""

    def __init__(self, name: str, patch: Callable[[ModuleType], None]) -> None:
        self._name = name
        self._patch = patch

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self._name:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        assert spec is not None
        assert spec.loader is not None
        execute = spec.loader.exec_module

        def patched(module: ModuleType) -> None:
            execute(module)
            self._patch(module)

        spec.loader.exec_module = patched  # type: ignore[method-assign]
        return spec


if _planted := os.environ.get("PLANT"):
    sys.meta_path.insert(0, _Planter(*{**CRASHES, **BUGS, **NOISES}[_planted]))

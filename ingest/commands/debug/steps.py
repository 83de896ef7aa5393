"""What follows decoding: each batch is shown, sent if that was asked for, and committed if that was asked for too."""

import time

from ingest.commands.debug.deliver import GuardedCommits, SingleAttemptUploader
from ingest.commands.debug.trace import TraceOutput
from ingest.commands.debug.traced_intake import TracedIntake, trace_batch
from ingest.config.load import Route
from ingest.errors import ExitCode
from ingest.pipeline.arize import uploader
from ingest.pipeline.delivery.batch import Batch
from ingest.pipeline.intake import Taken


class StopReading(Exception):  # noqa: N818  not always an error
    """Read no further; the text says why, `code` is the exit code."""

    def __init__(self, text: str, code: ExitCode = ExitCode.DONE) -> None:
        self.code = code
        super().__init__(text)


class Steps:
    """Carries batches on; `timings` maps a step to its rows and wall seconds, `stopped` says why it ended."""

    def __init__(
        self,
        watch: TracedIntake,
        sender: SingleAttemptUploader | None,
        commits: GuardedCommits | None,
        show: TraceOutput,
    ) -> None:
        self._watch = watch
        self._sender = sender
        self._commits = commits
        self._show = show
        self.timings = {"poll": (0, 0.0), "to DataFrame": (0, 0.0)}
        self.acknowledged = 0
        self.stopped = ""

    def polled(self, messages: int, seconds: float) -> None:
        """A poll brought messages."""
        self._took("poll", messages, seconds)

    def taken(self, taken: Taken) -> None:
        """A chunk was decoded; its dead letters wait for the next commit."""
        if self._commits is not None:
            self._commits.put(taken.letters)

    def flush(self, *, leaving: bool) -> None:
        """Show, send and commit the batches that are due. Raises Stop when one is not acknowledged or committed."""
        for route, batch in self._watch.batches(leaving=leaving):
            self._batch(route, batch)
        if leaving and self._commits is not None and self._commits.waiting:
            self._settle([])

    def _batch(self, route: Route, batch: Batch) -> None:
        table = batch.table()
        began = time.monotonic()
        uploader.to_frame(table)
        frame_s = time.monotonic() - began
        self._took("to DataFrame", batch.rows, frame_s)
        self._show.show(trace_batch(route.config, batch, table, frame_s))
        if self._sender is None:
            return
        if self._commits is not None and (why := self._commits.moved_by_others()):
            raise StopReading(f"nothing more is sent: {why}", ExitCode.DRAIN_DEADLINE)
        sent, code = self._sender.send(route, table, batch.destination)
        self._show.show(sent)
        self._took("log", batch.rows, sent.seconds)
        if code is not ExitCode.DONE:
            raise StopReading("Arize did not acknowledge the rows; nothing of this batch is committed", code)
        self.acknowledged += batch.rows
        if self._commits is not None:
            self._settle([batch])

    def _settle(self, batches: list[Batch]) -> None:
        if self._commits is None:
            return
        settled = self._commits.settle(batches)
        self._show.show(settled)
        if not settled.committed:
            sent = "; rows that were sent will be sent again by a worker" if batches else ""
            raise StopReading(f"nothing is committed{sent}", ExitCode.DRAIN_DEADLINE)

    def _took(self, step: str, count: int, seconds: float) -> None:
        before, spent = self.timings.get(step, (0, 0.0))
        self.timings[step] = (before + count, spent + seconds)

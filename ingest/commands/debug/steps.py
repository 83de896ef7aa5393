"""The steps after decoding: each batch is shown, sent with --send, and committed with --commit."""

import time

from ingest.commands.debug.deliver import GuardedCommits, SingleAttemptUploader
from ingest.commands.debug.trace import TraceOutput
from ingest.commands.debug.traced_intake import TracedIntake, trace_batch
from ingest.config.resolve import RouteConfig
from ingest.errors import ExitCode
from ingest.pipeline.arize import uploader
from ingest.pipeline.delivery.batch import Batch
from ingest.pipeline.intake import Taken


class StopReading(Exception):  # noqa: N818  not always an error
    """Ends reading; the text is the reason, `code` the exit code."""

    def __init__(self, text: str, code: ExitCode = ExitCode.DONE) -> None:
        self.code = code
        super().__init__(text)


class Steps:
    """Takes batches from the intake to the commit.

    `timings` maps a step to its rows and wall seconds, `stop_reason` says why reading ended. `sender` is None without
    --send, `commits` is None without --commit.
    """

    def __init__(
        self,
        intake: TracedIntake,
        sender: SingleAttemptUploader | None,
        commits: GuardedCommits | None,
        output: TraceOutput,
    ) -> None:
        self._intake = intake
        self._sender = sender
        self._commits = commits
        self._output = output
        self.timings = {"poll": (0, 0.0), "to DataFrame": (0, 0.0)}
        self.acknowledged = 0
        self.stop_reason = ""

    def polled(self, messages: int, seconds: float) -> None:
        """Record the time of a poll that returned messages."""
        self._add_time("poll", messages, seconds)

    def taken(self, taken: Taken) -> None:
        """Keep the dead letters of a decoded chunk for the next commit."""
        if self._commits is not None:
            self._commits.put(taken.letters)

    def flush(self, *, draining: bool) -> None:
        """Show, send and commit the batches that are due; when `draining`, all of them.

        Raises StopReading when a batch is not acknowledged or not committed.
        """
        for route, batch in self._intake.batches(draining=draining):
            self._batch(route, batch)
        if draining and self._commits is not None and self._commits.waiting:
            self._commit([])

    def _batch(self, route: RouteConfig, batch: Batch) -> None:
        table = batch.table()
        started = time.monotonic()
        uploader.to_frame(table)
        to_dataframe_s = time.monotonic() - started
        self._add_time("to DataFrame", batch.rows, to_dataframe_s)
        self._output.write(trace_batch(route, batch, table, to_dataframe_s))
        if self._sender is None:
            return
        if self._commits is not None and (reason := self._commits.moved_by_others()):
            raise StopReading(f"nothing more is sent: {reason}", ExitCode.DRAIN_DEADLINE)
        upload, code = self._sender.send(route, table, batch.destination)
        self._output.write(upload)
        self._add_time("upload", batch.rows, upload.seconds)
        if code is not ExitCode.DONE:
            raise StopReading("Arize did not acknowledge the rows; nothing of this batch is committed", code)
        self.acknowledged += batch.rows
        if self._commits is not None:
            self._commit([batch])

    def _commit(self, batches: list[Batch]) -> None:
        if self._commits is None:
            return
        commit = self._commits.settle(batches)
        self._output.write(commit)
        if not commit.committed:
            repeated = "; unless it was stored, a worker sends the rows of this batch again" if batches else ""
            raise StopReading(f"no commit is confirmed{repeated}", ExitCode.DRAIN_DEADLINE)

    def _add_time(self, step: str, count: int, seconds: float) -> None:
        earlier_count, earlier_seconds = self.timings.get(step, (0, 0.0))
        self.timings[step] = (earlier_count + count, earlier_seconds + seconds)

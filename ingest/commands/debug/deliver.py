"""`--send` and `--commit`: what a worker would do, once and in the open.

1. One attempt a batch. A worker sends again for as long as it takes; here its answer is shown, and that is all.
2. Only what Arize acknowledged is committed, its rejected neighbours having become durable dead letters before.
3. The group's commit is read again before a batch is sent and before it is committed. If somebody else has moved it, a
   supervisor is at work: nothing more is sent, nothing is committed.
4. The commit is a worker's: the ack tracker's watermark, with the counts and ranges of the commits before it.
"""

import threading
import time
from collections.abc import Sequence

import pyarrow as pa

from ingest.commands.debug.trace import CommitTrace, UploadTrace
from ingest.config.load import Config, Route, routes
from ingest.config.sections import Kafka
from ingest.errors import ExitCode, FatalError, RejectedError, RetryableError
from ingest.pipeline.arize.transport import Attempt
from ingest.pipeline.arize.uploader import ArizeUploader
from ingest.pipeline.dead_letters.queue import DeadLetter, DeadLetterBatch
from ingest.pipeline.dead_letters.topic import sink
from ingest.pipeline.delivery.batch import Batch
from ingest.pipeline.kafka import consumer, metadata
from ingest.pipeline.offsets.checkpoint import Checkpoint, decode, encode
from ingest.pipeline.offsets.committer import Stored
from ingest.pipeline.offsets.tracker import PartitionTracker
from ingest.records import Destination

_GRACE_S = 1.0  # the request's own timeout is given this much to speak first
_COMMIT_S = 30.0
_DEAD_LETTERS_S = 40.0  # the client itself gives up sooner
_LOOK_S = 0.02


class SingleAttemptUploader:
    """Hands batches to Arize, one attempt each."""

    def __init__(self, config: Config) -> None:
        """Raises ConfigError when the space or the key of a route is missing."""
        self._logs = {route.name: ArizeUploader(route.config) for route in routes(config) if route.deliver}

    def send(self, route: Route, table: pa.Table, destination: Destination | None) -> tuple[UploadTrace, ExitCode]:
        """Send all rows in one request, as `route` says.

        Returns what Arize answered, and the exit code that it calls for.
        """
        attempt = Attempt()
        deadline = threading.Timer(route.config.arize.timeout_s + _GRACE_S, attempt.cut)
        deadline.daemon = True
        deadline.start()
        began = time.monotonic()
        answer, text, now_what, code = "acknowledged", "", "", ExitCode.DONE
        try:
            self._logs[route.name].send(table, attempt, destination)
        except RetryableError as fault:
            answer, text, code = "RetryableError", str(fault), ExitCode.DRAIN_DEADLINE
            asked = f" (not before {fault.retry_after_s:g} s have passed)" if fault.retry_after_s else ""
            now_what = f"A worker would send the identical rows again{asked}, for as long as it takes."
        except RejectedError as fault:
            answer, text, code = "RejectedError", str(fault), ExitCode.DRAIN_DEADLINE
            now_what = "A worker would search for the rows that Arize refuses: only those become dead letters."
        except FatalError as fault:
            answer, text, code = "FatalError", str(fault), fault.exit_code
            now_what = (
                f"A worker would halt with exit code {int(fault.exit_code)}, everything unacknowledged uncommitted."
            )
        finally:
            deadline.cancel()
        rows = table.num_rows
        return UploadTrace(
            rows=rows, answer=answer, text=text, now_what=now_what, seconds=time.monotonic() - began
        ), code


class GuardedCommits:
    """The group's commit of one partition, moved only from where it was found."""

    def __init__(
        self, config: Config, partition: int, tracker: PartitionTracker, found: Checkpoint | None, topic_id: str
    ) -> None:
        self._kafka: Kafka = config.kafka
        self._topic_id = topic_id
        self._partition = partition
        self._tracker = tracker
        self._expected = found
        self._sink = sink(config)
        self._letters: list[DeadLetterBatch] = []

    def put(self, letters: DeadLetterBatch) -> None:
        """Dead letters of a chunk, to be written before the next commit."""
        self._letters.append(letters)

    @property
    def waiting(self) -> bool:
        """Something is read that no commit covers yet."""
        if self._expected is None:
            return bool(self._letters)
        return bool(self._letters) or self._tracker.watermark().next_offset > self._expected.next_offset

    def moved_by_others(self) -> str:
        """Rule 3: why nothing may be committed any more, empty when all is as it was left."""
        topic_id = metadata.topic_id(self._kafka)
        if self._topic_id and topic_id != self._topic_id:
            return (
                f"topic {self._kafka.topic} is not the one that was read: its id was {self._topic_id}, now it is "
                f"{topic_id or 'unknown'}"
            )
        now = metadata.committed_progress(self._kafka, [self._partition])[self._partition]
        if now == self._expected:
            return ""
        before = "nothing" if self._expected is None else f"offset {self._expected.next_offset}"
        after = "nothing" if now is None else f"offset {now.next_offset}"
        return (
            f"group {self._kafka.group} was committed at {before} and is now at {after}: somebody else commits for "
            "it. Stop the supervisor that reads this partition first"
        )

    def settle(self, batches: Sequence[Batch]) -> CommitTrace:
        """Dead letters first, then the commit of everything that is settled now, `batches` being acknowledged.

        Raises FatalError (exit code KAFKA) when Kafka can't be asked.
        """
        letters = [letter for each in self._letters for letter in each.letters]
        if why := self.moved_by_others():
            return self._settled(0, why)
        if why := self._not_durable(letters):
            return self._settled(0, f"dead letters can't be written to {self._sink.place}: {why}")
        for each in self._letters:
            for ticket, dead in each.tickets:
                self._tracker.release(ticket, dead=dead)
        self._letters = []
        for batch in batches:
            for part in batch.parts:
                for ticket in part.tickets:
                    self._tracker.release(ticket)
        return self._commit(len(letters))

    def _not_durable(self, letters: Sequence[DeadLetter]) -> str:
        """Write `letters`, once; why they are not safe, empty when they are."""
        if not letters:
            return ""
        deadline = time.monotonic() + _DEAD_LETTERS_S
        try:
            self._sink.write(letters)
            while not self._sink.durable():
                if time.monotonic() >= deadline:
                    return f"not confirmed within {_DEAD_LETTERS_S:g} s"
                time.sleep(_LOOK_S)
        except OSError as error:
            return error.strerror or str(error)
        except RetryableError as error:
            return str(error)
        finally:
            self._sink.close()
        return ""

    def _commit(self, dead_letters: int) -> CommitTrace:
        mark = self._tracker.watermark()
        if self._expected is not None and mark.next_offset < self._expected.next_offset:
            return self._settled(dead_letters, "it would rewind the group")
        answers: list[tuple[Stored, Sequence[str]]] = []
        trouble: list[str] = []
        reader = consumer.PartitionConsumer(
            self._kafka,
            (self._partition,),
            on_trouble=trouble.append,
            on_committed=lambda stored, faults: answers.append((stored, faults)),
        )
        try:
            reader.commit({self._partition: mark})
            deadline = time.monotonic() + _COMMIT_S
            while not answers and time.monotonic() < deadline:
                reader.poll(1, 0.1)
        finally:
            reader.close()
        stored, faults = answers[0] if answers else ({}, trouble[-1:] or [f"no answer within {_COMMIT_S:g} s"])
        if stored.get(self._partition, (None, ""))[0] != mark.next_offset:
            return self._settled(dead_letters, f"Kafka did not take the commit: {'; '.join(faults)}")
        self._expected = decode(mark.next_offset, encode(mark))
        return CommitTrace(
            dead_letters=dead_letters,
            directory=self._sink.place,
            next_offset=mark.next_offset,
            committed=True,
            text="",
        )

    def _settled(self, dead_letters: int, why: str) -> CommitTrace:
        return CommitTrace(
            dead_letters=dead_letters,
            directory=self._sink.place,
            next_offset=self._tracker.watermark().next_offset,
            committed=False,
            text=why,
        )

"""`--send` and `--commit`: the upload and the commit of a worker, in one attempt.

Rules
1. A batch gets one attempt. A worker would send it again until Arize answers; here the answer is shown instead.
2. Only acknowledged rows are committed, and only after the dead letters among their neighbours are durable.
3. The group's commit is read again before a batch is sent and before it is committed. If it was moved by another
   process, a supervisor is running: nothing more is sent, and nothing is committed.
4. The commit is the one that a worker would make: the tracker's checkpoint, with counts and ranges of earlier commits.
"""

import threading
import time
from collections.abc import Sequence

import pyarrow as pa

from ingest.commands.debug.trace import CommitTrace, UploadTrace
from ingest.config.resolve import RouteConfig, TopicConfig
from ingest.config.sections import Kafka
from ingest.errors import ExitCode, FatalError, RejectedError, RetryableError
from ingest.pipeline.arize.transport import Attempt
from ingest.pipeline.arize.uploader import ArizeUploader
from ingest.pipeline.dead_letters.queue import DeadLetter, DeadLetterBatch
from ingest.pipeline.dead_letters.topic import sink
from ingest.pipeline.delivery.batch import Batch
from ingest.pipeline.kafka import metadata
from ingest.pipeline.kafka.single_commit import commit_once
from ingest.pipeline.offsets.checkpoint import Checkpoint, decode, encode
from ingest.pipeline.offsets.tracker import PartitionTracker
from ingest.records import Destination

_GRACE_S = 1.0  # lets the request's own timeout report first
_DEAD_LETTERS_S = 40.0  # the Kafka client gives up earlier
_DURABLE_POLL_S = 0.02


class SingleAttemptUploader:
    """Sends each batch to Arize in one attempt."""

    def __init__(self, config: TopicConfig) -> None:
        """Raises ConfigError when the space or the key of a route is missing."""
        self._uploaders = {route.name: ArizeUploader(route) for route in config.routes if route.deliver}

    def send(
        self, route: RouteConfig, table: pa.Table, destination: Destination | None
    ) -> tuple[UploadTrace, ExitCode]:
        """Send all rows of `table` in one request to the destination of `route`.

        Returns Arize's answer, and the exit code for it.
        """
        attempt = Attempt()
        deadline = threading.Timer(route.arize.timeout_s + _GRACE_S, attempt.cut)
        deadline.daemon = True
        deadline.start()
        started = time.monotonic()
        answer, detail, worker_action, code = "acknowledged", "", "", ExitCode.DONE
        try:
            self._uploaders[route.name].send(table, attempt, destination)
        except RetryableError as fault:
            answer, detail, code = "RetryableError", str(fault), ExitCode.DRAIN_DEADLINE
            wait = f" after at least {fault.retry_after_s:g} s" if fault.retry_after_s else ""
            worker_action = f"A worker would send the identical rows again{wait}, until Arize answers."
        except RejectedError as fault:
            answer, detail, code = "RejectedError", str(fault), ExitCode.DRAIN_DEADLINE
            worker_action = (
                "A worker would bisect the batch to find the rejected rows; only those would become dead letters."
            )
        except FatalError as fault:
            answer, detail, code = "FatalError", str(fault), fault.exit_code
            worker_action = (
                f"A worker would halt with exit code {int(fault.exit_code)}; unacknowledged rows stay uncommitted."
            )
        finally:
            deadline.cancel()
        rows = table.num_rows
        return UploadTrace(
            rows=rows, answer=answer, detail=detail, worker_action=worker_action, seconds=time.monotonic() - started
        ), code


class GuardedCommits:
    """Commits one partition for the group, but only if nobody else has moved the group's commit since it was read."""

    def __init__(
        self, config: TopicConfig, partition: int, tracker: PartitionTracker, found: Checkpoint | None, topic_id: str
    ) -> None:
        self._kafka: Kafka = config.kafka
        self._topic_id = topic_id
        self._partition = partition
        self._tracker = tracker
        self._expected = found
        self._sink = sink(config)
        self._letters: list[DeadLetterBatch] = []

    def put(self, letters: DeadLetterBatch) -> None:
        """Keep the dead letters of a chunk; they are written before the next commit."""
        self._letters.append(letters)

    @property
    def waiting(self) -> bool:
        """Messages were read that no commit covers yet."""
        if self._expected is None:
            return bool(self._letters)
        return bool(self._letters) or self._tracker.checkpoint().next_offset > self._expected.next_offset

    def moved_by_others(self) -> str:
        """Rule 3: the reason why nothing may be committed any more; empty if the commit is unchanged."""
        topic_id = metadata.topic_id(self._kafka)
        if self._topic_id and topic_id != self._topic_id:
            return (
                f"topic {self._kafka.topic} is not the topic that was read: its id was {self._topic_id}, and now it is "
                f"{topic_id or 'unknown'}"
            )
        now = metadata.committed_progress(self._kafka, [self._partition])[self._partition]
        if now == self._expected:
            return ""
        before = "nothing" if self._expected is None else f"offset {self._expected.next_offset}"
        after = "nothing" if now is None else f"offset {now.next_offset}"
        return (
            f"the committed offset of group {self._kafka.group} changed from {before} to {after}: another process "
            "commits for it. Stop the supervisor that reads this partition first"
        )

    def settle(self, batches: Sequence[Batch]) -> CommitTrace:
        """Write dead letters, then commit everything that is settled; `batches` are acknowledged.

        Raises FatalError (exit code KAFKA) when Kafka can't be asked.
        """
        letters = [letter for each in self._letters for letter in each.letters]
        if reason := self.moved_by_others():
            return self._refused(0, reason)
        if reason := self._write_dead_letters(letters):
            return self._refused(0, f"dead letters can't be written to {self._sink.place}: {reason}")
        for each in self._letters:
            for ticket, dead in each.tickets:
                ticket.release(dead=dead)
        self._letters = []
        for batch in batches:
            for part in batch.parts:
                for ticket in part.tickets:
                    ticket.release()
        return self._commit(len(letters))

    def _write_dead_letters(self, letters: Sequence[DeadLetter]) -> str:
        """Write `letters` in one attempt; returns the reason why they are not durable, empty if they are."""
        if not letters:
            return ""
        deadline = time.monotonic() + _DEAD_LETTERS_S
        try:
            self._sink.write(letters)
            while not self._sink.durable():
                if time.monotonic() >= deadline:
                    return f"not confirmed within {_DEAD_LETTERS_S:g} s"
                time.sleep(_DURABLE_POLL_S)
        except OSError as error:
            return error.strerror or str(error)
        except RetryableError as error:
            return str(error)
        finally:
            self._sink.close()
        return ""

    def _commit(self, dead_letters: int) -> CommitTrace:
        mark = self._tracker.checkpoint()
        if self._expected is not None and mark.next_offset < self._expected.next_offset:
            return self._refused(dead_letters, "the commit would rewind the group")
        metadata_bytes = metadata.offset_settings(self._kafka).usable_metadata_bytes
        if faults := commit_once(self._kafka, {self._partition: mark}, metadata_bytes=metadata_bytes):
            return self._refused(dead_letters, f"Kafka did not confirm the commit: {faults}")
        self._expected = decode(mark.next_offset, encode(mark, metadata_bytes))
        return CommitTrace(
            dead_letters=dead_letters,
            dead_letter_store=self._sink.place,
            next_offset=mark.next_offset,
            committed=True,
            detail="",
        )

    def _refused(self, dead_letters: int, reason: str) -> CommitTrace:
        return CommitTrace(
            dead_letters=dead_letters,
            dead_letter_store=self._sink.place,
            next_offset=self._tracker.checkpoint().next_offset,
            committed=False,
            detail=reason,
        )

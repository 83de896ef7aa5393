"""A worker's commits: what is settled is prepared, sent once the topic is proved to be the same, and confirmed.

`Committer` decides when a commit is due and what it holds, `TopicGuard` whether the topic is still the one that is
read.
"""

import time
from collections.abc import Mapping, Sequence

from ingest.events import CommitFailed, Committed, Emit, KafkaWarning, Throttle
from ingest.pipeline.kafka.topic_guard import TopicGuard
from ingest.pipeline.offsets.checkpoint import Checkpoint
from ingest.pipeline.offsets.committer import LESS_METADATA, Committer, Stored
from ingest.pipeline.offsets.tracker import PartitionTracker


class Commits:
    """The commits of one worker. Times are monotonic seconds."""

    def __init__(
        self,
        committer: Committer,
        guard: TopicGuard,
        trackers: Mapping[int, PartitionTracker],
        *,
        topic_partitions: int,
        emit: Emit,
    ) -> None:
        """`topic_partitions`: how many partitions of the topic, from 0 on, are known to have a commit."""
        self.committer = committer
        self.topic_partitions = topic_partitions
        self._guard = guard
        self._trackers = trackers
        self._emit = emit
        self._throttle = Throttle()
        self._metadata_reported = False

    @property
    def outstanding(self) -> bool:
        """A commit waits for its proof or for Kafka's answer."""
        return self.committer.outstanding

    @property
    def pending(self) -> bool:
        """A commit is outstanding, or something is settled that Kafka has not confirmed."""
        return bool(self.committer.outstanding or self.committer.unconfirmed(self._checkpoints()))

    @property
    def unconfirmed(self) -> tuple[int, ...]:
        """The partitions of which something is settled that Kafka has not confirmed."""
        return tuple(sorted(self.committer.unconfirmed(self._checkpoints())))

    @property
    def held_up(self) -> bool:
        """As many acknowledged batches wait for their commit as may, and there is a commit to wait for.

        There is none while rows of the same chunks are in other batches that have yet to be sent.
        """
        return self.committer.batch_limit_reached and self.pending

    @property
    def trouble(self) -> str:
        """Why the topic can't be proved to be the same now; "" if nothing is known to be wrong."""
        return self._guard.trouble

    def due(self, now: float, *, stopping: bool) -> dict[int, Checkpoint]:
        """The checkpoints to be sent now, by partition; empty when there are none or the proof is awaited.

        Raises FatalError (exit code EXPIRED) when the topic is another one, or gone.
        """
        if self.committer.may_commit(now, stopping=stopping) and self.committer.prepare_commit(
            self._checkpoints(), now
        ):
            self._guard.require_proof(now)
        self._guard.poll(now)
        if self.committer.prepared and self._guard.proved:
            return self.committer.send_prepared(now)
        return {}

    def answered(self, stored: Stored, errors: Sequence[str], metadata_too_large: bool) -> None:  # noqa: FBT001
        """Kafka has answered: `stored` is what it took, `errors` are the reasons of what it refused.

        `metadata_too_large`: one of the reasons is that, and the next commits have less.
        """
        now = time.monotonic()
        confirmed = self.committer.handle_answer(stored, now, metadata_too_large=metadata_too_large)
        if confirmed:
            counts = {p: found.counts for p in confirmed if (found := self.committer.stored(p)) is not None}
            self._emit(Committed(next_offsets=confirmed, counts=counts))
        if metadata_too_large and not self._metadata_reported:
            self._metadata_reported = True
            self._emit(KafkaWarning(error=LESS_METADATA))
        for error in () if metadata_too_large else errors:
            if self._throttle.allow(error, now):
                self._emit(CommitFailed(error=error))

    def confirmed_partitions(self, partitions: int, now: float) -> None:
        """From now on the commits say how many partitions have one: a later start finds what was added since."""
        if partitions > self.topic_partitions:
            self.topic_partitions = partitions
            for tracker in self._trackers.values():
                tracker.topic_partitions = partitions
            self.committer.refresh(now)

    def _checkpoints(self) -> dict[int, Checkpoint]:
        return {partition: tracker.checkpoint() for partition, tracker in self._trackers.items()}

"""When a commit is due, and for which partitions.

Rules
1. Nothing is committed that the ack tracker does not call settled.
2. One commit is outstanding at a time; the next one carries the newest checkpoints, so a failed one is not repeated.
   One that Kafka does not answer within `answer_s` is given up.
3. A commit is due when a checkpoint has changed and `interval_s` has passed; it is due within 20 ms when the worker
   stops, or half of `most_batches` acknowledged batches wait for it: early enough to be answered, with small batches
   too, before rule 4 applies.
4. While `most_batches` acknowledged batches wait for a commit, nothing more may be sent: a crash repeats at most these
   and the uploads in flight, however small the batches or slow the commits. If no checkpoint has changed, there is no
   commit to wait for: the rows that the next offset waits for are in batches that must be sent first.
5. Kafka forgets an offset `offsets.retention.minutes` after the last commit of its partition, also while we run: a
   group of assigned consumers has no member that would keep it (KIP-211). So each checkpoint is committed again
   `refresh_s` after its last confirmation, also if it has not changed, and one that was already in Kafka when the
   worker started soon after the start.
6. Before a commit is sent, its topic must have been proved to be the same (`topic_identity`), by an answer requested
   after the checkpoints were taken: so they are prepared first, and sent as they were then.
7. The metadata of the prepared commits may be full (`checkpoint`, rule 2). While it is, no route may be read further
   ahead of a suspended one: a crash would repeat what no commit can carry.
8. If Kafka refuses a commit because of its metadata (the brokers' offset.metadata.max.bytes), the next ones have half
   as much, down to none: what is settled must be committed, and the metadata only saves repeats.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ingest.pipeline.offsets.checkpoint import MAX_METADATA_BYTES, Checkpoint, encode

# By partition: the next offset and the metadata, empty where the client doesn't return it.
Stored = Mapping[int, tuple[int, str]]

_MIN_INTERVAL_S = 0.02  # between the commits of a worker that waits for them
_FIRST_REFRESH_S = 5.0  # after the start: by then an offset that the log does not hold has stopped the worker
_LEAST_METADATA_BYTES = 128  # less can't hold counts and the topic's id
REFRESH_S = 3600.0
LESS_METADATA = (
    "the brokers' offset.metadata.max.bytes is below Kafka's default of 4,096, so commits have less metadata than "
    "usual, or none: a crash may repeat more messages, none is lost, and the account may miss counts. "
    "Set it to 4096 on all brokers"
)
_REFRESHES = 6  # within the time that Kafka keeps an offset: some of them may fail


@dataclass(slots=True)
class Committer:
    """Decides when a commit is due and which partitions it names. Times are monotonic seconds."""

    interval_s: float
    most_batches: int = 2
    answer_s: float = 30.0
    refresh_s: float = REFRESH_S
    metadata_bytes: int = MAX_METADATA_BYTES  # rule 8
    metadata_full: bool = False  # the commit prepared last can't carry all that is settled out of order
    _waiting_batches: int = 0  # acknowledged, and in no confirmed commit
    _outstanding_batches: int = 0  # those of them that the outstanding commit has
    _prepared_batches: int = 0  # those of them that the prepared commit has
    _refused: bool = False
    _stored: dict[int, Checkpoint] = field(default_factory=dict)
    _refresh_at: dict[int, float] = field(default_factory=dict)
    _prepared: dict[int, Checkpoint] = field(default_factory=dict)
    _outstanding: dict[int, Checkpoint] = field(default_factory=dict)
    _outdated: set[int] = field(default_factory=set)  # their commit on the way was prepared before `refresh`
    _sent_at: float = float("-inf")

    def may_commit(self, now: float, *, stopping: bool) -> bool:
        """No commit is prepared or outstanding, and it is time for the next; sooner if the worker is `stopping`."""
        if self._prepared:
            return False
        if self._outstanding and now - self._sent_at < self.answer_s:
            return False
        urgent = stopping or (2 * self._waiting_batches >= self.most_batches and not self._refused)
        return now - self._sent_at >= (_MIN_INTERVAL_S if urgent else self.interval_s)

    def batch_acknowledged(self) -> None:
        """One more batch waits for its commit."""
        self._waiting_batches += 1

    @property
    def batch_limit_reached(self) -> bool:
        """Rule 4: `most_batches` acknowledged batches wait for their commit."""
        return self._waiting_batches >= self.most_batches

    def unconfirmed(self, checkpoints: Mapping[int, Checkpoint]) -> dict[int, Checkpoint]:
        """Those of `checkpoints` that Kafka has not confirmed."""
        return {
            partition: checkpoint
            for partition, checkpoint in checkpoints.items()
            if not _same(self._stored.get(partition), checkpoint)
        }

    def prepare_commit(self, checkpoints: Mapping[int, Checkpoint], now: float) -> bool:
        """Prepare a commit of the unconfirmed `checkpoints` and of those to be refreshed; False if there are none."""
        due = self.unconfirmed(checkpoints)
        due |= {p: checkpoints[p] for p, at in self._refresh_at.items() if now >= at and p in checkpoints}
        if due:
            self._prepared = due
            self._outdated -= due.keys()
            self._prepared_batches = self._waiting_batches
            self.metadata_full = not all(checkpoint.fits(self.metadata_bytes) for checkpoint in checkpoints.values())
        return bool(due)

    def send_prepared(self, now: float) -> dict[int, Checkpoint]:
        """The prepared commit, which the caller sends now."""
        self._outstanding, self._prepared = self._prepared, {}
        self._outstanding_batches, self._prepared_batches = self._prepared_batches, 0
        self._sent_at = now
        return self._outstanding

    def handle_answer(self, stored: Stored, now: float, *, metadata_too_large: bool = False) -> dict[int, int]:
        """Record what Kafka has `stored` of the outstanding commit. Returns the next offsets that this confirms.

        `metadata_too_large`: Kafka refused a part of it for that.
        """
        confirmed = {}
        for partition, (next_offset, metadata) in stored.items():
            sent = self._outstanding.get(partition)
            # An earlier commit that was given up may have had the same offset, and less in its metadata.
            same = sent is not None and metadata in {"", encode(sent, self.metadata_bytes)}
            if sent is not None and same and sent.next_offset == next_offset:
                self._stored[partition] = sent
                self._refresh_at[partition] = now + (0.0 if partition in self._outdated else self.refresh_s)
                confirmed[partition] = next_offset
        self._refused = confirmed.keys() != self._outstanding.keys()
        if not self._refused:
            self._waiting_batches -= self._outstanding_batches
            # The answer may be a late one, to a commit that was given up.
            self._prepared_batches = max(self._prepared_batches - self._outstanding_batches, 0)
        self._outstanding_batches = 0
        self._outstanding = {}
        if metadata_too_large:
            self.metadata_bytes = less_metadata(self.metadata_bytes)
        return confirmed

    def add_stored(self, partition: int, checkpoint: Checkpoint, now: float) -> None:
        """This checkpoint is in Kafka already, for an unknown time."""
        self._stored[partition] = checkpoint
        self._refresh_at[partition] = now + min(_FIRST_REFRESH_S, self.refresh_s)

    def refresh(self, now: float) -> None:
        """Write all checkpoints again with the next commit, as `topic_partitions` has changed.

        One that is on its way by now does not count.
        """
        self._refresh_at = dict.fromkeys(self._refresh_at, now)
        self._outdated = {*self._outstanding, *self._prepared}

    def stored(self, partition: int) -> Checkpoint | None:
        """The newest checkpoint that Kafka confirmed."""
        return self._stored.get(partition)

    @property
    def prepared(self) -> bool:
        """A commit waits to be sent."""
        return bool(self._prepared)

    @property
    def outstanding(self) -> bool:
        """A commit is prepared, or sent and not answered."""
        return bool(self._outstanding or self._prepared)


def less_metadata(most_bytes: int) -> int:
    """Rule 8: how much the next commits may have after one with `most_bytes` was refused."""
    return most_bytes // 2 if most_bytes > _LEAST_METADATA_BYTES else 0


def refresh_s(retention_s: float | None) -> float:
    """How often a checkpoint is written again if Kafka keeps an offset for `retention_s` (None: unknown)."""
    return REFRESH_S if retention_s is None else min(REFRESH_S, retention_s / _REFRESHES)


def _same(stored: Checkpoint | None, checkpoint: Checkpoint) -> bool:
    """Nothing has changed but the topic, which is written with the next commit and no reason for one."""
    if stored is None:
        return False
    return (stored.next_offset, stored.counts, stored.ranges, stored.routes) == (
        checkpoint.next_offset,
        checkpoint.counts,
        checkpoint.ranges,
        checkpoint.routes,
    )

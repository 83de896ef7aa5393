"""Commit decisions: when, what, and what travels in the metadata.

Rules
1. Nothing is committed that the ack tracker does not call settled.
2. One commit is outstanding at a time; the next one carries the newest watermarks, so a failed one needs no retry
   of its own. One that Kafka never answers is given up after `answer_s`.
3. A commit is due when a watermark (or what is settled above it) has moved and `interval_s` has passed, or at once
   when the worker is about to leave or half of `most_batches` acknowledged batches wait for it: early enough to be
   answered, with small batches too, before rule 5 holds anything back.
4. What was settled out of order above the watermark, and the counts below it, ride in the commit's metadata, at most
   4,095 bytes of it (a longer one fails with OFFSET_METADATA_TOO_LARGE: Kafka allows 4,096 by default, and
   confluent-kafka sends a terminating NUL along). Ranges that don't fit are left out from
   the far end: their messages are sent again after a restart, none is lost.
5. Until a commit has taken in the `most_batches` acknowledged batches that wait for it, nothing more may be sent: what
   a crash repeats is bounded by that and by the uploads in flight, however small the batches or slow the commits. Where
   no watermark has moved there is no commit to wait for: the rows that hold it are in batches that must be sent first.
6. Metadata of another writer is not read: the offset counts, the rest starts from zero. That of former versions is.
7. Kafka forgets an offset `offsets.retention.minutes` after the last commit of its partition, also while we run: a
   group of assigned consumers has no member that would keep it (KIP-211). So each watermark is committed again
   `refresh_s` after its last confirmation, also when nothing has moved; one that was found at the start soon after it.
8. Before a commit is sent its topic must have been proved to be the same (`topic_identity`), by an answer asked for
   after the watermarks were taken: so they are `prepared` first, and sent as they were then.

Theory: offset and metadata are stored by Kafka in one record, so counts and ranges can't disagree with the offset,
whatever is killed when.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ingest.pipeline.offsets.checkpoint import Checkpoint, encode

# By partition: the next offset and the metadata, empty where the client doesn't say it.
Stored = Mapping[int, tuple[int, str]]

_HURRY_S = 0.02  # between the commits of a worker that waits for them
_FOUND_S = 5.0  # after the start: by then an offset that the log does not hold has stopped the worker
REFRESH_S = 3600.0
_REFRESHES = 6  # within the time that Kafka keeps an offset: a few may fail


@dataclass(slots=True)
class Committer:
    """Decides when a commit is due and which partitions it names. Times are monotonic seconds."""

    interval_s: float
    most_batches: int = 2
    answer_s: float = 30.0
    refresh_s: float = REFRESH_S
    _waiting: int = 0  # acknowledged batches that no confirmed commit holds
    _held: int = 0  # those of them that the commit on its way holds
    _held_prepared: int = 0  # and those that the prepared one holds
    _refused: bool = False
    _stored: dict[int, Checkpoint] = field(default_factory=dict)
    _refresh_at: dict[int, float] = field(default_factory=dict)
    _prepared: dict[int, Checkpoint] = field(default_factory=dict)
    _outstanding: dict[int, Checkpoint] = field(default_factory=dict)
    _sent_at: float = float("-inf")

    def may_commit(self, now: float, *, leaving: bool) -> bool:
        """No commit is prepared or outstanding, and it is time for the next."""
        if self._prepared:
            return False
        if self._outstanding and now - self._sent_at < self.answer_s:
            return False
        hurry = leaving or (2 * self._waiting >= self.most_batches and not self._refused)
        return now - self._sent_at >= (_HURRY_S if hurry else self.interval_s)

    def acknowledged(self) -> None:
        """One more batch waits for its commit."""
        self._waiting += 1

    @property
    def behind(self) -> bool:
        """So many acknowledged batches wait for their commit that nothing more may be sent."""
        return self._waiting >= self.most_batches

    def moved(self, watermarks: Mapping[int, Checkpoint]) -> dict[int, Checkpoint]:
        """Those of `watermarks` that Kafka has not confirmed."""
        return {
            partition: mark for partition, mark in watermarks.items() if not _same(self._stored.get(partition), mark)
        }

    def prepare(self, watermarks: Mapping[int, Checkpoint], now: float) -> bool:
        """Take what is to be committed now, if there is anything: what has moved, and what Kafka would forget."""
        due = self.moved(watermarks)
        due |= {p: watermarks[p] for p, at in self._refresh_at.items() if now >= at and p in watermarks}
        if due:
            self._prepared = due
            self._held_prepared = self._waiting
        return bool(due)

    def send(self, now: float) -> dict[int, Checkpoint]:
        """What was prepared; it leaves now."""
        self._outstanding, self._prepared = self._prepared, {}
        self._held, self._held_prepared = self._held_prepared, 0
        self._sent_at = now
        return self._outstanding

    def answered(self, stored: Stored, now: float) -> dict[int, int]:
        """Kafka answered: `stored` is what it took. Returns the next offsets that it confirms."""
        news = {}
        for partition, (next_offset, metadata) in stored.items():
            mark = self._outstanding.get(partition)
            # An earlier commit that was given up may have had the same offset, and less in its metadata.
            if mark is not None and mark.next_offset == next_offset and metadata in {"", encode(mark)}:
                self._stored[partition] = mark
                self._refresh_at[partition] = now + self.refresh_s
                news[partition] = next_offset
        self._refused = news.keys() != self._outstanding.keys()
        if not self._refused:
            self._waiting -= self._held
            # The answer may be a late one, to a commit that was given up.
            self._held_prepared = max(self._held_prepared - self._held, 0)
        self._held = 0
        self._outstanding = {}
        return news

    def found(self, partition: int, watermark: Checkpoint, now: float) -> None:
        """This watermark is already in Kafka; for how long it has been there nobody knows."""
        self._stored[partition] = watermark
        self._refresh_at[partition] = now + min(_FOUND_S, self.refresh_s)

    def refresh(self, now: float) -> None:
        """Write all watermarks again with the next commit: more is to be said of their topic."""
        self._refresh_at = dict.fromkeys(self._refresh_at, now)

    def stored(self, partition: int) -> Checkpoint | None:
        """The newest watermark that Kafka confirmed."""
        return self._stored.get(partition)

    @property
    def prepared(self) -> bool:
        """A commit waits to be sent."""
        return bool(self._prepared)

    @property
    def outstanding(self) -> bool:
        """A commit is on its way, or is about to be."""
        return bool(self._outstanding or self._prepared)


def refresh_s(retention_s: float | None) -> float:
    """How often a watermark is written again where Kafka keeps an offset for `retention_s` (None: it does not say)."""
    return REFRESH_S if retention_s is None else min(REFRESH_S, retention_s / _REFRESHES)


def _same(stored: Checkpoint | None, mark: Checkpoint) -> bool:
    """Nothing has moved. Which topic it was committed for is written with the next commit, and not a reason for one."""
    if stored is None:
        return False
    return (stored.next_offset, stored.counts, stored.ranges, stored.routes) == (
        mark.next_offset,
        mark.counts,
        mark.ranges,
        mark.routes,
    )

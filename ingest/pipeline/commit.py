"""Commit decisions: when, what, and what travels in the metadata.

Rules
1. Nothing is committed that the ack tracker does not call settled.
2. One commit is outstanding at a time; the next one carries the newest watermarks, so a failed one needs no retry
   of its own. One that Kafka never answers is given up after `answer_s`.
3. A commit is due when a watermark (or what is settled above it) has moved and `interval_s` has passed, or at once
   when the worker is about to leave or `most_batches` acknowledged batches wait for it.
4. What was settled out of order above the watermark, and the counts below it, ride in the commit's metadata, at most
   4,095 bytes of it (a longer one fails with OFFSET_METADATA_TOO_LARGE: Kafka allows 4,096 by default, and
   confluent-kafka sends a terminating NUL along). Ranges that don't fit are left out from
   the far end: their messages are sent again after a restart, none is lost.
5. Until a commit has taken in the `most_batches` acknowledged batches that wait for it, nothing more may be sent: what
   a crash repeats is bounded by that and by the uploads in flight, however small the batches or slow the commits.
6. Metadata of another writer is not read: the offset counts, the rest starts from zero.

Theory: offset and metadata are stored by Kafka in one record, so counts and ranges can't disagree with the offset,
whatever is killed when.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from ingest.pipeline.ack import SettledRange, Watermark

MAX_METADATA_BYTES = 4_095

_HURRY_S = 0.02  # between the commits of a worker that waits for them

_FORMAT = re.compile(r"ingest/1 (\d+) (\d+)((?: \d+\+\d+:\d+:\d+)*)")
_RANGE = re.compile(r"(\d+)\+(\d+):(\d+):(\d+)")


def encode(watermark: Watermark) -> str:
    """The metadata of a commit: `ingest/1 ACKNOWLEDGED DEAD[ GAP+LENGTH:COUNT:DEAD...]`, ASCII, at most 4,095 bytes.

    GAP is the distance from the end of the range before (from the watermark for the first).
    """
    text = f"ingest/1 {watermark.acknowledged} {watermark.dead_lettered}"
    end = watermark.next_offset
    for settled in watermark.ranges:
        part = f" {settled.first - end}+{settled.next_offset - settled.first}:{settled.count}:{settled.dead}"
        if len(text) + len(part) > MAX_METADATA_BYTES:
            break
        text += part
        end = settled.next_offset
    return text


def decode(next_offset: int, metadata: str | None) -> Watermark:
    """What a commit said; metadata that is not ours gives the offset alone."""
    match = _FORMAT.fullmatch(metadata or "")
    if match is None:
        return Watermark(next_offset, 0, 0)
    ranges = []
    end = next_offset
    for gap, length, count, dead in _RANGE.findall(match[3]):
        if not int(length) or int(dead) > int(count):
            return Watermark(next_offset, 0, 0)
        first = end + int(gap)
        end = first + int(length)
        ranges.append(SettledRange(first, end, int(count), int(dead)))
    return Watermark(next_offset, int(match[1]), int(match[2]), tuple(ranges))


@dataclass(slots=True)
class Committer:
    """Decides when a commit is due and which partitions it names. Times are monotonic seconds."""

    interval_s: float
    most_batches: int = 2
    answer_s: float = 30.0
    _waiting: int = 0  # acknowledged batches that no confirmed commit holds
    _waiting_unsent: int = 0  # those of them that the commit on its way doesn't hold either
    _refused: bool = False
    _stored: dict[int, Watermark] = field(default_factory=dict)
    _outstanding: dict[int, Watermark] = field(default_factory=dict)
    _sent_at: float = float("-inf")

    def may_commit(self, now: float, *, leaving: bool) -> bool:
        """No commit is outstanding, and it is time for the next."""
        if self._outstanding and now - self._sent_at < self.answer_s:
            return False
        hurry = leaving or (self.behind and not self._refused)
        return now - self._sent_at >= (_HURRY_S if hurry else self.interval_s)

    def acknowledged(self) -> None:
        """One more batch waits for its commit."""
        self._waiting += 1
        self._waiting_unsent += 1

    @property
    def behind(self) -> bool:
        """So many acknowledged batches wait for their commit that nothing more may be sent."""
        return self._waiting >= self.most_batches

    def moved(self, watermarks: Mapping[int, Watermark]) -> dict[int, Watermark]:
        """Those of `watermarks` that Kafka has not confirmed. To be committed, if any; the caller then calls `sent`."""
        return {partition: mark for partition, mark in watermarks.items() if self._stored.get(partition) != mark}

    def sent(self, watermarks: Mapping[int, Watermark], now: float) -> None:
        """A commit has left."""
        self._outstanding = dict(watermarks)
        self._sent_at = now
        self._waiting_unsent = 0

    def answered(self, stored: Mapping[int, int]) -> dict[int, int]:
        """Kafka answered: `stored` are the partitions and next offsets it took. Returns those that are news."""
        news = {}
        for partition, next_offset in stored.items():
            mark = self._outstanding.get(partition)
            if mark is not None and mark.next_offset == next_offset:
                self._stored[partition] = mark
                news[partition] = next_offset
        self._refused = news.keys() != self._outstanding.keys()
        if self._refused:
            self._waiting_unsent = self._waiting
        self._waiting = self._waiting_unsent
        self._outstanding = {}
        return news

    def found(self, partition: int, watermark: Watermark) -> None:
        """This watermark is already in Kafka."""
        self._stored[partition] = watermark

    def stored(self, partition: int) -> Watermark | None:
        """The newest watermark that Kafka confirmed."""
        return self._stored.get(partition)

    @property
    def outstanding(self) -> bool:
        """A commit is on its way."""
        return bool(self._outstanding)

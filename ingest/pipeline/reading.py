"""From Kafka into the batches: one worker's reading, the first one and those of routes that had to be suspended.

Rules
1. There is room until the next batch of some route is full and no upload of it is free. For up to `STALL_S` a poll then
   only waits for an answer: pausing throws away what librdkafka has fetched ahead. If a commit is awaited, its answer
   comes from within a poll: one message is polled at a time, and held until there is room for it. After that time the
   partitions are paused and polled for nothing, so that commits and errors are still served.
2. Every message that a poll returns is tracked, also one that slips through while paused: an untracked message would
   be a gap, and checkpoints pass over gaps. A message that is held until there is room is not a gap: it is tracked
   before anything that comes after it, and until then nothing is committed past it.
3. A chunk that is taken in pieces, as its messages hold several predictions, is taken to its end before anything more
   is read, also while the worker drains: its messages are tracked, and so in hand.
4. A partition that is paused by request is not fetched, and everything else goes on: what was read of it is settled and
   committed, a suspended route reads its messages again, and a run that has an end waits for it.
5. Messages that retention removed before they were read end the run once what is in hand is delivered, or are reported
   and passed over. A record that Kafka can't hand out ends it in the same way, and is never passed over.
"""

import contextlib
from collections import deque
from collections.abc import Callable, Mapping
from typing import Literal

import numpy as np

from ingest import events
from ingest.config.resolve import TopicConfig
from ingest.errors import DamagedRecordError, FatalError
from ingest.events import Emit
from ingest.pipeline.chunks import ChunkHandler
from ingest.pipeline.delivery.deliveries import Deliveries
from ingest.pipeline.kafka.consumer import PartitionConsumer, Polled, concatenate
from ingest.pipeline.kafka.silence import SilenceGuard
from ingest.pipeline.kafka.start_offset import resume_after_gap
from ingest.pipeline.offsets.oldest import OldestMessages
from ingest.pipeline.offsets.tracker import PartitionTracker
from ingest.pipeline.suspended import STALL_S, SuspendedRoutes
from ingest.records import Chunk, KafkaMessage

IDLE_POLL_S = 0.25
BUSY_POLL_S = 0.05  # while uploads are out: their answers are taken between polls
DUE_POLL_S = 0.01  # while a batch is due or a commit awaited: either may be answered any moment
_MOST_HELD = 100

WaitsFor = Literal["", "arize", "dead letters", "metadata", "catching up"]


class Reading:
    """Reads the partitions that are tracked, and hands their messages to `chunks`. All times are monotonic seconds.

    `until` maps each partition to the offset where it ends; without it there is no end. `on_trouble` is called with
    what Kafka's client deals with by itself. `read` counts the messages that were read, by partition. `waits_for` is
    why nothing more is read now: `arize` stands for batches that wait for their answers.
    """

    def __init__(
        self,
        config: TopicConfig,
        until: Mapping[int, int] | None,
        *,
        consumer: PartitionConsumer,
        trackers: Mapping[int, PartitionTracker],
        chunks: ChunkHandler,
        deliveries: Deliveries,
        emit: Emit,
        on_trouble: Callable[[str], None],
    ) -> None:
        self._kafka = config.kafka
        self._chunk_events = config.batch.chunk_events
        self._until = until
        self._consumer = consumer
        self._trackers = trackers
        self._chunks = chunks
        self._deliveries = deliveries
        self._emit = emit
        self._suspended = SuspendedRoutes(config.kafka, trackers, emit=emit, on_trouble=on_trouble)
        self._silence = SilenceGuard(consumer, on_trouble)
        self._open: set[int] = set()  # partitions whose end is not reached
        self._full_since: float | None = None
        self._held: deque[Polled] = deque()  # polled without room, each a message at most
        self.read: dict[int, int] = {}
        self.oldest = OldestMessages()
        self.state: Literal["reading", "paused"] = "reading"
        self.waits_for: WaitsFor = ""
        self.paused: frozenset[int] = frozenset()  # by request
        self.halt: FatalError | None = None  # to be raised once what is in hand is delivered

    def begin(self, now: float) -> None:
        """Read each partition from where its tracker stands."""
        self._open.update(self._trackers)
        self.read |= dict.fromkeys(self._trackers, 0)
        self._consumer.assign({partition: tracker.position for partition, tracker in self._trackers.items()})
        for partition in self._trackers:
            self._check_end(partition)
        self._silence.active(now)

    def add(self, partition: int, now: float) -> None:
        """Read one more partition, from where its tracker stands."""
        self._open.add(partition)
        self.read[partition] = 0
        self._consumer.add(partition, self._trackers[partition].position)
        self._silence.active(now)

    def keep_paused(self, partitions: frozenset[int], now: float) -> None:
        """Read nothing more of exactly these partitions until another call: rule 4."""
        if partitions == self.paused:
            return
        self.paused = partitions
        self._consumer.keep_paused(partitions)
        self._silence.active(now)  # what is resumed has brought nothing while it was paused

    @property
    def done(self) -> bool:
        """All ends are reached, nothing is taken in part, and no route is suspended."""
        return not (self._open or self._suspended.routes or self._chunks.pending)

    @property
    def pending(self) -> bool:
        """A chunk is taken in part."""
        return self._chunks.pending

    @property
    def suspended_routes(self) -> tuple[str, ...]:
        """The names of the routes that have messages to read again."""
        return tuple(self._deliveries[number].name for number in sorted(self._suspended.routes))

    def poll(self, now: float, *, draining: bool, committing: bool, metadata_full: bool) -> None:
        """Read once, or wait a moment. `draining`: nothing more is to be read.

        `committing`: a commit waits for its answer; `metadata_full`: it can't carry more of what is settled out of
        order, so that no route may run further ahead. Raises FatalError when going on would lose or repeat something,
        and sets `halt` if what is in hand may be delivered before.
        """
        try:
            self._turn(now, draining=draining, committing=committing, metadata_full=metadata_full)
        except DamagedRecordError as damage:
            self.halt = self.halt or damage

    def answer_commits(self, timeout_s: float) -> None:
        """Wait for the answers to commits. What Kafka brings besides is left unread."""
        with contextlib.suppress(DamagedRecordError):
            self._consumer.poll(1, timeout_s)

    def _turn(self, now: float, *, draining: bool, committing: bool, metadata_full: bool) -> None:
        pending = self._chunks.pending
        blocked = (draining and not pending) or self._chunks.blocked
        self.waits_for = "dead letters" if self._chunks.blocked else ""
        reread = not (blocked or pending) and self._reread(now)
        if self._chunks.pending and not pending:
            return
        room = 0 if blocked else self._room(now, metadata_full=metadata_full)
        if not room:
            self._wait(now, draining=draining, committing=committing, busy=reread)
            return
        if self._full_since is not None:
            self._full_since = None
            self._silence.active(now)
            self._consumer.resume()
        if pending:
            self._silence.active(now)
            self._chunks.resume(now)
            return
        if self._held:
            held = min(self._chunks.messages(room), len(self._held))
            polled = concatenate([self._held.popleft() for _ in range(held)])
        else:
            timeout_s = 0.0 if reread else self._poll_timeout_s(now, committing=committing)
            polled = self._consumer.poll(self._chunks.messages(min(room, self._chunk_events)), timeout_s)
        self.state = "reading"
        self._take_in(polled, now)
        self._silence.check(self._positions, now)

    def _wait(self, now: float, *, draining: bool, committing: bool, busy: bool) -> None:
        """There is no room, or nothing more is to be read. `busy`: there is other work, so don't wait long."""
        if self._full_since is None:
            self._full_since = now
        if not draining and now - self._full_since < STALL_S and len(self._held) < _MOST_HELD:
            if committing:
                self._hold(self._consumer.poll(1, 0.0))
            if not busy:
                self._deliveries.wait(DUE_POLL_S if committing else BUSY_POLL_S)
            return
        self._consumer.pause()
        polled = self._consumer.poll(1, BUSY_POLL_S)
        if not draining:  # else it stays untracked, and nothing is committed past it
            self._hold(polled)
            self.state = "paused"

    def _hold(self, polled: Polled) -> None:
        if polled.chunk is not None or polled.ends or polled.out_of_range:
            self._held.append(polled)

    def _room(self, now: float, *, metadata_full: bool) -> int:
        """Messages that may be polled, whatever their routes."""
        rooms = {number: delivery.room() for number, delivery in self._deliveries.items()}
        for number in self._suspended.suspend_stalled(rooms, now):
            delivery = self._deliveries[number]
            self._emit(events.RouteSuspended(route=delivery.name, reason=delivery.slow_because))
        if metadata_full and self._suspended.routes:
            self.waits_for = "metadata"
            return 0
        if self._suspended.others_wait(self._chunk_events, now):
            self.waits_for = "catching up"
            return 0
        room = min(room for number, room in rooms.items() if number not in self._suspended.routes)
        self.waits_for = "" if room else "arize"
        return room

    def _reread(self, now: float) -> bool:
        """Read for the suspended routes; False if there was nothing to be read for them."""
        read = False
        for number in self._suspended.routes:
            delivery = self._deliveries[number]
            room = delivery.room()
            if not room or delivery.failing:
                continue
            read = True
            polled = self._suspended.poll(number, self._chunks.messages(min(room, self._chunk_events)), now)
            if polled.chunk is not None:
                self._chunks.take_reread(number, polled.chunk, now)
            self._suspended.advance(number, polled.ends)
            if self._suspended.resume_if_caught_up(number):
                self._emit(events.RouteCaughtUp(route=delivery.name))
            if self._chunks.pending:
                break
        return read

    def _poll_timeout_s(self, now: float, *, committing: bool) -> float:
        """How long a poll may wait: acknowledgements and the batch's age must not."""
        longest = BUSY_POLL_S if self._deliveries.in_flight or committing else IDLE_POLL_S
        due = self._chunks.due_in_s(now)
        # One that is due already waits for an answer, or for its turn.
        return longest if due is None else min(longest, max(due, 0.001) if due else DUE_POLL_S)

    def _take_in(self, polled: Polled, now: float) -> None:
        ends = dict(polled.ends)
        if polled.chunk is not None:
            chunk = polled.chunk
            if self._until is not None:
                chunk, past = chunk.up_to(self._until)
                # What comes at or past the end proves that nothing more comes before it.
                ends |= {partition: self._until[partition] for partition in past}
            self._take(chunk, now)
        for partition, end in ends.items():
            until = self._until
            self._trackers[partition].advance(end if until is None else min(end, until[partition]))
            self._check_end(partition)
        if polled.chunk is not None or ends:
            self._silence.active(now)
        for partition, offset in polled.out_of_range.items():
            self._handle_out_of_range(partition, offset)

    def _take(self, chunk: Chunk, now: float) -> None:
        found = np.unique(chunk.partitions, return_index=True, return_counts=True)
        for partition, first, count in zip(*(each.tolist() for each in found), strict=True):
            self.read[partition] += count
            self.oldest.add(partition, int(chunk.offsets[first]), _timestamp_ms(chunk.messages[first]))
        self._chunks.take(chunk, now, self._suspended.routes)
        for partition in np.unique(chunk.partitions).tolist():
            self._check_end(partition)

    def _check_end(self, partition: int) -> None:
        until = self._until
        if until is not None and partition in self._open and self._trackers[partition].position >= until[partition]:
            self._open.discard(partition)
            self._consumer.drop(partition)

    def _handle_out_of_range(self, partition: int, offset: int) -> None:
        kafka = self._kafka
        tracker = self._trackers[partition]
        bounds = self._consumer.watermarks([partition])[partition]
        try:
            go_on = resume_after_gap(kafka, partition, offset, bounds)
        except FatalError as halt:
            if offset > bounds[1]:
                raise  # another topic by the same name: nothing more is committed for it
            # What is in hand may be gone from Kafka too: it is delivered first.
            self.halt = halt
            return
        if go_on > tracker.position:
            self._emit(
                events.OffsetsExpired(
                    topic=kafka.topic,
                    partition=partition,
                    first=tracker.position,
                    next_offset=go_on,
                )
            )
            tracker.advance(go_on)
        self._consumer.reassign(partition, tracker.position)

    def _positions(self) -> dict[int, int]:
        return {partition: self._trackers[partition].position for partition in self._open}

    def close(self) -> None:
        """Close the consumers."""
        self._suspended.close()
        self._consumer.close()


def _timestamp_ms(message: KafkaMessage) -> int | None:
    """Kafka's timestamp of a message, of whichever kind; None if it has none."""
    kind, timestamp_ms = message.timestamp()
    return timestamp_ms if kind and timestamp_ms > 0 else None

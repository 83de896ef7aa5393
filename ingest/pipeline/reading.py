"""From Kafka into the batches: one worker's reading, the first one and those of routes that had to be left behind.

Rules
1. There is room until the next batch of some route is full and no upload of it is free. For up to `STALL_S` a turn then
   just waits for an answer: pausing throws away what librdkafka has fetched ahead. If a commit is awaited, its answer
   comes from within a poll: one message a turn is polled, and kept back until there is room for it. After that
   time it pauses and polls for nothing, so that commits and errors are still served.
2. Every message that a poll returns is tracked, also one that slips through while paused: an untracked message would
   be a gap, and watermarks pass over gaps. What is kept back until there is room is no gap: it is tracked before
   anything that comes after it, and until then nothing is committed past it.
3. What retention took before it was read ends the run once what is in hand is delivered, or is told and passed over.
4. A consumer that stays silent though the log has more is replaced (librdkafka#5153); one that is silent and was made
   with a password or a certificate that has been replaced since, too.
"""

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from ingest import events
from ingest.config.load import Config
from ingest.errors import FatalError
from ingest.events import Emit
from ingest.pipeline.dead_letters.limit import DeadLetterLimit
from ingest.pipeline.dead_letters.queue import DeadLetter, DeadLetterQueue
from ingest.pipeline.delivery.route import RouteDelivery, too_many
from ingest.pipeline.intake import Intake, Taken
from ingest.pipeline.kafka.consumer import PartitionConsumer, Polled, joined
from ingest.pipeline.kafka.start_offset import resume_after_gap
from ingest.pipeline.offsets.tracker import PartitionTracker
from ingest.pipeline.suspended import STALL_S, SuspendedRoutes
from ingest.records import Chunk

IDLE_POLL_S = 0.25
BUSY_POLL_S = 0.05  # while uploads are out: their answers are taken between polls
DUE_POLL_S = 0.01  # while a batch is due or a commit awaited: either may be answered any moment
_MOST_KEPT = 100
_SILENCE_S = 60.0  # no message for this long, though the log has more: replace the consumer


class Reading:
    """Reads `partitions` into `intake`. All times are monotonic seconds.

    `until` maps each partition to the offset where it ends; without it there is no end. `on_taken` hears of each chunk,
    `on_trouble` what Kafka's client deals with by itself; `answer` is set when an upload was answered.
    """

    def __init__(
        self,
        config: Config,
        partitions: Sequence[int],
        until: Mapping[int, int] | None,
        *,
        reader: PartitionConsumer,
        trackers: Mapping[int, PartitionTracker],
        intake: Intake,
        deliveries: Mapping[int, RouteDelivery],
        dead_letters: DeadLetterQueue,
        emit: Emit,
        worker: int,
        on_taken: Callable[[Taken], None],
        on_trouble: Callable[[str], None],
        answer: threading.Event,
    ) -> None:
        dead = config.dead_letters
        self._kafka = config.kafka
        self._chunk_events = config.batch.chunk_events
        self._until = until
        self._reader = reader
        self._trackers = trackers
        self._intake = intake
        self._deliveries = deliveries
        self._dead_letters = dead_letters
        self._emit = emit
        self._worker = worker
        self._on_taken = on_taken
        self._on_trouble = on_trouble
        self._answer = answer
        self._behind = SuspendedRoutes(config.kafka, trackers, emit=emit, worker=worker, on_trouble=on_trouble)
        self._undecodable = DeadLetterLimit(dead.max_share, dead.share_events, dead.max_consecutive)
        self._open = set(partitions)
        self._full_since: float | None = None
        self._kept: deque[Polled] = deque()  # polled without room, each a message at most
        self._heard_at = 0.0
        self.consumed = dict.fromkeys(partitions, 0)
        self.state: Literal["reading", "paused"] = "reading"
        self.halt: FatalError | None = None  # to be raised once what is in hand is delivered

    def begin(self, now: float) -> None:
        """Read each partition from where its tracker stands."""
        self._reader.assign({partition: tracker.position for partition, tracker in self._trackers.items()})
        for partition in self._trackers:
            self._check_end(partition)
        self._heard_at = now

    def add(self, partition: int, now: float) -> None:
        """Read one more partition, from where its tracker stands."""
        self._open.add(partition)
        self.consumed[partition] = 0
        self._reader.add(partition, self._trackers[partition].position)
        self._heard_at = now

    @property
    def done(self) -> bool:
        """All ends are reached, and no route is behind."""
        return not (self._open or self._behind.routes)

    @property
    def behind(self) -> bool:
        """A route is left behind."""
        return bool(self._behind.routes)

    def turn(self, now: float, *, leaving: bool, committing: bool, brimful: bool) -> None:
        """Read once, or wait a moment. `leaving`: nothing more is to be read.

        `committing`: a commit waits for its answer; `brimful`: it can't carry more of what is settled out of order, so
        that no route may run further ahead. Raises FatalError when going on would lose or repeat something.
        """
        blocked = leaving or self._dead_letters.full
        again = not blocked and self._read_again(now)
        room = 0 if blocked else self._room(now, brimful=brimful)
        if not room:
            self._wait(now, leaving=leaving, committing=committing, busy=again)
            return
        if self._full_since is not None:
            self._full_since = None
            self._heard_at = now
            self._reader.resume()
        if self._kept:
            polled = joined([self._kept.popleft() for _ in range(min(room, len(self._kept)))])
        else:
            patience = 0.0 if again else self._patience(now, committing=committing)
            polled = self._reader.poll(min(room, self._chunk_events), patience)
        self.state = "reading"
        self._take_in(polled, now)
        if now - self._heard_at >= _SILENCE_S:
            self._break_silence(now)

    def _wait(self, now: float, *, leaving: bool, committing: bool, busy: bool) -> None:
        """There is no room, or nothing more is to be read. `busy`: there is other work, so don't wait long."""
        if self._full_since is None:
            self._full_since = now
        if not leaving and now - self._full_since < STALL_S and len(self._kept) < _MOST_KEPT:
            if committing:
                self._keep_back(self._reader.poll(1, 0.0))
            if not busy:
                self._answer.wait(DUE_POLL_S if committing else BUSY_POLL_S)
                self._answer.clear()
            return
        self._reader.pause()
        polled = self._reader.poll(1, BUSY_POLL_S)
        if not leaving:  # else it stays untracked, and nothing is committed past it
            self._keep_back(polled)
            self.state = "paused"

    def _keep_back(self, polled: Polled) -> None:
        if polled.chunk is not None or polled.ends or polled.outside:
            self._kept.append(polled)

    def _room(self, now: float, *, brimful: bool) -> int:
        """Messages that may be polled, whatever their routes."""
        rooms = {number: delivery.room() for number, delivery in self._deliveries.items()}
        for number in self._behind.leave(rooms, now):
            delivery = self._deliveries[number]
            self._emit(events.RouteLeftBehind(worker=self._worker, route=delivery.name, why=delivery.trouble))
        if brimful or self._behind.joining(self._chunk_events, now):
            return 0
        return min(room for number, room in rooms.items() if number not in self._behind.routes)

    def _read_again(self, now: float) -> bool:
        """A turn of the second readings; False if there was none to be made."""
        read = False
        for number in self._behind.routes:
            delivery = self._deliveries[number]
            room = delivery.room()
            if not room or delivery.failing:
                continue
            read = True
            polled = self._behind.poll(number, min(room, self._chunk_events), now)
            if polled.chunk is not None:
                self._taken(self._intake.take_again(number, polled.chunk, now), polled.chunk)
            self._behind.reached(number, polled.ends)
            if self._behind.caught_up(number):
                self._emit(events.RouteCaughtUp(worker=self._worker, route=delivery.name))
        return read

    def _patience(self, now: float, *, committing: bool) -> float:
        """How long a poll may wait: acknowledgements and the batch's age must not."""
        longest = BUSY_POLL_S if any(d.in_flight for d in self._deliveries.values()) or committing else IDLE_POLL_S
        due = self._intake.due_in_s(now)
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
            self._heard_at = now
        for partition, offset in polled.outside.items():
            self._outside(partition, offset)

    def _take(self, chunk: Chunk, now: float) -> None:
        for partition, count in zip(*np.unique(chunk.partitions, return_counts=True), strict=True):
            self.consumed[int(partition)] += int(count)
        self._taken(self._intake.take(chunk, now, self._behind.routes), chunk)
        for partition in np.unique(chunk.partitions).tolist():
            self._check_end(partition)

    def _taken(self, taken: Taken, chunk: Chunk) -> None:
        self._on_taken(taken)
        letters = taken.letters.letters
        if too_much := self._undecodable.add(_dead(chunk, letters)):
            last = letters[-1]
            raise too_many(
                self._kafka.topic,
                f"no row can be made of {too_much}, the last at partition {last.message.partition()} offset "
                f"{last.message.offset()}: {last.reason.detail}",
            )
        self._dead_letters.put(taken.letters)

    def _check_end(self, partition: int) -> None:
        until = self._until
        if until is not None and partition in self._open and self._trackers[partition].position >= until[partition]:
            self._open.discard(partition)
            self._reader.drop(partition)

    def _outside(self, partition: int, offset: int) -> None:
        kafka = self._kafka
        tracker = self._trackers[partition]
        bounds = self._reader.watermarks([partition])[partition]
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
                    worker=self._worker,
                    topic=kafka.topic,
                    partition=partition,
                    first=tracker.position,
                    next_offset=go_on,
                )
            )
            tracker.advance(go_on)
        self._reader.reassign(partition, tracker.position)

    def _break_silence(self, now: float) -> None:
        """An assigned consumer can stay dead after a broker restart (librdkafka#5153): it is replaced."""
        self._heard_at = now
        positions = {partition: self._trackers[partition].position for partition in self._open}
        if self._reader.behind(positions):
            self._on_trouble(f"no message for {_SILENCE_S:g} s although there are more: connecting anew")
            self._reader.rebuild(positions)
        elif self._reader.outdated():
            self._on_trouble("a password or certificate among [kafka.options] was replaced: connecting anew with it")
            self._reader.rebuild(positions)

    def close(self) -> None:
        """Read no more."""
        self._behind.close()
        self._reader.close()


def _dead(chunk: Chunk, letters: Sequence[DeadLetter]) -> npt.NDArray[np.bool_]:
    """Which messages of the chunk these letters are."""
    if not letters:
        return np.zeros(len(chunk.messages), dtype=np.bool_)
    places = {(letter.message.partition(), letter.message.offset()) for letter in letters}
    own = zip(chunk.partitions.tolist(), chunk.offsets.tolist(), strict=True)
    return np.fromiter((place in places for place in own), dtype=np.bool_, count=len(chunk.messages))

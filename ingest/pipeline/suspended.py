"""Routes that can't keep up: suspended, so that the others go on, and caught up with a consumer of their own.

Rules
1. A route without room for `STALL_S`, while another one has room, is suspended: its further messages are tracked as
   open and take no memory. If no route has room, all wait, as then it is Arize that does not answer.
2. When it has room again and Arize takes its batches, it catches up: a consumer of its own reads its messages again,
   from the first one for which it was suspended. Messages that are settled meanwhile are skipped.
3. It has caught up when none of its messages is open below the position of the others; from then on they read together.
4. Near that point the others wait for it, for `CATCH_UP_WAIT_S` at most: otherwise it would never reach them.
5. Messages that retention has removed meanwhile are a gap like any other (`start_offset.resume_after_gap`).

Theory: a commit carries the open routes of each range, so reading ahead of a suspended route does not add to what a
crash repeats. When the commit's metadata is full, the others stop; no other limit follows from the offsets.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from ingest.config.sections import Kafka
from ingest.events import Emit, OffsetsExpired
from ingest.pipeline.kafka.consumer import PartitionConsumer, Polled
from ingest.pipeline.kafka.start_offset import resume_after_gap
from ingest.pipeline.offsets.tracker import PartitionTracker

STALL_S = 1.0  # without room for this long, a route is suspended, or, if none has room, the worker pauses
CATCH_UP_WAIT_S = 0.8  # less than `STALL_S`, after which a pause would discard the messages that were fetched ahead
_POLL_S = 0.02
_SILENCE_S = 60.0  # without a message for this long, though there are some, the consumer is replaced
_QUEUE_SHARE = 4  # a consumer that catches up may fetch ahead this part of what the first one may
_NO_OFFSETS = np.empty(0, dtype=np.int64)


@dataclass(slots=True)
class _CatchUp:
    """A suspended route's consumer, None until it catches up, and the next offset that it will return by partition."""

    consumer: PartitionConsumer | None = None
    last_message_at: float = 0.0
    next_offsets: dict[int, int] = field(default_factory=dict)


class SuspendedRoutes:
    """The suspended routes of a worker. Times are monotonic seconds."""

    def __init__(
        self,
        kafka: Kafka,
        trackers: Mapping[int, PartitionTracker],
        *,
        emit: Emit,
        on_trouble: Callable[[str], None],
    ) -> None:
        self._kafka = kafka.with_queue_bytes(max(kafka.queue_bytes // _QUEUE_SHARE, 1))
        self._trackers = trackers
        self._emit = emit
        self._on_trouble = on_trouble
        self._suspended: dict[int, _CatchUp] = {}
        self._stalled_since: dict[int, float] = {}
        self._others_wait_since: float | None = None

    @property
    def routes(self) -> frozenset[int]:
        """The routes that are suspended."""
        return frozenset(self._suspended)

    def suspend_stalled(self, rooms: Mapping[int, int], now: float) -> list[int]:
        """Rule 1, by the room that each route has: suspends routes, and returns them."""
        reading = {route: room for route, room in rooms.items() if route not in self._suspended}
        stalled = {route for route, room in reading.items() if not room}
        if len(stalled) == len(reading):
            stalled = set()
        self._stalled_since = {route: self._stalled_since.get(route, now) for route in stalled}
        late = [route for route, since in self._stalled_since.items() if now - since >= STALL_S]
        self._suspended |= {route: _CatchUp() for route in late}
        return late

    def poll(self, route: int, most: int, now: float) -> Polled:
        """The next messages, in order, among which are those that `route` must read again; the first call connects.

        After tracking them call `advance` with their ends. Raises FatalError as `PartitionConsumer` and
        `resume_after_gap` do.
        """
        catch_up = self._suspended[route]
        wanted = self._positions(route)
        if catch_up.consumer is None:
            catch_up.consumer = PartitionConsumer(
                self._kafka, tuple(self._trackers), on_trouble=self._on_trouble, on_committed=lambda *_: None
            )
            catch_up.last_message_at = now
            catch_up.next_offsets = dict(wanted)
            catch_up.consumer.assign(wanted)
        for partition, offset in wanted.items():
            # It had caught up there, or was ahead; since then the others have read on while it was suspended.
            if catch_up.next_offsets.get(partition) is None:
                catch_up.consumer.add(partition, offset)
                catch_up.next_offsets[partition] = offset
            elif catch_up.next_offsets[partition] > offset:
                catch_up.consumer.reassign(partition, offset)
                catch_up.next_offsets[partition] = offset
        polled = catch_up.consumer.poll(most, _POLL_S)
        self._skip_out_of_range(route, catch_up.consumer, polled)
        if polled.chunk is not None:
            catch_up.last_message_at = now
            for partition in np.unique(polled.chunk.partitions).tolist():
                last = int(polled.chunk.offsets[polled.chunk.partitions == partition][-1])
                catch_up.next_offsets[partition] = last + 1
        elif now - catch_up.last_message_at >= _SILENCE_S and wanted:
            self._disconnect(catch_up)
        return polled

    def advance(self, route: int, next_offsets: Mapping[int, int]) -> None:
        """All messages of `route` below these next offsets, by partition, have been tracked."""
        for partition, next_offset in next_offsets.items():
            self._trackers[partition].track_reread(route, _NO_OFFSETS, _NO_OFFSETS, next_offset)

    def resume_if_caught_up(self, route: int) -> bool:
        """Rule 3: if it holds, the route is no longer suspended."""
        if self._positions(route):
            return False
        self._disconnect(self._suspended.pop(route))
        self._others_wait_since = None
        return True

    def others_wait(self, most: int, now: float) -> bool:
        """Rule 4: a route that catches up has at most `most` offsets to go."""
        near = any(
            catch_up.consumer is not None and self._distance(route) <= most
            for route, catch_up in self._suspended.items()
        )
        if not near:
            self._others_wait_since = None
            return False
        if self._others_wait_since is None:
            self._others_wait_since = now
        if now - self._others_wait_since >= 2 * CATCH_UP_WAIT_S:
            self._others_wait_since = now
        return now - self._others_wait_since < CATCH_UP_WAIT_S

    def close(self) -> None:
        """Close the consumers of the routes that catch up."""
        for catch_up in self._suspended.values():
            self._disconnect(catch_up)

    def _positions(self, route: int) -> dict[int, int]:
        found = {partition: tracker.suspended_from(route) for partition, tracker in self._trackers.items()}
        return {partition: offset for partition, offset in found.items() if offset is not None}

    def _distance(self, route: int) -> int:
        return sum(self._trackers[partition].position - offset for partition, offset in self._positions(route).items())

    def _skip_out_of_range(self, route: int, consumer: PartitionConsumer, polled: Polled) -> None:
        for partition, offset in polled.out_of_range.items():
            next_offset = resume_after_gap(self._kafka, partition, offset, consumer.watermarks([partition])[partition])
            if next_offset > offset:
                self._emit(
                    OffsetsExpired(
                        topic=self._kafka.topic,
                        partition=partition,
                        first=offset,
                        next_offset=next_offset,
                    )
                )
                self._trackers[partition].track_reread(route, _NO_OFFSETS, _NO_OFFSETS, next_offset)
            consumer.reassign(partition, next_offset)

    @staticmethod
    def _disconnect(catch_up: _CatchUp) -> None:
        if catch_up.consumer is not None:
            catch_up.consumer.close()
            catch_up.consumer = None

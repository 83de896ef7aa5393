"""Routes that can't keep up: left behind, so that the others go on, and read again once they can.

Rules
1. A route without room for `STALL_S`, while another one has room, is left behind: its further messages are tracked as
   open and take no memory. If no route has room, all wait: then it is Arize that is away.
2. When it has room again and Arize takes its batches, a consumer of its own reads what it had left behind, from the
   first of it on. Rows that were settled meanwhile are passed over.
3. It has caught up when nothing of it is open before the position of the others; from then on they read together.
4. Near that point the others wait for it, `JOIN_S` at most: both would run on for ever else.
5. What retention has taken meanwhile is a hole like any other (`start.resume_after_gap`).

Theory: the commit carries which routes are open in which range, so running ahead costs a crash nothing. What it can't
carry any more stops the others: no more than that do the offsets ask for.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from ingest.config.sections import Kafka
from ingest.events import Emit, OffsetsExpired
from ingest.pipeline.kafka.consumer import PartitionConsumer, Polled
from ingest.pipeline.kafka.start_offset import resume_after_gap
from ingest.pipeline.offsets.tracker import PartitionTracker

STALL_S = 1.0  # no room for this long: a route is left behind, or, if none has any, the worker pauses
JOIN_S = 0.8  # before the worker pauses its partitions, which throws away what was fetched
_POLL_S = 0.02
_SILENCE_S = 60.0  # no message for this long, though there are some: replace the consumer
_MEMORY_SHARE = 4  # of what the first consumer may fetch ahead
_NO_OFFSETS = np.empty(0, dtype=np.int64)


@dataclass(slots=True)
class _Left:
    reader: PartitionConsumer | None = None
    heard_at: float = 0.0
    next_offsets: dict[int, int] = field(default_factory=dict)


class SuspendedRoutes:
    """The routes of a worker that are left behind. Times are monotonic seconds."""

    def __init__(
        self,
        kafka: Kafka,
        trackers: Mapping[int, PartitionTracker],
        *,
        emit: Emit,
        on_trouble: Callable[[str], None],
    ) -> None:
        self._kafka = kafka.with_queue_bytes(max(kafka.queue_bytes // _MEMORY_SHARE, 1))
        self._trackers = trackers
        self._emit = emit
        self._on_trouble = on_trouble
        self._left: dict[int, _Left] = {}
        self._stalled: dict[int, float] = {}
        self._joining_since: float | None = None

    @property
    def routes(self) -> frozenset[int]:
        """Those that are left behind."""
        return frozenset(self._left)

    def leave(self, rooms: Mapping[int, int], now: float) -> list[int]:
        """Rule 1: the routes that are to be left behind from now on, by the room that each route has."""
        keeping = {route: room for route, room in rooms.items() if route not in self._left}
        stalled = {route for route, room in keeping.items() if not room}
        if len(stalled) == len(keeping):
            stalled = set()
        self._stalled = {route: self._stalled.get(route, now) for route in stalled}
        late = [route for route, since in self._stalled.items() if now - since >= STALL_S]
        self._left |= {route: _Left() for route in late}
        return late

    def poll(self, route: int, most: int, now: float) -> Polled:
        """Messages that `route` may have left behind, the next in order; the first call begins a second reading.

        Once they are taken in, call `reached` with the ends.

        Raises FatalError as `poll.PartitionConsumer` and `start.resume_after_gap` do.
        """
        left = self._left[route]
        wanted = self._positions(route)
        if left.reader is None:
            left.reader = PartitionConsumer(
                self._kafka, tuple(self._trackers), on_trouble=self._on_trouble, on_committed=lambda *_: None
            )
            left.heard_at = now
            left.next_offsets = dict(wanted)
            left.reader.assign(wanted)
        for partition, offset in wanted.items():
            # It had caught up there, or was ahead: the first reading has left more behind since.
            if left.next_offsets.get(partition) is None:
                left.reader.add(partition, offset)
                left.next_offsets[partition] = offset
            elif left.next_offsets[partition] > offset:
                left.reader.reassign(partition, offset)
                left.next_offsets[partition] = offset
        polled = left.reader.poll(most, _POLL_S)
        self._outside(route, left.reader, polled)
        if polled.chunk is not None:
            left.heard_at = now
            for partition in np.unique(polled.chunk.partitions).tolist():
                last = int(polled.chunk.offsets[polled.chunk.partitions == partition][-1])
                left.next_offsets[partition] = last + 1
        elif now - left.heard_at >= _SILENCE_S and wanted:
            self._close(left)
        return polled

    def reached(self, route: int, ends: Mapping[int, int]) -> None:
        """No message lies before these next offsets beyond those that were taken in."""
        for partition, end in ends.items():
            self._trackers[partition].track_reread(route, _NO_OFFSETS, _NO_OFFSETS, end)

    def caught_up(self, route: int) -> bool:
        """Rule 3; it is not left behind any more then."""
        if self._positions(route):
            return False
        self._close(self._left.pop(route))
        self._joining_since = None
        return True

    def joining(self, most: int, now: float) -> bool:
        """Rule 4: one that is being read again has at most `most` offsets to go."""
        near = any(left.reader is not None and self._distance(route) <= most for route, left in self._left.items())
        if not near:
            self._joining_since = None
            return False
        if self._joining_since is None:
            self._joining_since = now
        if now - self._joining_since >= 2 * JOIN_S:
            self._joining_since = now
        return now - self._joining_since < JOIN_S

    def close(self) -> None:
        """Read no more."""
        for left in self._left.values():
            self._close(left)

    def _positions(self, route: int) -> dict[int, int]:
        found = {partition: tracker.suspended_from(route) for partition, tracker in self._trackers.items()}
        return {partition: offset for partition, offset in found.items() if offset is not None}

    def _distance(self, route: int) -> int:
        return sum(self._trackers[partition].position - offset for partition, offset in self._positions(route).items())

    def _outside(self, route: int, reader: PartitionConsumer, polled: Polled) -> None:
        for partition, offset in polled.outside.items():
            go_on = resume_after_gap(self._kafka, partition, offset, reader.watermarks([partition])[partition])
            if go_on > offset:
                self._emit(
                    OffsetsExpired(
                        topic=self._kafka.topic,
                        partition=partition,
                        first=offset,
                        next_offset=go_on,
                    )
                )
                self._trackers[partition].track_reread(route, _NO_OFFSETS, _NO_OFFSETS, go_on)
            reader.reassign(partition, go_on)

    @staticmethod
    def _close(left: _Left) -> None:
        if left.reader is not None:
            left.reader.close()
            left.reader = None

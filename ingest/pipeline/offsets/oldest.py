"""The Kafka timestamps of the oldest messages that are not committed, to the precision of a chunk.

Rules
1. For each chunk and partition the timestamp of its first message is kept, until a commit passes the chunk. So the
   age of the oldest message comes out as that of the first one of its chunk: a little too old, never too young.
2. Where more than `MOST` chunks wait for their commit, every second one is forgotten: the precision is that of two.
3. A message without a timestamp has None.
"""

from collections import deque
from collections.abc import Mapping

MOST = 1_000


class OldestMessages:
    """By partition. Offsets come in ascending order, except after `forget`."""

    def __init__(self) -> None:
        self._chunks: dict[int, deque[tuple[int, int | None]]] = {}

    def add(self, partition: int, first: int, timestamp_ms: int | None) -> None:
        """A chunk begins at the offset `first`."""
        chunks = self._chunks.setdefault(partition, deque())
        if len(chunks) >= MOST:
            chunks = self._chunks[partition] = deque(list(chunks)[::2])
        chunks.append((first, timestamp_ms))

    def timestamp_ms(self, partition: int, next_offset: int, position: int) -> int | None:
        """Of the first message from the committed `next_offset` on; None if nothing was read there up to `position`."""
        chunks = self._chunks.get(partition)
        if not chunks:
            return None
        while len(chunks) > 1 and chunks[1][0] <= next_offset:
            chunks.popleft()
        if next_offset >= position:
            chunks.clear()
            return None
        return chunks[0][1]

    def known(self) -> Mapping[int, int]:
        """How many chunks are kept, by partition."""
        return {partition: len(chunks) for partition, chunks in self._chunks.items()}

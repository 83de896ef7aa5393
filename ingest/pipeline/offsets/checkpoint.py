"""What is committed of a partition: the next offset, and the metadata that rides with it in the same record.

Rules
1. Kafka stores offset and metadata in one record, so counts and ranges can't disagree with the offset, whatever is
   killed when.
2. The metadata is ASCII and has at most `MAX_METADATA_BYTES`: a longer one fails with OFFSET_METADATA_TOO_LARGE. Kafka
   allows 4,096 bytes by default, and confluent-kafka sends a terminating NUL along.
3. Ranges that don't fit are left out from the far end: their messages are sent again after a restart, none is lost.
4. Metadata of another writer is not read: the offset counts, the rest starts from zero. That of former versions is.
"""

import re
from dataclasses import dataclass, fields, replace

from ingest.records import NOTHING, Counts

MAX_METADATA_BYTES = 4_095

_SURELY = 20  # ranges that fit whatever their numbers are

_COUNTS = rf"\d+(?::\d+){{0,{len(fields(Counts)) - 1}}}"
_FORMAT = re.compile(rf"ingest/2 ({_COUNTS})((?: [a-z]+=[0-9A-Za-z_-]+)*)((?: \d+\+\d+:{_COUNTS}(?:/[0-9a-f]+)?)*)")
_RANGE = re.compile(rf"(\d+)\+(\d+):({_COUNTS})(?:/([0-9a-f]+))?")
_FORMAT_1 = re.compile(r"ingest/1 (\d+) (\d+)((?: \d+\+\d+:\d+:\d+)*)")
_RANGE_1 = re.compile(r"(\d+)\+(\d+):(\d+):(\d+)")


@dataclass(frozen=True, slots=True)
class SettledRange:
    """Messages above the watermark: `counts` of them are settled, all but those of the `open` routes."""

    first: int
    next_offset: int
    counts: Counts
    open: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What may be committed: everything below `next_offset` is settled, and so are the `ranges` above it.

    `routes` says which routes the numbers in the ranges' `open` mean. `topic_id` is that of the topic whose offsets
    these are, and `topic_partitions` how many of its partitions, from 0 on, had a commit; "" and 0: unknown.
    """

    next_offset: int
    counts: Counts = NOTHING
    ranges: tuple[SettledRange, ...] = ()
    routes: str = ""
    topic_id: str = ""
    topic_partitions: int = 0

    def settled(self) -> Counts:
        """All that is settled, above the watermark too."""
        return sum((each.counts for each in self.ranges), self.counts)

    def under(self, routes: str) -> "Checkpoint":
        """As it is to be read by these routes: ranges in which other routes are open mean nothing any more."""
        if routes == self.routes:
            return self
        return replace(self, ranges=tuple(each for each in self.ranges if not each.open), routes=routes)


def encode(watermark: Checkpoint) -> str:
    """The metadata: `ingest/2 COUNTS[ KEY=VALUE...][ GAP+LENGTH:COUNTS[/OPEN]...]`, ASCII, at most 4,095 bytes.

    COUNTS are acknowledged, dead-lettered, tombstones and filtered with colons between them, zeros at the end left out.
    Keys are `routes`, `topic` (the topic's id) and `of` (how many of its partitions have a commit).
    GAP is the distance from the end of the range before (from the watermark for the first), OPEN has a bit for each
    open route, in hexadecimal digits.
    """
    text = f"ingest/2 {_spell(watermark.counts)}"
    if watermark.routes:
        text += f" routes={watermark.routes}"
    if watermark.topic_id:
        text += f" topic={watermark.topic_id}"
    if watermark.topic_partitions:
        text += f" of={watermark.topic_partitions}"
    end = watermark.next_offset
    for settled in watermark.ranges:
        part = f" {settled.first - end}+{settled.next_offset - settled.first}:{_spell(settled.counts)}"
        if settled.open:
            part += f"/{sum(1 << route for route in settled.open):x}"
        if len(text) + len(part) > MAX_METADATA_BYTES:
            break
        text += part
        end = settled.next_offset
    return text


def fits(watermark: Checkpoint) -> bool:
    """A commit can carry all of it."""
    return len(watermark.ranges) <= _SURELY or len(decode(0, encode(watermark)).ranges) == len(watermark.ranges)


def decode(next_offset: int, metadata: str | None) -> Checkpoint:
    """What a commit said; metadata that is not ours gives the offset alone."""
    old = _FORMAT_1.fullmatch(metadata or "")
    if old is not None:
        return _former(next_offset, old)
    match = _FORMAT.fullmatch(metadata or "")
    if match is None:
        return Checkpoint(next_offset)
    said = dict(pair.split("=") for pair in match[2].split())
    ranges = []
    end = next_offset
    for gap, length, counts, bits in _RANGE.findall(match[3]):
        if not int(length):
            return Checkpoint(next_offset)
        first = end + int(gap)
        end = first + int(length)
        waiting = int(bits or "0", 16)
        open_routes = frozenset(route for route in range(waiting.bit_length()) if waiting >> route & 1)
        ranges.append(SettledRange(first, end, _counts(counts), open_routes))
    of = said.get("of", "")
    return Checkpoint(
        next_offset,
        _counts(match[1]),
        tuple(ranges),
        said.get("routes", ""),
        said.get("topic", ""),
        int(of) if of.isdecimal() else 0,
    )


def _spell(counts: Counts) -> str:
    found = list(counts.values())
    while len(found) > 1 and not found[-1]:
        found.pop()
    return ":".join(map(str, found))


def _counts(text: str) -> Counts:
    return Counts(*map(int, text.split(":")))


def _former(next_offset: int, match: re.Match[str]) -> Checkpoint:
    """The first format: ranges were whole, and had the number of all messages before that of the dead letters."""
    ranges = []
    end = next_offset
    for gap, length, count, dead in _RANGE_1.findall(match[3]):
        if not int(length) or int(dead) > int(count):
            return Checkpoint(next_offset)
        first = end + int(gap)
        end = first + int(length)
        ranges.append(SettledRange(first, end, Counts(int(count) - int(dead), int(dead))))
    return Checkpoint(next_offset, Counts(int(match[1]), int(match[2])), tuple(ranges))

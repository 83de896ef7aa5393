"""What is committed of a partition: the next offset, and metadata with counts and ranges, stored in the same record.

Rules
1. The metadata is ASCII and has at most `MAX_METADATA_BYTES`: a longer one fails with OFFSET_METADATA_TOO_LARGE. Kafka
   allows 4,096 bytes by default, and confluent-kafka sends a terminating NUL along. Brokers may allow less.
2. Ranges that don't fit are omitted, those with the highest offsets first: their messages are sent again after a
   restart, none is lost.
3. Where not even the counts fit, there is no metadata: the offset alone is committed.
4. Metadata that another program wrote is ignored: the offset counts, and the counts start from zero. Metadata of
   former versions is read.

Theory: Kafka stores offset and metadata in one record, so counts and ranges can't disagree with the offset. This holds
even if any process is killed at any time.
"""

import re
from dataclasses import dataclass, fields, replace

from ingest.records import NOTHING, Counts

MAX_METADATA_BYTES = 4_095

_ALWAYS_FIT = 20  # as many ranges fit even with the largest numbers

_COUNTS = rf"\d+(?::\d+){{0,{len(fields(Counts)) - 1}}}"
_FORMAT = re.compile(rf"ingest/2 ({_COUNTS})((?: [a-z]+=[0-9A-Za-z_-]+)*)((?: \d+\+\d+:{_COUNTS}(?:/[0-9a-f]+)?)*)")
_RANGE = re.compile(rf"(\d+)\+(\d+):({_COUNTS})(?:/([0-9a-f]+))?")
_FORMAT_1 = re.compile(r"ingest/1 (\d+) (\d+)((?: \d+\+\d+:\d+:\d+)*)")
_RANGE_1 = re.compile(r"(\d+)\+(\d+):(\d+):(\d+)")


@dataclass(frozen=True, slots=True)
class SettledRange:
    """Messages above the checkpoint's next offset: all are settled but those of the `open` routes.

    `counts` are of the settled ones.
    """

    first: int
    next_offset: int
    counts: Counts
    open: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What may be committed: all messages below `next_offset` are settled, and so are those in the `ranges` above it.

    `counts` are of the messages below `next_offset`. `routes` identifies the configured routes that the numbers in the
    ranges' `open` refer to. `topic_id` is Kafka's id of the topic, and `topic_partitions` how many of its partitions,
    from 0 on, have a commit; "" and 0 if unknown.
    """

    next_offset: int
    counts: Counts = NOTHING
    ranges: tuple[SettledRange, ...] = ()
    routes: str = ""
    topic_id: str = ""
    topic_partitions: int = 0

    def settled(self) -> Counts:
        """The counts of all settled messages, also of those in the ranges."""
        return sum((each.counts for each in self.ranges), self.counts)

    def for_routes(self, routes: str) -> "Checkpoint":
        """The checkpoint for these routes: if they are others, without the ranges in which routes are open."""
        if routes == self.routes:
            return self
        return replace(self, ranges=tuple(each for each in self.ranges if not each.open), routes=routes)

    def fits(self, most_bytes: int = MAX_METADATA_BYTES) -> bool:
        """Metadata of `most_bytes` has room for all of its ranges (rule 2)."""
        always = _ALWAYS_FIT if most_bytes >= MAX_METADATA_BYTES else 0
        return len(self.ranges) <= always or len(decode(0, encode(self, most_bytes)).ranges) == len(self.ranges)


def encode(checkpoint: Checkpoint, most_bytes: int = MAX_METADATA_BYTES) -> str:
    """The metadata: `ingest/2 COUNTS[ KEY=VALUE...][ GAP+LENGTH:COUNTS[/OPEN]...]`, ASCII, at most `most_bytes`.

    COUNTS are acknowledged, dead-lettered, tombstones and filtered with colons between them, without zeros at the end.
    Keys are `routes`, `topic` (the topic's id) and `of` (how many of its partitions have a commit).
    GAP is the distance from the end of the range before (from the next offset for the first), OPEN has a bit for each
    open route, in hexadecimal digits.
    """
    text = f"ingest/2 {_format_counts(checkpoint.counts)}"
    if checkpoint.routes:
        text += f" routes={checkpoint.routes}"
    if checkpoint.topic_id:
        text += f" topic={checkpoint.topic_id}"
    if checkpoint.topic_partitions:
        text += f" of={checkpoint.topic_partitions}"
    if len(text) > most_bytes:
        return ""
    end = checkpoint.next_offset
    for settled in checkpoint.ranges:
        part = f" {settled.first - end}+{settled.next_offset - settled.first}:{_format_counts(settled.counts)}"
        if settled.open:
            part += f"/{sum(1 << route for route in settled.open):x}"
        if len(text) + len(part) > most_bytes:
            break
        text += part
        end = settled.next_offset
    return text


def decode(next_offset: int, metadata: str | None) -> Checkpoint:
    """The checkpoint that was committed; only its next offset if the metadata is not ours."""
    format_1 = _FORMAT_1.fullmatch(metadata or "")
    if format_1 is not None:
        return _decode_format_1(next_offset, format_1)
    match = _FORMAT.fullmatch(metadata or "")
    if match is None:
        return Checkpoint(next_offset)
    values = dict(pair.split("=") for pair in match[2].split())
    ranges = []
    end = next_offset
    for gap, length, counts, bits in _RANGE.findall(match[3]):
        if not int(length):
            return Checkpoint(next_offset)
        first = end + int(gap)
        end = first + int(length)
        open_bits = int(bits or "0", 16)
        open_routes = frozenset(route for route in range(open_bits.bit_length()) if open_bits >> route & 1)
        ranges.append(SettledRange(first, end, _parse_counts(counts), open_routes))
    partitions = values.get("of", "")
    return Checkpoint(
        next_offset,
        _parse_counts(match[1]),
        tuple(ranges),
        values.get("routes", ""),
        values.get("topic", ""),
        int(partitions) if partitions.isdecimal() else 0,
    )


def _format_counts(counts: Counts) -> str:
    numbers = list(counts.values())
    while len(numbers) > 1 and not numbers[-1]:
        numbers.pop()
    return ":".join(map(str, numbers))


def _parse_counts(text: str) -> Counts:
    return Counts(*map(int, text.split(":")))


def _decode_format_1(next_offset: int, match: re.Match[str]) -> Checkpoint:
    """The first format: a range had no open routes, and the numbers of its messages and of its dead letters."""
    ranges = []
    end = next_offset
    for gap, length, count, dead in _RANGE_1.findall(match[3]):
        if not int(length) or int(dead) > int(count):
            return Checkpoint(next_offset)
        first = end + int(gap)
        end = first + int(length)
        ranges.append(SettledRange(first, end, Counts(int(count) - int(dead), int(dead))))
    return Checkpoint(next_offset, Counts(int(match[1]), int(match[2])), tuple(ranges))

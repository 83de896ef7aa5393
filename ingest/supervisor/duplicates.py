"""Ranges of messages that Arize may have twice, merged so that they stay few.

1. Ranges that overlap or touch become one. Its count is the sum: a message that two crashes may have repeated counts
   twice.
2. Of more than `most` ranges, those with the least distance between them become one. A range may then hold messages
   that were never sent; every message that was sent lies in a range.
"""

from collections.abc import Iterable
from functools import reduce
from itertools import pairwise

from ingest.records import Span

MOST_RANGES = 100  # of a partition


def merged(spans: Iterable[Span], most: int = MOST_RANGES) -> list[Span]:
    """The ranges of one partition, ascending, at most `most` of them. An empty one is dropped."""
    found: list[Span] = []
    for span in sorted((span for span in spans if span.count), key=lambda span: span.first):
        if found and span.first <= found[-1].next_offset:
            found[-1] = _joined(found[-1], span)
        else:
            found.append(span)
    if len(found) <= most:
        return found
    widest = sorted(range(1, len(found)), key=lambda index: found[index - 1].next_offset - found[index].first)
    bounds = [0, *sorted(widest[: most - 1]), len(found)]
    return [reduce(_joined, found[begin:end]) for begin, end in pairwise(bounds)]


def _joined(before: Span, after: Span) -> Span:
    next_offset = max(before.next_offset, after.next_offset)
    return Span(before.partition, before.first, next_offset, before.count + after.count)

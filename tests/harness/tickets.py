"""Tickets of single spans, as a tracker issues them for a chunk."""

import numpy as np

from ingest.pipeline.offsets.segment import Ticket
from ingest.pipeline.offsets.tracker import PartitionTracker
from ingest.records import Span


def ticket_for(tracker: PartitionTracker, span: Span) -> Ticket:
    """Track `span.count` messages of one route: the first and the last offset of `span`, and the lowest between."""
    offsets = np.arange(span.first, span.first + span.count, dtype=np.int64)
    offsets[-1] = span.next_offset - 1
    (ticket,), _ = tracker.track(offsets)
    assert ticket.span == span
    return ticket

"""An audit claims that everything adds up only where everything could be verified."""

from datetime import UTC, datetime

import pytest

from ingest.commands.audit.text import as_json, sentences
from ingest.commands.audit.topic_audit import OffsetTotals, PartitionAudit, TopicAudit
from ingest.records import Counts


def audited(total: OffsetTotals | None, committed: int | None = 100) -> TopicAudit:
    partition = PartitionAudit(
        partition=3,
        total=total,
        hours={},
        committed_next_offset=committed,
        low_offset=0,
        end_offset=100,
        stable_offset=100,
        possible_duplicates=[],
    )
    return TopicAudit("rides", "g", [partition])


@pytest.mark.parametrize(
    ("topic", "verified"),
    [
        (audited(OffsetTotals(0, 100, Counts(100))), True),
        (audited(None, committed=None), True),  # nothing was committed, so nothing can be missing
        (audited(OffsetTotals(0, 100, Counts(90), gap=10, status="unverifiable")), False),
        (audited(None), False),
    ],
)
def test_what_can_not_be_verified_does_not_add_up(topic: TopicAudit, *, verified: bool) -> None:
    last = list(sentences(topic))[-1]
    assert (last == "rides: everything adds up") is verified
    assert verified or "not everything of partition 3 can be verified" in last
    found = as_json([topic], datetime(2026, 7, 20, tzinfo=UTC))
    assert (found["exact"], found["verified"]) == (True, verified)

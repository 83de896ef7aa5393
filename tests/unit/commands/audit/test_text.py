"""The audit in sentences and as JSON. It claims that everything adds up only where everything could be verified."""

from datetime import UTC, datetime

import pytest

from ingest.commands.audit.text import as_json, sentences
from ingest.commands.audit.topic_audit import OffsetTotals, PartitionAudit, StoredDeadLetters, TopicAudit
from ingest.records import Counts

AT = datetime(2026, 5, 1, tzinfo=UTC)


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


def test_the_dead_letters_that_were_asked_for_are_shown_though_none_is_missing() -> None:
    topic = TopicAudit("rides", "ingest", dead_letters=StoredDeadLetters("dead_letters", 1_234, 1_234))
    assert list(sentences(topic)) == [
        "rides: 1,234 dead letters counted, 1,234 found in dead_letters",
        "rides: everything adds up",
    ]
    assert as_json([topic], AT)["topics"][0]["dead_letters"] == {
        "store": "dead_letters",
        "counted": 1_234,
        "stored": 1_234,
        "unchecked": (),
    }


def test_partitions_whose_dead_letters_can_not_be_compared_are_named() -> None:
    topic = TopicAudit("rides", "ingest", dead_letters=StoredDeadLetters("d", 0, 0, (3, 4)))
    assert "partitions 3-4 can't be compared" in list(sentences(topic))[1]


def test_nothing_is_said_of_dead_letters_that_were_not_asked_for() -> None:
    topic = TopicAudit("rides", "ingest")
    assert list(sentences(topic)) == ["rides: everything adds up"]
    assert as_json([topic], AT)["topics"][0]["dead_letters"] is None

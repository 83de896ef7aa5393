"""The audit in sentences and as JSON."""

from datetime import UTC, datetime

from ingest.commands.audit.text import as_json, sentences
from ingest.commands.audit.topic_audit import StoredDeadLetters, TopicAudit

AT = datetime(2026, 5, 1, tzinfo=UTC)


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

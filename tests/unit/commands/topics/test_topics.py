"""The list of topics shows what is known, marks what is configured, and names what looks like a wrong name."""

import json
from datetime import UTC, datetime

import pytest

from ingest.commands.topics.run import matches, missing
from ingest.commands.topics.text import as_json, as_lines
from ingest.pipeline.kafka import first_contact
from ingest.pipeline.kafka.topic_list import TopicListing, is_internal

NAMES = ["predictions", "predictions-dlq", "Orders.v1", "rides"]
FULL = TopicListing(
    name="rides",
    partitions=32,
    internal=False,
    offsets=1_200_000,
    retention_ms=604_800_000,
    retention_bytes=-1,
    cleanup_policy="delete",
    newest_timestamp_ms=1_000_000,
    committed_partitions=31,
)
EMPTY = TopicListing(name="empty", partitions=1, internal=False, offsets=0, cleanup_policy="compact")
UNKNOWN = TopicListing(name="secret", partitions=1, internal=False)


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("prediction", ["predictions", "predictions-dlq"]),
        ("orders_v1", ["Orders.v1"]),
        ("RIDES", ["rides"]),
        ("ride", ["rides"]),
        ("zzz", []),
    ],
)
def test_near_names_whatever_their_case_and_separators(wrong: str, right: list[str]) -> None:
    assert first_contact.near(wrong, NAMES)[: len(right)] == right


def test_a_missing_topic_names_the_near_ones_or_those_there_are() -> None:
    assert missing("ride", NAMES, "b:1").endswith(
        "there is no such topic at b:1, or this user may not see it; did you mean rides?"
    )
    assert missing("zzz", NAMES, "b:1").endswith("there are predictions, predictions-dlq, Orders.v1, rides")
    assert missing("zzz", [], "b:1").endswith("there are no topics that this user may see")


def test_a_name_selects_what_contains_it_else_what_looks_like_it() -> None:
    assert [name for name in NAMES if matches(name, "dlq", NAMES)] == ["predictions-dlq"]
    assert [name for name in NAMES if matches(name, "ridez", NAMES)] == ["rides"]
    assert [name for name in NAMES if matches(name, None, NAMES)] == NAMES


def test_internal_topics_are_known_by_their_names() -> None:
    assert [name for name in ("__consumer_offsets", "_schemas", "_mine", "x") if is_internal(name)] == [
        "__consumer_offsets",
        "_schemas",
    ]


def test_lines_show_what_is_known_and_a_mark_for_what_is_not() -> None:
    head, rides, empty, unknown, note = as_lines([FULL, EMPTY, UNKNOWN], "mine", ["rides"], 1_042.0)
    assert head.split() == ["topic", "partitions", "offsets", "retention", "newest", "commits"]
    assert rides.split("  ")[0] == "* rides"
    assert [part.strip() for part in rides.split("  ") if part][1:] == ["32", "1,200,000", "7 d 0 h", "42 s ago", "31"]
    assert [part.strip() for part in empty.split("  ") if part.strip()][1:] == ["1", "0", "compacted", "-", "?"]
    assert [part.strip() for part in unknown.split("  ") if part.strip()][1:] == ["1", "?", "?", "?", "?"]
    assert note == "* configured; commits are those of group mine"
    assert list(as_lines([], "mine", [], 0.0))[-1] == "no topics that this user may see"
    ahead = TopicListing(name="a", partitions=1, internal=False, offsets=1, newest_timestamp_ms=61_000)
    assert "in 1 min 00 s" in list(as_lines([ahead], "mine", [], 1.0))[1]


def test_json_has_every_field_and_whether_it_is_configured() -> None:
    found = json.loads(as_json([FULL, UNKNOWN], "b:1", "mine", ["rides"], datetime(2026, 7, 20, tzinfo=UTC)))
    assert (found["brokers"], found["group"]) == ("b:1", "mine")
    assert [topic["configured"] for topic in found["topics"]] == [True, False]
    assert found["topics"][0]["offsets"] == 1_200_000
    assert found["topics"][1]["offsets"] is None

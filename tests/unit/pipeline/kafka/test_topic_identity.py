"""Whether the topic is still the same, and what is committed while that is unknown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.config.sections import Kafka
from ingest.errors import ExitCode, FatalError
from ingest.pipeline.kafka.topic_identity import EVERY_S, GONE_S, Answer, NoAnswer, NoTopic, TopicIdentity
from ingest.records import TopicShape

KAFKA = Kafka(topic="rides", group="ours")
SAME, OTHER, NO_ID = TopicShape("a", (0, 1)), TopicShape("b", (0, 1)), TopicShape("", (0, 1))


def test_a_commit_waits_for_an_answer_that_was_asked_for_after_it() -> None:
    identity = TopicIdentity(KAFKA, "a", 0.0)
    assert identity.due(EVERY_S)  # nobody wants a proof yet
    identity.require_proof(EVERY_S + 0.1)
    identity.handle_answer(SAME, EVERY_S + 0.2)
    assert not identity.proved
    assert identity.due(EVERY_S + 0.2)
    identity.handle_answer(SAME, EVERY_S + 0.3)
    assert identity.proved


def test_each_commit_needs_a_proof_of_its_own() -> None:
    identity = TopicIdentity(KAFKA, "a", 0.0)
    identity.require_proof(1.0)
    assert identity.due(1.0)
    identity.handle_answer(SAME, 1.1)
    identity.require_proof(2.0)
    assert not identity.proved


def test_another_id_halts() -> None:
    identity = TopicIdentity(KAFKA, "a", 0.0)
    identity.require_proof(1.0)
    assert identity.due(1.0)
    with pytest.raises(FatalError, match="topic rides was deleted and created again: its id was a, it is b") as halt:
        identity.handle_answer(OTHER, 1.1)
    assert halt.value.exit_code == ExitCode.EXPIRED
    assert not identity.proved


def test_the_topic_is_asked_about_when_nothing_is_committed() -> None:
    identity = TopicIdentity(KAFKA, "a", 0.0)
    assert not identity.due(EVERY_S - 0.1)
    assert identity.due(EVERY_S)
    assert not identity.due(EVERY_S + 0.1)


def test_a_topic_that_stays_away_is_deleted() -> None:
    identity = TopicIdentity(KAFKA, "a", 0.0)
    identity.require_proof(0.0)
    assert identity.due(0.0)
    identity.handle_answer(NoTopic(), 0.1)
    assert "there is no such topic" in identity.trouble
    assert identity.due(0.6)
    identity.handle_answer(SAME, 0.7)  # a broker that had just started
    assert identity.proved, "the commit still waited for it"
    assert not identity.trouble
    identity.handle_answer(NoTopic(), 10.0)
    with pytest.raises(FatalError, match="topic rides was deleted") as halt:
        identity.handle_answer(NoTopic(), 10.0 + GONE_S)
    assert halt.value.exit_code == ExitCode.EXPIRED


def test_an_answer_that_fails_is_asked_for_again_and_proves_nothing() -> None:
    identity = TopicIdentity(KAFKA, "a", 0.0)
    identity.require_proof(0.0)
    assert identity.due(0.0)
    identity.handle_answer(NoAnswer("timed out"), 5.0)
    assert not identity.proved
    assert "timed out" in identity.trouble
    assert not identity.due(5.1)
    assert identity.due(5.5)
    identity.handle_answer(SAME, 5.6)
    assert identity.proved


def test_without_ids_nothing_is_held_up_and_a_deleted_topic_is_noticed_all_the_same() -> None:
    identity = TopicIdentity(KAFKA, "", 0.0)
    identity.require_proof(1.0)
    assert identity.proved
    identity.handle_answer(NO_ID, 2.0)
    identity.handle_answer(NoTopic(), 3.0)
    with pytest.raises(FatalError, match="was deleted"):
        identity.handle_answer(NoTopic(), 3.0 + GONE_S)


def test_a_broker_that_forgets_to_tell_the_id_proves_as_little_as_none() -> None:
    identity = TopicIdentity(KAFKA, "a", 0.0)
    identity.require_proof(0.0)
    assert identity.due(0.0)
    identity.handle_answer(NO_ID, 0.1)
    assert not identity.proved
    assert identity.due(0.6)


def test_proofs_of_a_large_topic_are_asked_for_less_often() -> None:
    identity = TopicIdentity(KAFKA, "a", 0.0)
    for now in (0.0, 1.0):
        identity.require_proof(now)
        assert identity.due(now)
        identity.handle_answer(TopicShape("a", tuple(range(10_000))), now + 0.1)
    identity.require_proof(1.2)
    assert not identity.due(2.9)
    assert identity.due(3.0)


def test_a_topic_is_gone_only_if_it_is_told_so_all_the_while() -> None:
    identity = TopicIdentity(KAFKA, "a", 0.0)
    identity.handle_answer(NoTopic(), 1.0)
    identity.handle_answer(NoAnswer("timed out"), 2.0)
    identity.handle_answer(NoTopic(), 1.0 + 2 * GONE_S)


@given(st.lists(st.sampled_from(["want", "ask", "same", "other", "none", "fails"]), max_size=40))
def test_no_commit_goes_out_without_an_answer_that_was_asked_for_after_it(steps: list[str]) -> None:
    answers: dict[str, Answer] = {"same": SAME, "other": OTHER, "none": NoTopic(), "fails": NoAnswer("x")}
    identity = TopicIdentity(KAFKA, "a", 0.0)
    now, wanted_at, asked_at = 0.0, -1.0, None
    proved_for: float = -1.0
    for step in steps:
        now += 1.0
        if step == "want":
            identity.require_proof(now)
            wanted_at = now
        elif step == "ask":
            if asked_at is None and identity.due(now):
                asked_at = now
        elif asked_at is not None:
            try:
                identity.handle_answer(answers[step], now)
            except FatalError:
                return
            if step == "same":
                proved_for = asked_at
            asked_at = None
        if wanted_at >= 0:
            assert identity.proved == (proved_for >= wanted_at)

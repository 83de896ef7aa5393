"""Where partitions are started, and what halts a run before it reads a message."""

import pytest

from ingest.config.sections import Kafka
from ingest.errors import ExitCode, FatalError
from ingest.pipeline.kafka.start_offset import (
    ResumeFrom,
    StartPlan,
    check_known_offsets,
    choose_starts,
    first_offset,
    from_former_topic,
    planned_start,
    resume_after_gap,
)
from ingest.pipeline.offsets.checkpoint import Checkpoint
from ingest.records import Counts, TopicShape

STOP = Kafka(topic="t", group="g")
GO_ON = Kafka(topic="t", group="g", on_expired="continue")


def test_a_committed_offset_goes_before_the_configured_start() -> None:
    latest = Kafka(topic="t", start="latest")
    assert first_offset(latest, Checkpoint(5, Counts(5)), None) == (5, "committed")
    assert first_offset(latest, Checkpoint(0), (3, 9)) == (0, "committed")


def test_without_one_the_start_decides() -> None:
    assert first_offset(STOP, None, (3, 9)) == (3, "earliest")
    assert first_offset(Kafka(topic="t", start="latest"), None, (3, 9)) == (9, "latest")


def test_without_anything_known_there_is_no_start() -> None:
    with pytest.raises(ValueError, match="watermarks"):
        first_offset(STOP, None, None)


def test_messages_that_expired_unread_stop_the_worker_with_the_exact_range() -> None:
    with pytest.raises(FatalError, match=r"topic t partition 4: offsets 10 to 24 are no longer in the log") as halt:
        resume_after_gap(STOP, 4, 10, (25, 100))
    assert halt.value.exit_code == ExitCode.EXPIRED


def test_or_are_passed_when_configured_so() -> None:
    assert resume_after_gap(GO_ON, 4, 10, (25, 100)) == 25
    assert resume_after_gap(GO_ON, 4, 10, (100, 100)) == 100  # all of it expired


@pytest.mark.parametrize("kafka", [STOP, GO_ON])
def test_an_offset_past_the_end_is_never_used_nor_replaced(kafka: Kafka) -> None:
    with pytest.raises(FatalError, match="recreated or truncated") as halt:
        resume_after_gap(kafka, 4, 101, (0, 100))
    assert halt.value.exit_code == ExitCode.EXPIRED


@pytest.mark.parametrize("kafka", [STOP, GO_ON])
def test_an_offset_inside_the_log_goes_on_there(kafka: Kafka) -> None:
    for offset in (25, 60, 100):
        assert resume_after_gap(kafka, 4, offset, (25, 100)) == offset


# --- offsets that Kafka has forgotten, and topics of the same name --------------------------------

LATEST = Kafka(topic="t", group="g", start="latest")
NOW = TopicShape("now", (0, 1))
WATERMARKS = {0: (3, 9), 1: (3, 9)}
MINE = Checkpoint(5, Counts(5), topic_id="now", topic_partitions=2)
FORMER = Checkpoint(5, Counts(5), topic_id="then", topic_partitions=2)
RECORD = Checkpoint(4, Counts(4), topic_id="now")


def begin(
    kafka: Kafka,
    committed: dict[int, Checkpoint | None],
    recorded: dict[int, Checkpoint] | None = None,
    resume_from: ResumeFrom | None = None,
) -> dict[int, Checkpoint | None]:
    return choose_starts(kafka, NOW, committed, recorded=recorded or {}, watermarks=WATERMARKS, resume_from=resume_from)


def test_a_commit_of_this_topic_is_used_whatever_else_is_known() -> None:
    assert begin(STOP, {0: MINE, 1: MINE}, {0: RECORD}) == {}
    assert begin(STOP, {0: MINE, 1: MINE}, {0: RECORD}, "latest") == {}
    assert begin(LATEST, {0: Checkpoint(5), 1: MINE}) == {}, "another tool writes no topic"


def test_a_group_that_never_committed_begins_at_the_configured_start() -> None:
    assert begin(STOP, {0: None, 1: None}) == {0: None, 1: None}
    assert begin(LATEST, {0: None, 1: None}) == {0: Checkpoint(9), 1: Checkpoint(9)}
    assert begin(LATEST, {0: MINE, 1: None}) == {1: Checkpoint(9)}, "there were two partitions when it committed"


def test_a_partition_that_was_added_since_begins_at_its_first_message() -> None:
    assert begin(LATEST, {0: Checkpoint(5, topic_partitions=1), 1: None}) == {1: None}
    assert begin(STOP, {0: Checkpoint(5, topic_partitions=1), 1: None}) == {1: None}


@pytest.mark.parametrize("kafka", [STOP, LATEST])
def test_what_kafka_has_forgotten_halts_with_all_choices(kafka: Kafka) -> None:
    with pytest.raises(FatalError) as halt:
        begin(kafka, {0: None, 1: MINE}, {0: RECORD})
    assert halt.value.exit_code == ExitCode.EXPIRED
    for words in ("partition 0 at 4", "offsets.retention.minutes", *(f"--resume-from {w}" for w in RESUMES)):
        assert words in str(halt.value)


RESUMES: tuple[ResumeFrom, ...] = ("account", "earliest", "latest")


def test_and_goes_on_where_somebody_has_chosen() -> None:
    found = [begin(STOP, {0: None, 1: MINE}, {0: RECORD}, each) for each in RESUMES]
    assert found == [{0: RECORD}, {0: None}, {0: Checkpoint(9)}]


def test_a_choice_holds_for_every_partition_without_a_commit() -> None:
    assert begin(LATEST, {0: None, 1: None}, {0: FORMER}, "earliest") == {0: None, 1: None}
    assert begin(STOP, {0: Checkpoint(5, topic_partitions=1), 1: None}, {}, "latest") == {1: Checkpoint(9)}
    assert begin(LATEST, {0: None, 1: None}, {0: RECORD}, "account") == {0: RECORD, 1: None}, "1 was added since"


def test_an_account_that_knows_nothing_is_no_choice() -> None:
    with pytest.raises(FatalError, match=r"the account here .* has no offset of group g on topic t partition 0, 1"):
        begin(LATEST, {0: None, 1: None}, {}, "account")


def test_an_offset_of_the_account_that_retention_has_taken_halts_before_it_is_committed() -> None:
    old = Checkpoint(1, Counts(1), topic_id="now")
    with pytest.raises(FatalError, match="offsets 1 to 2 are no longer in the log"):
        begin(STOP, {0: None, 1: MINE}, {0: old}, "account")
    assert begin(GO_ON, {0: None, 1: MINE}, {0: old}, "account") == {0: old}


@pytest.mark.parametrize("resume_from", [None, "account"])
def test_offsets_of_a_former_topic_are_never_used(resume_from: ResumeFrom | None) -> None:
    found: list[tuple[dict[int, Checkpoint | None], dict[int, Checkpoint]]]
    found = [({0: FORMER, 1: MINE}, {}), ({0: None, 1: MINE}, {0: FORMER})]
    for committed, recorded in found:
        with pytest.raises(FatalError, match="deleted and created again: its id was then, it is now") as halt:
            begin(STOP, committed, recorded, resume_from)
        assert halt.value.exit_code == ExitCode.EXPIRED
        assert "--resume-from account" not in str(halt.value)


def test_a_topic_of_the_same_name_begins_where_somebody_has_chosen() -> None:
    assert begin(LATEST, {0: FORMER, 1: None}, {1: FORMER}, "earliest") == {0: None, 1: None}
    assert begin(STOP, {0: FORMER, 1: None}, {1: FORMER}, "latest") == {0: Checkpoint(9), 1: Checkpoint(9)}


def test_a_checkpoint_without_a_topic_id_on_either_side_is_used() -> None:
    assert not from_former_topic(Checkpoint(5), NOW)
    assert not from_former_topic(FORMER, TopicShape("", (0,)))
    assert from_former_topic(FORMER, NOW)


def test_a_worker_that_misses_a_known_commit_halts() -> None:
    plan = StartPlan("now", 2, known_offsets={0: 5})
    check_known_offsets(STOP, {0: MINE, 1: None}, plan)
    with pytest.raises(FatalError, match=r"no longer has the committed offsets .* partition 0 at 5"):
        check_known_offsets(STOP, {0: None, 1: None}, plan)
    with pytest.raises(FatalError, match="deleted and created again"):
        check_known_offsets(STOP, {0: FORMER}, plan)
    check_known_offsets(STOP, {0: FORMER}, StartPlan("now", 2, {0: None}))


def test_a_planned_start_goes_before_the_configured_one() -> None:
    assert planned_start(LATEST, 0, StartPlan("now", 2, {0: None}), (3, 9)) == (3, "earliest", None)
    assert planned_start(LATEST, 0, StartPlan("now", 2, {0: RECORD}), (3, 9)) == (4, "planned", RECORD)
    assert planned_start(LATEST, 0, StartPlan("now", 2), (3, 9)) == (9, "latest", None)

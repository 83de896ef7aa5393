"""The first line is true, or it does not say it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ingest.status.sentence import sentence
from ingest.status.snapshot import (
    ArizePart,
    Fault,
    Health,
    IngestPart,
    KafkaPart,
    PartitionStatus,
    Snapshot,
    State,
    Totals,
    WorkerStatus,
)


def worker(index: int = 0, state: State = State.READING, **facts: Any) -> WorkerStatus:
    return WorkerStatus(
        index=index,
        topic="rides",
        partitions=tuple(range(4 * index, 4 * index + 4)),
        state=state,
        health=Health.OK,
        since_s=1.0,
        **facts,
    )


BEHIND = Totals(lag=16_515, acknowledged_per_s=1_200.0, oldest_age_s=61.0, retention_left_s=6.5 * 86_400)
WELL = Snapshot(
    at=1.7e9,
    started_at=1.6e9,
    run="r",
    version="1",
    host="h",
    pid=1,
    group="g",
    topics=("rides",),
    health=Health.OK,
    sentence="",
    workers=(worker(0), worker(1), worker(2), worker(3)),
    totals=Totals(acknowledged_per_s=1_200.0),
)


def with_states(*states: State, **parts: Any) -> Snapshot:
    return replace(WELL, workers=tuple(worker(index, state) for index, state in enumerate(states)), **parts)


FROZEN = with_states(
    State.WAITING_FOR_ARIZE,
    State.WAITING_FOR_ARIZE,
    totals=BEHIND,
    arize=ArizePart(unanswered_s=58.2, waiting_s=59.0, usual_s=0.3, in_flight=2),
)
FAULT = Fault(text="HTTP 503 try later", at=1.0, lasts=True)


def test_arize_that_does_not_answer() -> None:
    assert sentence(FROZEN) == (
        "Arize has not answered for 58 s. Nothing is lost: up to 16,515 messages wait in Kafka, the oldest 1 min, "
        "retention leaves 6 d."
    )


@pytest.mark.parametrize(
    "facts",
    [
        {"expired": 3},
        {"retention_unknown": 1},
        {"retention_left_s": -5.0},
        {"retention_left_s": 0.0},
    ],
)
def test_nothing_is_lost_is_not_said_where_it_may_be_false(facts: dict[str, Any]) -> None:
    found = sentence(replace(FROZEN, totals=replace(BEHIND, **facts)))
    assert "Nothing is lost" not in found
    assert "retention leaves 0" not in found


def test_a_limit_that_is_not_there_is_not_named() -> None:
    found = sentence(replace(FROZEN, totals=replace(BEHIND, retention_left_s=None)))
    assert found.endswith("Nothing is lost: up to 16,515 messages wait in Kafka, the oldest 1 min.")


def test_an_age_that_is_only_a_part_of_the_truth_is_at_least() -> None:
    assert "the oldest at least 1 min" in sentence(replace(FROZEN, totals=replace(BEHIND, oldest_age_unknown=1)))
    assert "oldest" not in sentence(replace(FROZEN, totals=replace(BEHIND, oldest_age_s=None, oldest_age_unknown=1)))


def test_a_lag_that_is_not_known_is_not_counted() -> None:
    assert sentence(replace(FROZEN, totals=replace(BEHIND, lag_unknown=1))) == "Arize has not answered for 58 s."


def test_one_late_upload_among_answered_ones_is_not_silence() -> None:
    found = sentence(replace(FROZEN, arize=ArizePart(unanswered_s=0.2, waiting_s=59.0, usual_s=0.3, in_flight=2)))
    assert found.startswith("Arize is slow: an upload is out for 59 s.")


def test_an_endpoint_that_answers_with_an_error_has_answered() -> None:
    found = sentence(replace(FROZEN, arize=ArizePart(failing_s=12.0, fault=FAULT)))
    assert found.startswith("Uploads have failed for 12 s, and are repeated: HTTP 503 try later. Nothing is lost")
    part = with_states(State.WAITING_FOR_ARIZE, State.READING, arize=ArizePart(failing_s=12.0, fault=FAULT))
    assert sentence(part).startswith("Uploads of 1 worker have failed")


def test_an_endpoint_that_cant_be_reached_has_not_answered() -> None:
    refused = Fault(text="Connection refused", at=1.0, lasts=True)
    found = sentence(replace(FROZEN, arize=ArizePart(failing_s=12.0, unanswered_s=12.0, usual_s=0.3, fault=refused)))
    assert found.startswith("Arize has not answered for 12 s. The last attempt failed: Connection refused. Nothing")


def test_an_upload_that_is_out_has_not_failed() -> None:
    late = Fault(text="an upload is out for longer than usual, without an answer", at=1.0, lasts=True)
    assert "failed" not in sentence(replace(FROZEN, arize=replace(FROZEN.arize, fault=late)))


def test_what_expired_does_not_hide_what_happens_now() -> None:
    found = sentence(replace(FROZEN, totals=replace(BEHIND, expired=3)))
    assert found == (
        "Arize has not answered for 58 s. Up to 16,515 messages wait in Kafka, the oldest 1 min, retention leaves 6 d. "
        "Kafka had removed 3 offsets before this run read them; their messages are lost."
    )


LOST = "before this run read them; their messages are lost."
GOES_ON = "1,200 rows/s acknowledged, up to 16,515 messages to go, the oldest 1 min."
WAITING = "Nothing is lost: up to 16,515 messages wait in Kafka, the oldest 1 min, retention leaves 6 d."
CASES: list[tuple[Snapshot, str]] = [
    (WELL, "All is well: 1,200 rows/s acknowledged, nothing waits in Kafka."),
    (
        replace(WELL, totals=BEHIND),
        "All is well: 1,200 rows/s acknowledged, up to 16,515 messages to go, the oldest 1 min.",
    ),
    (
        replace(WELL, totals=Totals(lag_unknown=2)),
        "All is well: 0 rows/s acknowledged, lag 0 without 2 partitions, whose ends are not known.",
    ),
    (
        replace(WELL, health=Health.DEGRADED),
        "Delivery goes on: 1,200 rows/s acknowledged, nothing waits in Kafka.",
    ),
    (
        replace(
            WELL,
            totals=BEHIND,
            health=Health.DEGRADED,
            kafka=KafkaPart(fault=Fault(text="a commit failed: unknown member", at=0.0, lasts=True)),
        ),
        f"A commit failed: unknown member. Until one succeeds, its worker sends little more. {WAITING}",
    ),
    (replace(WELL, workers=()), "Starting: Kafka is asked about the topics."),
    (with_states(State.STARTING, State.STARTING), "Starting 2 workers."),
    (
        with_states(State.KAFKA_AWAY, State.KAFKA_AWAY, kafka=KafkaPart(silent_s=4.4)),
        "Kafka has not answered for 4 s: nothing is read or committed. What is not committed is read again.",
    ),
    (
        with_states(State.KAFKA_AWAY, State.READING, kafka=KafkaPart(silent_s=4.4)),
        "Kafka has not answered 1 worker for 4 s. What is not committed is read again.",
    ),
    (
        with_states(State.KAFKA_AWAY, kafka=KafkaPart(silent_s=4.4), totals=Totals(expired=1)),
        "Kafka has not answered for 4 s: nothing is read or committed. Kafka had removed 1 offset " + LOST,
    ),
    (
        replace(WELL, totals=Totals(expired=7)),
        "Delivery goes on: 0 rows/s acknowledged, nothing waits in Kafka. Kafka had removed 7 offsets " + LOST,
    ),
    (
        with_states(
            State.DEAD_LETTERS_BLOCKED,
            ingest=IngestPart(
                dead_letters_blocked_s=75.0,
                fault=Fault(text="dead letters can't be written: /dl: No space left on device", at=1.0, lasts=True),
            ),
        ),
        "Dead letters can't be written for 1 min: /dl: No space left on device. Reading waits for them.",
    ),
    (
        with_states(State.READING, State.READING, State.READING, State.GIVEN_UP),
        "Worker 3 was given up: its partitions 12-15 are not read.",
    ),
    (
        with_states(State.GIVEN_UP, State.HALTED, State.READING),
        "Worker 0 was given up: its partitions 0-3 are not read. So it is with 1 other worker.",
    ),
    (
        with_states(State.KAFKA_AWAY, State.READING, kafka=KafkaPart(silent_s=0.3)),
        "Kafka has not answered 1 worker for less than 1 s. What is not committed is read again.",
    ),
    (with_states(State.HALTED), "Worker 0 has halted: its partitions 0-3 are not read."),
    (
        with_states(State.READING, State.HUNG),
        "Worker 1 hangs and is killed: its partitions 4-7 are not read meanwhile.",
    ),
    (
        with_states(State.RESTARTING, State.RESTARTING),
        "Worker 0 has ended and is started again, 1 other worker too: its partitions 0-3 are not read meanwhile.",
    ),
    (
        replace(with_states(State.RESTARTING, State.READING), totals=BEHIND),
        f"Worker 0 has ended and is started again: its partitions 0-3 are not read meanwhile. {WAITING}",
    ),
    (
        replace(WELL, workers=(replace(worker(0, State.STARTING), health=Health.DEGRADED), worker(1))),
        "Worker 0 has ended and is started again: its partitions 0-3 are not read meanwhile.",
    ),
    (
        replace(with_states(State.READING, State.STARTING, State.STARTING), totals=BEHIND),
        "Worker 1 starts, 1 other worker too: its partitions 4-7 are not read yet. " + GOES_ON,
    ),
    (
        replace(WELL, draining=True, arize=ArizePart(in_flight=3)),
        "Draining: nothing more is read, 3 uploads in flight.",
    ),
    (
        with_states(State.METADATA_FULL),
        "Worker 0 waits for its slowest route: a commit can't carry more of what the others have.",
    ),
    (
        replace(WELL, workers=(worker(suspended_routes=("slow",)),)),
        "Route slow can't keep up and catch up later; the others go on.",
    ),
    (
        replace(WELL, totals=replace(BEHIND, retention_left_s=130.0)),
        "Kafka may remove the oldest messages in 2 min, before they are delivered. " + GOES_ON,
    ),
    (
        replace(WELL, totals=replace(BEHIND, retention_left_s=-90.0)),
        "Kafka may remove the oldest messages from now on, before they are delivered. " + GOES_ON,
    ),
    (
        replace(WELL, ended=True, exit_code=0),
        "The run has ended with exit code 0.",
    ),
    (replace(WELL, ended=True, exit_code=6), "The run has ended with exit code 6."),
]


@pytest.mark.parametrize(("snapshot", "expected"), CASES, ids=[expected for _, expected in CASES])
def test_the_sentence_of_each_state(snapshot: Snapshot, expected: str) -> None:
    assert sentence(snapshot) == expected


WORST: list[Callable[[Snapshot], Snapshot]] = [
    lambda run: replace(run, draining=True),
    lambda run: replace(run, workers=(*run.workers, worker(4, State.RESTARTING))),
    lambda run: replace(
        run,
        workers=(*run.workers, worker(5, State.WAITING_FOR_ARIZE)),
        arize=ArizePart(unanswered_s=58.0, usual_s=0.3, waiting_s=58.0),
    ),
    lambda run: replace(run, workers=(*run.workers, worker(6, State.KAFKA_AWAY)), kafka=KafkaPart(silent_s=4.0)),
    lambda run: replace(run, ingest=IngestPart(dead_letters_blocked_s=5.0)),
    lambda run: replace(run, workers=(*run.workers, worker(7, State.GIVEN_UP))),
    lambda run: replace(run, ended=True, exit_code=6),
]


def test_a_failed_commit_is_said_until_one_succeeds() -> None:
    over = KafkaPart(fault=Fault(text="a commit failed: unknown member", at=0.0, lasts=False))
    assert sentence(replace(WELL, kafka=over)) == sentence(WELL)


def test_the_worst_is_said_first() -> None:
    run, said = WELL, [sentence(WELL)]
    for worse in WORST:
        run = worse(run)
        said.append(sentence(run))
    starts = [text.split()[0] for text in said]
    assert starts == ["All", "Draining:", "Worker", "Arize", "Kafka", "Dead", "Worker", "The"]


def test_nothing_is_said_of_losses_once_a_worker_has_halted_or_messages_have_expired() -> None:
    halted = with_states(State.HALTED, State.READING, totals=BEHIND)
    assert "Nothing is lost" not in sentence(halted)
    ended = replace(FROZEN, ended=True, exit_code=8)
    assert "Nothing is lost" not in sentence(ended)
    assert "Nothing is lost" in sentence(replace(FROZEN, ended=True, exit_code=7))


def paused(number: int, *, paused_s: float | None = 300.0, lag: int | None = 1_234, **facts: Any) -> PartitionStatus:
    defaults: dict[str, Any] = {"topic": "rides", "worker": 0, "state": State.PAUSED, "health": Health.DEGRADED}
    return PartitionStatus(
        partition=number,
        next_offset=0,
        position=0,
        end_offset=None,
        lag=lag,
        paused_s=paused_s,
        **{**defaults, **facts},
    )


OTHER = paused(0, paused_s=None, lag=0, state=State.READING)
OF_THE_RUN = " The whole run has 1,200 rows/s acknowledged."


@pytest.mark.parametrize(
    ("partitions", "facts", "said"),
    [
        (
            (OTHER, paused(3)),
            {},
            "Partition 3 has been paused by request for 5 min; up to 1,234 messages wait there." + OF_THE_RUN,
        ),
        (
            (OTHER, paused(3, oldest_age_s=61.0), paused(4, paused_s=3.0, lag=1)),
            {},
            "Partitions 3-4 have been paused by request, the longest for 5 min; up to 1,235 messages wait there, the "
            "oldest at least 1 min." + OF_THE_RUN,
        ),
        ((paused(3, lag=0),), {}, "Partition 3 has been paused by request for 5 min; nothing waits there."),
        ((paused(3, lag=1),), {}, "Partition 3 has been paused by request for 5 min; up to 1 message waits there."),
        # What waits is not known of one of them.
        (
            (paused(3), paused(4, lag=None)),
            {},
            "Partitions 3-4 have been paused by request, the longest for 5 min.",
        ),
        (
            (paused(3), paused(3, topic="fares")),
            {"topics": ("rides", "fares")},
            (
                "Partition 3 of rides and partition 3 of fares have been paused by request, the longest for 5 min; up "
                "to 2,468 messages wait there."
            ),
        ),
        (
            (paused(3),),
            {"totals": Totals(all_offsets=9_000, done_offsets=1)},
            (
                "Partition 3 has been paused by request for 5 min; up to 1,234 messages wait there. The run has an "
                "end, and waits for that."
            ),
        ),
    ],
)
def test_paused_partitions_are_named_with_what_waits_there(
    partitions: tuple[PartitionStatus, ...], facts: dict[str, Any], said: str
) -> None:
    assert sentence(replace(WELL, partitions=partitions, health=Health.DEGRADED, **facts)) == said


def test_a_pause_is_not_said_before_what_is_worse() -> None:
    assert "paused" not in sentence(replace(FROZEN, partitions=(paused(3),)))
    assert "paused" not in sentence(replace(WELL, partitions=(paused(3),), draining=True))
    assert "paused" not in sentence(replace(WELL, partitions=(paused(3),), ended=True, exit_code=0))

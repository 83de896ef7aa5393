"""Every event has a sentence for people and a JSON line for programs."""

import dataclasses
import json
from datetime import UTC, datetime

import pytest

from ingest import events
from ingest.events import Event
from ingest.records import Counts, PartitionProgress, Span
from ingest.status import lines, log_lines
from ingest.status.log_lines import HEAD, Place

AT = datetime(2026, 5, 1, 12, 3, 4, 567_000, tzinfo=UTC)
PROGRESS = PartitionProgress(next_offset=5, position=9, end_offset=20, consumed=9, counts=Counts(4, 1))
# One of each: a new event without a place here fails the test below.
ONE_OF_EACH: list[Event] = [
    events.WorkerStarted(worker=3, pid=12, partitions=(0, 1, 2)),
    events.PartitionAssigned(worker=3, partition=1, next_offset=7, reason="committed"),
    events.OffsetsExpired(worker=3, topic="rides", partition=1, first=5, next_offset=9),
    events.DeadLettersWritten(worker=3, reasons={"not_json": 2}, example="partition 1 offset 5"),
    events.DeadLettersBlocked(worker=3, error="No space left on device", retry_in_s=1.5),
    events.ColumnWidened(worker=3, column="age", old_type="int64", new_type="double"),
    events.ValuesNulled(worker=3, columns={"age": 2, "a\nb": 1}, other_values=3),
    events.UnknownColumnsIgnored(worker=3, columns={f"k{number}": number for number in range(20)}),
    events.TimestampUnitDetected(worker=3, column="prediction_ts", unit="ms"),
    events.LateActuals(worker=3, rows=7, join_window_days=14),
    events.UploadStarted(worker=3, batch=1, rows=10, bytes=100, spans=(Span(0, 1, 2, 1),)),
    events.UploadNotStored(worker=3, batch=1, rows=10, spans=(Span(0, 1, 2, 1),), error="HTTP 401"),
    events.UploadAcknowledged(worker=3, batch=1, rows=10, attempts=2, last_attempt_s=0.25),
    events.UploadAnswered(
        worker=3, batch=1, rows=10, outcome="retried", http_status=503, retry_reason="http_5xx", took_s=0.25
    ),
    events.UploadRetried(worker=3, batch=1, rows=10, attempt=1, error="503", retry_in_s=2.0),
    events.UploadBisecting(worker=3, batch=1, rows=10, http_status=400, error="bad column"),
    events.UploadRejected(worker=3, batch=1, rows=10, http_status=400, error="bad column", requests=5),
    events.UploadUnacknowledged(worker=3, batch=1, attempts=7, elapsed_s=61.0, reason="HTTP 200 whose body is HTML"),
    events.UploadConcurrencyReduced(worker=3, before=8, limit=4, reason="HTTP 429"),
    events.RouteSuspended(worker=3, route="fraud", reason="as Arize does not take its batches"),
    events.RouteCaughtUp(worker=3, route="fraud"),
    events.Committed(worker=3, next_offsets={0: 7, 1: 9}),
    events.CommitFailed(worker=3, error="NOT_COORDINATOR"),
    events.KafkaWarning(worker=3, error="broker down"),
    events.Progress(worker=3, loops=1, state="reading", uploads_in_flight=2, rss_bytes=2**20, partitions={0: PROGRESS}),
    events.WorkerFailed(worker=3, exit_code=5, error="Arize refused the key"),
    events.WorkerFinished(worker=3, exit_code=0, unacknowledged=0),
    events.SupervisorStarted(topic="rides", group="g", workers=2, partitions=(0, 1)),
    events.PartitionEnds(topic="rides", end_offsets={0: 170}, stable_offsets={0: 100}, held_back_s={0: 5.0}),
    events.TopicRetention(topic="rides", retention_s=604_800.0),
    events.OldestMessages(topic="rides", next_offsets={0: 7, 3: 9}, timestamps_ms={0: 5_000, 3: 6_000}),
    events.TransactionOpen(topic="rides", partition=0, stable_offset=100, held_back=70, held_back_s=61.0),
    events.ForeignCommit(topic="rides", group="g", committed={0: 9, 1: 5}, found={0: 7, 1: None}),
    events.Notice(text="a plain sentence"),
    events.StateNotKept(section="[account]", directory="/srv/account", reason="it is in memory"),
    events.HealthChanged(
        level="error", health="failing", kafka="ok", ingest="ok", arize="failing", text="Arize is away."
    ),
    events.PartitionsAdded(worker=3, topic="rides", partitions=(4, 5)),
    events.PartitionPaused(worker=3, topic="rides", partition=4, by="the status page", holds_up_the_end=True),
    events.PartitionResumed(worker=3, topic="rides", partition=4, by="the status page"),
    events.PartitionsNotRead(topic="rides", partitions=(4, 5), reason="--partitions names others"),
    events.StatusServed(url="http://127.0.0.1:41007/", listen_host="127.0.0.1", port=41007, port_taken=9410),
    events.LibraryMessage(worker=3, library="librdkafka", text="CONFWARN: unused", left_out=2, level="warning"),
    events.RunStarting(pid=12),
    events.RunFailed(exit_code=3, error="[kafka] topic is missing\n[kafka] group is missing"),
    events.Repeated(worker=3, level="error", text="a commit failed", times=4, within_s=30.0),
    events.WorkerExited(worker=3, pid=12, exit_code=-9, ran_s=61.0),
    events.DuplicatesPossible(
        worker=3, topic="rides", ranges=(Span(3, 100, 200, 90), Span(3, 250, 260, 10), Span(4, 7, 8, 1))
    ),
    events.AccountBlocked(error="account: No space left on device", retry_in_s=10.0),
    events.WorkerRestarting(worker=3, restart_in_s=0.5, crashes=2),
    events.WorkerHung(worker=3, pid=12, no_progress_s=31.0),
    events.WorkerGivenUp(worker=3, partitions=(0, 1), crashes=11, crash_window_s=300.0),
    events.DrainStarted(reason="SIGTERM", deadline_in_s=30.0),
]


def named(event: Event) -> str:
    return type(event).__name__


def test_there_is_one_of_each() -> None:
    # By name: a dataclass with slots is made twice.
    assert {named(event) for event in ONE_OF_EACH} == {kind.__name__ for kind in Event.__subclasses__()}


@pytest.mark.parametrize("event", ONE_OF_EACH, ids=named)
def test_every_event_has_a_sentence_of_its_own(event: Event) -> None:
    line = lines.text_line(event, AT)
    assert "=" not in line  # the sentence of an event that nobody wrote one for
    assert "\n" not in line
    assert ("worker 3" if event.worker == 3 else "supervisor") in line


@pytest.mark.parametrize("event", ONE_OF_EACH, ids=named)
def test_every_event_is_a_json_line_with_its_own_fields(event: Event) -> None:
    line = lines.json_line(event, AT)
    assert "\n" not in line
    read = json.loads(line)
    assert tuple(read)[: len(HEAD)] == HEAD
    assert read["time"] == "2026-05-01T12:03:04.567+00:00"
    assert set(read) == {*HEAD, *(field.name for field in dataclasses.fields(event))}
    assert read["level"] == event.level
    assert read["message"] == log_lines.one_line(lines.sentence(event))


def test_names_are_snake_case() -> None:
    assert lines.event_name(ONE_OF_EACH[0]) == "worker_started"
    (committed,) = (event for event in ONE_OF_EACH if isinstance(event, events.Committed))
    assert json.loads(lines.json_line(committed, AT))["next_offsets"] == {"0": 7, "1": 9}


def test_debug_events_are_shown_on_request() -> None:
    quiet, loud = events.Committed(worker=1, next_offsets={0: 9}), events.Notice(text="x")
    assert not lines.wanted(quiet, "info")
    assert lines.wanted(quiet, "debug")
    assert lines.wanted(loud, "info")


def test_sentences_say_what_to_know() -> None:
    said = {named(event): lines.sentence(event) for event in ONE_OF_EACH}
    assert said["StatusServed"] == "the page of this run is at http://127.0.0.1:41007/ (port 9410 is taken)"
    assert said["WorkerExited"] == "pid 12 ended after 1 min 01 s: killed by SIGKILL"
    assert "does not read partitions 0-1" in said["WorkerGivenUp"]
    orjson = events.WorkerStarted(pid=1, partitions=(0,), orjson_reason="[schema] rename switches the fast lane off")
    assert lines.sentence(orjson).endswith("decoding with orjson: [schema] rename switches the fast lane off")
    assert "offsets 5 to 8 of rides partition 1" in said["OffsetsExpired"]
    assert "70 offsets of rides partition 0, from offset 100 on" in said["TransactionOpen"]
    assert "partition 0 at 7 instead of 9, partition 1 at no offset instead of 5" in said["ForeignCommit"]


def finished(
    unacknowledged: int = 0,
    consumed: int = 100,
    unconfirmed: tuple[int, ...] = (),
    suspended: tuple[str, ...] = (),
) -> str:
    return lines.sentence(
        events.WorkerFinished(
            worker=3,
            exit_code=0,
            unacknowledged=unacknowledged,
            consumed=consumed,
            unconfirmed_partitions=unconfirmed,
            suspended_routes=suspended,
        )
    )


def test_a_worker_claims_acknowledgement_and_commit_only_where_there_were_both() -> None:
    assert finished() == (
        "exits; each of the 100 messages that it read is acknowledged, a dead letter or passed over, and is committed"
    )
    assert finished(consumed=0) == "exits; it has read no message"
    assert finished(unacknowledged=5) == "exits with 5 messages unacknowledged, which stay uncommitted in Kafka"
    assert "unconfirmed commit of partition 0-1" in finished(unconfirmed=(0, 1))
    assert "messages of route fraud that were not sent yet" in finished(suspended=("fraud",))
    for text in (finished(unconfirmed=(0,)), finished(suspended=("fraud",)), finished(unacknowledged=1)):
        assert "is committed" not in text


def test_no_sentence_claims_what_is_not_known() -> None:
    said = {named(event): lines.sentence(event) for event in ONE_OF_EACH}
    # The worker may be given up instead, or be draining.
    assert "started again" not in said["WorkerHung"]
    # There may be no other worker, and a second supervisor may read the partitions.
    assert "other workers" not in said["WorkerGivenUp"]
    assert "nobody" not in said["WorkerGivenUp"]
    # They are counted when they are decoded.
    assert "sent" not in said["LateActuals"]
    # A limit of dead letters may keep them out, and each may have had another answer.
    assert "unless the limit" in said["UploadRejected"]
    assert "the last with HTTP status 400" in said["UploadRejected"]
    # A former process may have settled some of them, and somebody may have deleted them.
    assert "before they were read" not in said["OffsetsExpired"]
    # A worker's own question can fail, too.
    assert "client" not in said["KafkaWarning"]
    # The range is an upper bound, and after a former run nobody knows what was sent.
    assert said["DuplicatesPossible"].startswith("up to 101 messages of rides may reach Arize twice, as they may have")
    # A partition may have a committed offset already.
    assert "committed offset if there is one" in said["PartitionsAdded"]
    # A worker that ends does not try it again.
    assert "tried again" not in said["CommitFailed"]
    # An attempt may have to wait for others.
    assert said["UploadRetried"].endswith("in 2 s at the earliest")
    # The time is that of the last request, which may have been refused.
    assert said["UploadAcknowledged"].endswith("after 2 attempts, of which the last took 0.25 s")


def test_what_remains_is_counted_by_partition_and_names_what_an_open_transaction_holds_back() -> None:
    started = events.SupervisorStarted(
        topic="rides",
        group="g",
        workers=1,
        partitions=(0, 1),
        next_offsets={0: 40, 1: 900},  # the group is past the end of partition 1
        end_offsets={0: 170, 1: 100},
        stable_offsets={0: 100, 1: 100},
    )
    assert lines.sentence(started).endswith(
        "until the end offsets of now: 130 offsets remain, 70 of them behind open transactions, whose end the run "
        "waits for"
    )


def test_a_topic_is_told_where_it_is_given() -> None:
    event = events.Committed(worker=3, next_offsets={0: 9})
    assert lines.text_line(event, AT, "rides").endswith("worker 3    rides: committed: partition 0 at 9")
    assert json.loads(lines.json_line(event, AT, place=Place("rides", "g")))["topic"] == "rides"
    # What names its topic by itself says it once.
    gone = events.OffsetsExpired(worker=3, topic="rides", partition=1, first=5, next_offset=9)
    assert json.loads(lines.json_line(gone, AT, place=Place("fares")))["topic"] == "rides"


def test_counts_by_column_name_the_most_and_count_the_others() -> None:
    ignored = events.UnknownColumnsIgnored(
        worker=3, columns={f"k{number}": number for number in range(1, 13)}, other_values=4
    )
    assert lines.sentence(ignored).endswith(
        '"k12" 12, "k11" 11, "k10" 10, "k9" 9, "k8" 8, "k7" 7, "k6" 6, "k5" 5, "k4" 4, "k3" 3, others 7'
    )
    nulled = events.ValuesNulled(worker=3, columns={"age": 1200})
    assert lines.sentence(nulled).endswith(': "age" 1,200')


def test_a_topic_that_drains_alone_is_named() -> None:
    alone = events.DrainStarted(reason="worker 1 exited with code 5", deadline_in_s=30.0, topic="fares")
    assert lines.sentence(alone).endswith(": topic fares drains for up to 30 s; this concerns no other topic")

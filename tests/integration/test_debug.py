"""`ingest debug` as a process on a real topic with good and bad messages."""

import contextlib
import json
import os
import pty
import re
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from ingest.sandbox.arize import ArizeEndpoint
from ingest.sandbox.broker import RealKafka
from ingest.sandbox.compare import compare
from ingest.sandbox.generate import BAD_KINDS, TAGS, Generator
from ingest.sandbox.produce import produce
from tests.harness.command import Command, argv, clean_environment

WITHIN_S = 60.0
PARTITION = 1
DEBUG = ("debug", "--partition", str(PARTITION))
EVENTS = 60  # in each of two partitions
BAD = Generator(seed=3, bad_share=0.4)
# What each kind of bad message is refused as.
CODES = {
    "invalid_json": "not_json",
    "bad_utf8": "not_json",
    "bom": "not_json",
    "nan": "not_json",
    "not_an_object": "not_an_object",
    "list_of_objects": "unsupported_list",
    "int_past_64_bits": "integer_past_64_bits",
    "tombstone": "tombstone",
    "no_prediction_id": "missing_column",
    "string_in_int_column": "type_conflict",
}

Found = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Bench:
    """A topic of two partitions with `EVENTS` events each, a group's name, and a directory with an ingest.toml."""

    bootstrap: str
    topic: str
    directory: Path
    endpoint: ArizeEndpoint

    @property
    def group(self) -> str:
        return f"group-{self.topic}"

    @property
    def command(self) -> Command:
        return Command(self.directory, clean_environment(**self.endpoint.environment(), TERM="xterm"))

    def debug(
        self, *arguments: str, code: int = 0, stdin: str = "", **environment: str
    ) -> subprocess.CompletedProcess[str]:
        return self.command.with_environment(**environment).run(*DEBUG, *arguments, code=code, stdin=stdin)

    def trace(self, *arguments: str, code: int = 0) -> list[Found]:
        done = self.debug("--json", *arguments, code=code)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def consumer(self) -> contextlib.closing[Consumer]:
        options = {"bootstrap.servers": self.bootstrap, "group.id": self.group, "enable.auto.commit": False}
        return contextlib.closing(Consumer(options))

    def commit(self, next_offset: int, metadata: str = "") -> None:
        """Commit as a worker would have."""
        with self.consumer() as consumer:
            deadline_s = time.monotonic() + WITHIN_S
            while True:
                try:
                    place = TopicPartition(self.topic, PARTITION, next_offset, metadata)
                    consumer.commit(offsets=[place], asynchronous=False)
                except KafkaException:
                    assert time.monotonic() < deadline_s
                else:
                    return

    def committed(self) -> tuple[int, str]:
        with self.consumer() as consumer:
            (found,) = consumer.committed([TopicPartition(self.topic, PARTITION)], timeout=WITHIN_S)
            return found.offset, re.sub(r" (?:topic|of)=\S+", "", found.metadata or "")

    def dead_letters(self) -> list[Found]:
        files = sorted((self.directory / "dead").glob("*.jsonl"))
        return [json.loads(line) for file in files for line in file.read_text().splitlines()]

    def group_state(self) -> tuple[object, ...]:
        """All that Kafka knows of the group: its commits, state and members; and all groups there are."""
        admin = AdminClient({"bootstrap.servers": self.bootstrap})
        asked = [ConsumerGroupTopicPartitions(self.group)]
        offsets = admin.list_consumer_group_offsets(asked)[self.group].result(WITHIN_S).topic_partitions
        described = admin.describe_consumer_groups([self.group])[self.group].result(WITHIN_S)
        groups = admin.list_consumer_groups().result(WITHIN_S).valid
        return (
            sorted((place.topic, place.partition, place.offset, place.metadata) for place in offsets),
            described.state,
            [member.member_id for member in described.members],
            sorted(group.group_id for group in groups),
        )


@pytest.fixture
def bench(real_kafka: RealKafka, topic: Callable[..., str], arize_endpoint: ArizeEndpoint, tmp_path: Path) -> Bench:
    made = Bench(real_kafka.bootstrap, topic(2), tmp_path, arize_endpoint)
    (tmp_path / "ingest.toml").write_text(
        f"""
        [kafka]
        brokers = "{made.bootstrap}"
        topic = "{made.topic}"
        group = "{made.group}"
        [arize]
        model_name = "fraud"
        timeout_s = 20.0
        [schema]
        tags = {json.dumps(TAGS)}
        [dead_letters]
        directory = "dead"
        """
    )
    produce(made.bootstrap, made.topic, range(2), 2 * EVENTS, generator=BAD)
    assert {BAD.bad(PARTITION, sequence) for sequence in range(EVENTS)} >= set(BAD_KINDS), "choose another seed"
    return made


def records(found: Sequence[Found], event: str) -> list[Found]:
    return [record for record in found if record["event"] == event]


def good(first: int, end: int) -> list[int]:
    return [sequence for sequence in range(first, end) if BAD.bad(PARTITION, sequence) is None]


def test_debug_shows_every_step_and_changes_nothing(bench: Bench) -> None:
    bench.commit(10, "ingest/1 7 3")
    before = bench.group_state()
    found = bench.trace("--limit", "45")
    assert bench.group_state() == before
    assert bench.endpoint.stats()["requests"] == 0
    assert bench.dead_letters() == []

    (begin,) = records(found, "start")
    assert (begin["committed_next_offset"], begin["acknowledged"], begin["dead_lettered"], begin["lag"]) == (
        10,
        7,
        3,
        EVENTS - 10,
    )
    assert (begin["low_offset"], begin["end_offset"], begin["start_offset"], begin["partition_count"]) == (
        0,
        EVENTS,
        10,
        2,
    )
    messages = records(found, "message")
    assert [message["offset"] for message in messages] == list(range(10, 55))
    for message in messages:
        sequence = message["offset"]
        kind = BAD.bad(PARTITION, sequence)
        assert message["key"] == BAD.key(PARTITION, sequence).decode()
        if kind is None:
            assert message["verdict"] == "accepted"
            made = {name: value for name, value in BAD.row(PARTITION, sequence).items() if value is not None}
            cells = {cell["name"]: cell["value"] for cell in message["cells"] if cell["value"] is not None}
            assert json.dumps(cells, sort_keys=True) == json.dumps(made, sort_keys=True)
        else:
            assert (message["verdict"], message["reason"]) == ("rejected", CODES[kind])
    (batch,) = records(found, "batch")
    roles = {column["name"]: column["role"] for column in batch["columns"]}
    assert (roles["prediction_id"], roles["prediction_ts"]) == ("prediction id", "timestamp")
    assert (roles["age"], roles["tag_region"]) == ("feature", "tag")
    assert batch["schema"]["prediction_id_column_name"] == "prediction_id"
    assert set(batch["schema"]["tag_column_names"]) == set(TAGS)
    assert batch["upload"]["endpoint"].startswith(f"http://127.0.0.1:{bench.endpoint.port}/")
    assert bench.endpoint.api_key not in json.dumps(found)
    (end,) = records(found, "summary")
    assert {timing["step"] for timing in end["timings"]} == {"poll", "decode", "to DataFrame"}
    assert (end["committed_next_offset"], end["lag"], end["position"]) == (10, EVENTS - 10, 55)


def test_send_delivers_the_accepted_rows_and_commits_nothing(bench: Bench) -> None:
    found = bench.trace("--send", "--limit", "1000")
    (sent,) = records(found, "upload")
    assert (sent["answer"], sent["rows"]) == ("acknowledged", len(good(0, EVENTS)))
    compared = compare(bench.endpoint.journal, BAD, {PARTITION: EVENTS})
    assert compared.nothing_lost, compared
    assert compared.duplicates == 0
    assert bench.committed()[0] < 0
    assert bench.dead_letters() == []


def test_send_of_which_every_message_is_rejected_does_not_exit_with_0(bench: Bench) -> None:
    bad = next(sequence for sequence in range(10, EVENTS) if BAD.bad(PARTITION, sequence))
    found = bench.trace("--send", "--from", str(bad), "--limit", "1", code=9)
    assert records(found, "upload") == []
    assert records(found, "summary")[0]["rejected"] == {CODES[str(BAD.bad(PARTITION, bad))]: 1}
    bench.trace("--from", str(bad), "--limit", "1")


def test_commit_goes_on_like_a_worker(bench: Bench) -> None:
    bench.trace("--send", "--commit", "--limit", "25")
    bad = [sequence for sequence in range(EVENTS) if BAD.bad(PARTITION, sequence)]
    dead = sum(sequence < 25 for sequence in bad)
    assert bench.committed() == (25, f"ingest/2 {25 - dead}:{dead}")
    assert [letter["offset"] for letter in bench.dead_letters()] == [sequence for sequence in bad if sequence < 25]

    found = bench.trace("--send", "--commit", "--limit", "1000")
    assert records(found, "start")[0]["start_offset"] == 25
    assert bench.committed() == (EVENTS, f"ingest/2 {EVENTS - len(bad)}:{len(bad)}")
    letters = bench.dead_letters()
    assert [letter["offset"] for letter in letters] == bad
    assert [letter["reason"] for letter in letters] == [CODES[str(BAD.bad(PARTITION, sequence))] for sequence in bad]
    compared = compare(bench.endpoint.journal, BAD, {PARTITION: EVENTS})
    assert compared.nothing_lost, compared
    assert compared.duplicates == 0


def test_debug_commit_skips_what_a_worker_settled_above_its_offset(bench: Bench) -> None:
    ahead = range(20, 30)
    dead = sum(BAD.bad(PARTITION, sequence) is not None for sequence in ahead)
    bench.commit(10, f"ingest/1 8 2 10+10:10:{dead}")
    found = bench.trace("--send", "--commit", "--limit", "40")
    verdicts = {message["offset"]: message["verdict"] for message in records(found, "message")}
    assert [offset for offset, verdict in verdicts.items() if verdict == "settled"] == list(ahead)
    rejected = sum(BAD.bad(PARTITION, sequence) is not None for sequence in range(10, 50))
    assert bench.committed() == (50, f"ingest/2 {8 + 40 - rejected}:{2 + rejected}")
    sent = {sequence for _, sequence in bench.endpoint.journal.received()}
    assert sent == {sequence for sequence in good(10, 50) if sequence not in ahead}


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--send", "--commit", "--from", "20"), "would skip offsets 10 to 19"),
        (("--send", "--commit", "--from", "earliest"), "would rewind the group"),
        (("--from", "61"), "holds offsets 0 to 59"),
    ],
)
def test_arguments_that_would_lose_messages_or_contradict_each_other_are_refused(
    bench: Bench, arguments: tuple[str, ...], why: str
) -> None:
    bench.commit(10)
    done = bench.debug(*arguments, code=2)
    assert why in done.stderr
    assert bench.endpoint.stats()["requests"] == 0
    assert bench.committed() == (10, "")


def test_an_unknown_partition_is_refused_with_the_existing_ones(bench: Bench) -> None:
    done = bench.debug("--partition", "7", code=3)
    assert "2 partitions (0-1), but not 7" in done.stderr


@pytest.mark.parametrize(
    ("status", "code", "answer"), [(503, 7, "RetryableError"), (400, 7, "RejectedError"), (401, 5, "FatalError")]
)
def test_rows_that_arize_refuses_are_not_committed(bench: Bench, status: int, code: int, answer: str) -> None:
    bench.commit(0)
    bench.endpoint.inject_faults("status", status=status, retry_after_s=3)
    found = bench.trace("--send", "--commit", code=code)
    (sent,) = records(found, "upload")
    assert sent["answer"] == answer
    assert str(status) in sent["detail"]
    assert bench.committed() == (0, "")
    assert bench.dead_letters() == []
    assert not bench.endpoint.journal.files()


def test_a_redirect_is_no_acknowledgement(bench: Bench) -> None:
    bench.endpoint.inject_faults("redirect", status=302)
    (sent,) = records(bench.trace("--send", code=7), "upload")
    assert (sent["answer"], "redirects" in sent["detail"]) == ("RetryableError", True)


def test_debug_does_not_commit_over_another_process_s_commit(bench: Bench) -> None:
    bench.commit(0)
    bench.endpoint.inject_faults("latency", seconds=5.0)
    with bench.command.started(*DEBUG, "--json", "--send", "--commit") as process:
        deadline_s = time.monotonic() + WITHIN_S
        while bench.endpoint.stats()["requests"] == 0:
            assert time.monotonic() < deadline_s
        bench.commit(4, "ingest/1 4 0")
        output, _ = process.communicate(timeout=WITHIN_S)
    found = [json.loads(line) for line in output.splitlines()]
    (settled,) = records(found, "commit")
    assert not settled["committed"]
    assert "another process commits" in settled["detail"]
    assert process.returncode == 7
    assert bench.committed() == (4, "ingest/1 4 0")


def test_debug_starts_at_the_commit_or_at_an_offset_or_a_time(bench: Bench) -> None:
    def start(*arguments: str) -> int:
        (begin,) = records(bench.trace("--limit", "1", *arguments), "start")
        return int(begin["start_offset"])

    assert start() == 0
    assert start("--from", "latest") == EVENTS
    assert start("--from", "17") == 17
    at_ms = int(time.time() * 1000) + 60_000
    producer = Producer({"bootstrap.servers": bench.bootstrap})
    producer.produce(bench.topic, BAD.event(PARTITION, EVENTS), partition=PARTITION, timestamp=at_ms)
    assert producer.flush(WITHIN_S) == 0
    assert start("--from", datetime.fromtimestamp(at_ms / 1000, UTC).isoformat()) == EVENTS
    assert start("--from", datetime.fromtimestamp(at_ms / 1000).isoformat()) == EVENTS  # noqa: DTZ006  local, on purpose


def test_a_committed_offset_that_retention_removed_is_reported(bench: Bench) -> None:
    bench.commit(10)
    admin = AdminClient({"bootstrap.servers": bench.bootstrap})
    for deleted in admin.delete_records([TopicPartition(bench.topic, PARTITION, 30)]).values():
        deleted.result(WITHIN_S)
    done = bench.debug(code=8)
    assert "offsets 10 to 29 are no longer in the log" in done.stderr
    found = bench.trace("--from", "earliest", "--limit", "2")
    assert [message["offset"] for message in records(found, "message")] == [30, 31]
    assert "a worker would halt here" in json.dumps(records(found, "note"))
    assert bench.committed() == (10, "")


def test_the_debugger_reads_its_commands_from_a_pipe(bench: Bench) -> None:
    first = next(sequence for sequence in range(EVENTS) if BAD.bad(PARTITION, sequence))
    commands = "p 'at', message.offset(), type(value), error.reason.code\nc\n"
    done = bench.debug("--pdb", "--limit", "50", stdin=commands)
    kind = "NoneType" if BAD.event(PARTITION, first) is None else "bytes"
    assert f"('at', {first}, <class '{kind}'>, '{CODES[str(BAD.bad(PARTITION, first))]}')" in done.stdout
    assert "standard input is not a terminal" in done.stdout
    assert f"offset {first + 1}  " in done.stdout, "it goes on"
    assert "50 messages read: --limit is 50" in done.stdout

    done = bench.debug("--pdb", "--limit", "50")
    assert "standard input has ended" in done.stdout
    assert "50 messages read" in done.stdout


def test_quitting_the_debugger_on_a_terminal_sends_nothing(bench: Bench) -> None:
    code, shown = on_a_terminal(
        bench, "--pdb", "--send", "--commit", "--limit", "50", answer=b"p error.reason.code\nq\n"
    )
    assert code == 0
    assert "\x1b[" in shown
    assert "(Pdb) " in shown
    assert "the debugger was quit" in shown
    assert bench.endpoint.stats()["requests"] == 0
    assert bench.committed()[0] < 0


def test_debug_writes_no_colours_to_a_pipe_or_under_no_color(bench: Bench) -> None:
    assert "\x1b" not in bench.debug("--limit", "3", FORCE_COLOR="1").stdout
    code, shown = on_a_terminal(bench, "--limit", "3", NO_COLOR="1")
    assert (code, "\x1b" in shown) == (0, False)


def test_a_closed_pipe_ends_debug_with_0_and_no_error(bench: Bench) -> None:
    pipeline = f"{shlex.join(argv(*DEBUG, '--limit', '50'))} | head -n 1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", pipeline],
        cwd=bench.directory,
        env=bench.command.environment,
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "0"
    assert done.stderr == ""


def test_debug_does_not_disturb_a_running_supervisor(bench: Bench) -> None:
    supervise = ("supervise", "--workers", "2", "--partitions", "all")
    with bench.command.started(*supervise) as supervisor:
        for turn in range(3):
            produce(bench.bootstrap, bench.topic, range(2), 400, generator=BAD)
            bench.debug("--limit", "100", "--from", "earliest" if turn else "committed")
        supervisor.send_signal(signal.SIGTERM)
        said, _ = supervisor.communicate(timeout=WITHIN_S)
    assert supervisor.returncode == 0, said
    # A drain sends and commits what was polled; the rest is fetched by a second run, up to the end.
    bench.command.run(*supervise, "--until-end")
    end = EVENTS + 3 * 200
    compared = compare(bench.endpoint.journal, BAD, {0: end, 1: end})
    assert compared.nothing_lost, compared
    assert compared.duplicates == 0
    assert bench.committed()[0] == end


def on_a_terminal(bench: Bench, *arguments: str, answer: bytes = b"", **environment: str) -> tuple[int, str]:
    """Run it on a pseudo terminal; `answer` is typed when the debugger asks. Its exit code and all that was shown."""
    leader, follower = pty.openpty()
    with subprocess.Popen(
        argv(*DEBUG, *arguments),
        cwd=bench.directory,
        env=bench.command.with_environment(**environment).environment,
        stdin=follower,
        stdout=follower,
        stderr=follower,
        start_new_session=True,
    ) as process:
        os.close(follower)
        shown = b""
        while True:
            try:
                got = os.read(leader, 65536)
            except OSError:  # the other side has closed: Linux says EIO
                break
            if not got:
                break
            shown += got
            if answer and b"(Pdb) " in shown:
                os.write(leader, answer)
                answer = b""
        code = process.wait(WITHIN_S)
    os.close(leader)
    return code, shown.decode()

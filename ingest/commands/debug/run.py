"""`ingest debug`: traces the messages of one partition through the steps of a worker.

Rules
1. Nothing is sent or committed without --send or --commit. Messages are read under a group of their own that commits
   nothing; the configured group's commits are only read, and the group is not joined.
2. The steps are those of a worker: tracker, decoder, batches, and with --send the upload.
3. Reading ends after `limit` messages or at the end of the partition; with `follow` it waits there for more.
4. With --commit, reading starts exactly where a worker would start, and ends at the first batch that is not
   acknowledged.
5. A batch is shown (and sent) when it is full, when a column changes its type, and at the end.
"""

import secrets
import time
from datetime import datetime
from typing import TextIO

from ingest.accounting.files import account_store, recorded_checkpoints
from ingest.commands.debug import debugger, start_offset
from ingest.commands.debug.deliver import GuardedCommits, SingleAttemptUploader
from ingest.commands.debug.json_lines import JsonOutput
from ingest.commands.debug.requested_start import RequestedStart, check_together, parse
from ingest.commands.debug.steps import Steps, StopReading
from ingest.commands.debug.text import TextOutput
from ingest.commands.debug.trace import Note, Timing, TraceOutput, TraceStart, TraceSummary
from ingest.commands.debug.traced_intake import TracedIntake, decode_error
from ingest.commands.options import topic_missing
from ingest.config.checks import check_delivery
from ingest.config.resolve import TopicConfig
from ingest.config.settings import Config
from ingest.errors import ConfigError, ExitCode, FatalError
from ingest.pipeline.dead_letters.queue import DeadLetter
from ingest.pipeline.kafka import advertised, consumer, first_contact, metadata, rights
from ingest.pipeline.kafka.end_offsets import partition_ends
from ingest.pipeline.kafka.start_offset import choose_starts, first_offset, partitions_at_last_commit, resume_after_gap
from ingest.pipeline.offsets.checkpoint import Checkpoint
from ingest.pipeline.offsets.tracker import PartitionTracker
from ingest.pipeline.routing import Router
from ingest.reasons import TOMBSTONE
from ingest.records import TopicShape
from ingest.status import formatting

_POLL_S = 0.25
_SILENCE_S = 30.0


def run(
    settings: Config,
    *,
    partition: int,
    start: str = "committed",
    limit: int = 10,
    send: bool = False,
    commit: bool = False,
    follow: bool = False,
    debugger: bool = False,
    output: TraceOutput,
) -> ExitCode:
    """Read up to `limit` messages of `partition` from `start` on, and write each step to `output`.

    Returns DONE; with `send` CREDENTIALS when Arize refused the key, DRAIN_DEADLINE when rows stay unacknowledged or
    uncommitted, TOO_MANY_DEAD when all messages but tombstones were rejected, so that nothing was sent. Raises
    FatalError with exit code USAGE for arguments that contradict each other or the log, KAFKA, or EXPIRED when the
    committed offset is no longer in the log. Raises ConfigError for settings that can't work.
    """
    check_together(send=send, commit=commit)
    wanted = parse(start, datetime.now().astimezone())
    topic = _only_topic(settings)
    if send:
        check_delivery(settings)
    elif not topic.kafka.topic:
        raise topic_missing()
    session = _DebugSession(topic, partition, limit, output, follow=follow, debugger=debugger)
    start_at, carried = session.begin(wanted, send=send, commit=commit)
    return session.read(start_at, carried, send=send, commit=commit)


def _only_topic(settings: Config) -> TopicConfig:
    if len(settings.topics) > 1:
        names = ", ".join(topic.kafka.topic for topic in settings.topics)
        raise ConfigError(f"--partition: of which topic? Select one with --topic; the configured topics are {names}")
    return settings.topics[0]


def open_output(stream: TextIO, *, json: bool, debugger: bool) -> TraceOutput:
    """The output for `stream`. Raises FatalError (exit code USAGE) for a debugger together with JSON."""
    check_together(json=json, debugger=debugger)
    return JsonOutput(stream) if json else TextOutput(stream)


class _DebugSession:
    def __init__(
        self, settings: TopicConfig, partition: int, limit: int, output: TraceOutput, *, follow: bool, debugger: bool
    ) -> None:
        self._settings = settings
        self._kafka = settings.kafka.with_group(f"ingest-debug-{secrets.token_hex(4)}")
        self._partition = partition
        self._limit = limit
        self._output = output
        self._follow = follow
        self._debugger = debugger
        self._shape = TopicShape("", ())

    # --- the start -----------------------------------------------------------------------------

    def begin(self, wanted: RequestedStart, *, send: bool, commit: bool) -> tuple[int, Checkpoint | None]:
        """Find the offset to start from; returned with the group's checkpoint if reading continues from it."""
        kafka, partition = self._settings.kafka, self._partition
        self._output.write(Note(text=f"asking Kafka at {kafka.brokers}"))
        existing = first_contact.topic_partitions(self._kafka)
        if partition not in existing:
            raise ConfigError(
                f"--partition {partition}: topic {kafka.topic} has {formatting.amount(len(existing), 'partition')} "
                f"({formatting.partitions(existing)}), but not {partition}"
            )
        rights.may_ask_group(kafka)
        committed = metadata.committed_progress(kafka, existing)
        found = committed[partition]
        bounds = metadata.watermarks(self._kafka, [partition])[partition]
        end = partition_ends(self._kafka, [partition])[partition]
        at_time = metadata.offset_at(self._kafka, partition, wanted.number) if wanted.kind == "time" else None
        worker, by = first_offset(kafka, found, bounds)
        self._shape = TopicShape(metadata.topic_id(kafka), existing)
        missing = [partition] if found is None else []
        record = recorded_checkpoints(account_store(self._settings.account), kafka.topic, kafka.group, missing)
        lost: FatalError | None = None
        try:
            begins = choose_starts(
                kafka,
                self._shape,
                {partition: found},
                recorded=record,
                watermarks={partition: bounds},
                partitions_before=partitions_at_last_commit(committed),
            )
            if partition in begins:
                mark = begins[partition]
                worker, by = (bounds[0], "earliest") if mark is None else (mark.next_offset, "latest")
            worker = resume_after_gap(kafka, partition, worker, (bounds[0], end.end_offset))
        except FatalError as expired:
            lost = expired
        chosen = start_offset.resolve(wanted, kafka, partition, worker=worker, bounds=bounds, at_time=at_time)
        reason = chosen.reason
        if wanted.kind == "committed":
            reason = f"where group {kafka.group} continues"
            if found is None:
                reason = f"nothing is committed, so a worker would start at the {by} message ([kafka] start)"
        if commit:
            start_offset.check_commit(chosen.offset, worker, kafka.group)
        self._output.write(
            TraceStart(
                brokers=kafka.brokers,
                topic=kafka.topic,
                partition=partition,
                partition_count=len(existing),
                low_offset=bounds[0],
                stable_offset=end.stable_offset,
                end_offset=end.end_offset,
                group=kafka.group,
                committed_next_offset=None if found is None else found.next_offset,
                lag=None if found is None else max(end.end_offset - found.next_offset, 0),
                acknowledged=0 if found is None else found.counts.acknowledged,
                dead_lettered=0 if found is None else found.counts.dead_lettered,
                settled_above=0 if found is None else sum(settled.counts.total for settled in found.ranges),
                start_offset=chosen.offset,
                start_reason=reason,
                limit=self._limit,
                reading_group=self._kafka.group,
                send=send,
                commit=commit,
            )
        )
        if lost is not None:
            if wanted.kind == "committed" or commit:
                raise FatalError(
                    f"{lost}. To read the messages that remain, use --from earliest", exit_code=lost.exit_code
                )
            self._output.write(Note(text=f"a worker would halt here: {lost}", problem=True))
        return chosen.offset, found if chosen.offset == worker and lost is None else None

    # --- reading -------------------------------------------------------------------------------

    def read(self, start: int, carried: Checkpoint | None, *, send: bool, commit: bool) -> ExitCode:
        """Read until the limit, the end of the partition, Ctrl-C, or the debugger's quit."""
        tracker = PartitionTracker(
            self._partition,
            start if carried is None else carried.next_offset,
            carried,
            Router(self._settings.routes).identity,
            topic_id=self._shape.topic_id,
        )
        tracker.advance(start)
        settled = () if carried is None else carried.ranges
        intake = TracedIntake(
            self._settings, tracker, settled, self._output, limit=self._limit, at_bad=self._stop_at_bad
        )
        sender = SingleAttemptUploader(self._settings) if send else None
        topic_id = self._shape.topic_id
        commits = GuardedCommits(self._settings, self._partition, tracker, carried, topic_id) if commit else None
        reader = consumer.PartitionConsumer(
            self._kafka,
            (self._partition,),
            on_trouble=lambda text: self._output.write(Note(text=f"Kafka: {text}", problem=True)),
            on_committed=lambda *_: None,
        )
        steps = Steps(intake, sender, commits, self._output)
        try:
            reader.assign({self._partition: tracker.position})
            steps.stop_reason = self._read(reader, tracker, intake, steps)
            steps.flush(draining=True)
            failed = send and intake.rejected.keys() - {TOMBSTONE} and not steps.acknowledged
            code = ExitCode.TOO_MANY_DEAD if failed else ExitCode.DONE
        except KeyboardInterrupt:
            steps.stop_reason = "interrupted; rows that Arize has not acknowledged stay uncommitted"
            code = ExitCode.DONE
        except StopReading as stopped:
            steps.stop_reason, code = str(stopped), stopped.code
        finally:
            reader.close()
        self._end(tracker, intake, steps)
        return code

    def _read(
        self, reader: consumer.PartitionConsumer, tracker: PartitionTracker, intake: TracedIntake, steps: Steps
    ) -> str:
        """Read and decode until the limit or the end of the partition; returns why reading ended."""
        asked = last_answer = time.monotonic()
        while (left := self._limit - intake.messages) > 0:
            if self._output.closed:
                raise StopReading("the reader of the output has gone away")
            room = min(left, self._settings.batch.chunk_events, intake.intake.room())
            polled = reader.poll(room, _POLL_S)
            now = time.monotonic()
            if polled.out_of_range:
                raise FatalError(
                    f"topic {self._settings.kafka.topic} partition {self._partition}: the log no longer holds offset "
                    f"{tracker.position}, because retention has just removed it. Run the command again",
                    exit_code=ExitCode.EXPIRED,
                )
            if polled.chunk is not None:
                steps.polled(len(polled.chunk.messages), now - asked)
                steps.taken(intake.take(polled.chunk, now - asked))
                steps.flush(draining=False)
                asked = last_answer = time.monotonic()
            for end in polled.ends.values():
                tracker.advance(end)
                last_answer = float("inf")  # from now on silence only means that there are no new messages
                if not self._follow:
                    return self._end_reached(end)
            if now - last_answer >= _SILENCE_S:
                why = advertised.explanation(self._kafka) or "check the brokers and the partition's leader"
                raise FatalError(
                    f"Kafka at {self._settings.kafka.brokers} has sent nothing of topic {self._settings.kafka.topic} "
                    f"partition {self._partition} for {_SILENCE_S:g} s: {why}",
                    exit_code=ExitCode.KAFKA,
                )
        return f"--limit is {self._limit}"

    def _end_reached(self, offset: int) -> str:
        """Why reading ends at `offset`: it is the last stable offset, and perhaps the end of the partition."""
        held_back = partition_ends(self._kafka, [self._partition])[self._partition].held_back(offset)
        if not held_back:
            return f"offset {offset} is the end of the partition; --follow waits for new messages"
        return (
            f"offset {offset} begins an open transaction: {formatting.amount(held_back, 'offset')} can't be read "
            "before it ends; --follow waits for it"
        )

    def _stop_at_bad(self, letter: DeadLetter, value: bytes | None) -> None:
        if not self._debugger:
            return
        self._debugger = False  # the first one only
        if not debugger.at_bad_message(letter.message, value, decode_error(letter)):
            raise StopReading(
                f"the debugger was quit at offset {letter.message.offset()}; rows not sent by then are not sent"
            )

    def _end(self, tracker: PartitionTracker, intake: TracedIntake, steps: Steps) -> None:
        kafka = self._settings.kafka
        found = metadata.committed_progress(kafka, [self._partition])[self._partition]
        end = partition_ends(self._kafka, [self._partition])[self._partition].end_offset
        timings = [Timing(step=step, count=count, seconds=seconds) for step, (count, seconds) in steps.timings.items()]
        timings.insert(1, Timing(step="decode", count=intake.messages, seconds=intake.decode_s))
        self._output.write(
            TraceSummary(
                messages=intake.messages,
                accepted=intake.accepted,
                settled=intake.settled,
                rejected=intake.rejected,
                acknowledged=steps.acknowledged,
                position=tracker.position,
                group=kafka.group,
                committed_next_offset=None if found is None else found.next_offset,
                lag=None if found is None else max(end - found.next_offset, 0),
                timings=timings,
                stop_reason=steps.stop_reason,
                nulled=intake.nulled,
                ignored=intake.ignored,
            )
        )

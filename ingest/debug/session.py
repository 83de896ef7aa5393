"""`ingest debug`: one partition, one process, every step in the open.

1. Nothing is sent and nothing is committed unless asked for. Messages are read under a group of its own that commits
   nothing; the configured group's commits are only looked at, and the group is never joined.
2. The steps are a worker's own: tracker, decoder, batches, and with --send its log step.
3. Reading ends after `limit` messages or at the end of the partition; with `follow` it waits there for more.
4. With --commit reading starts exactly where a worker would start, and ends at the first batch that Arize did not take.
5. A batch is shown (and sent) when it is full, when a column changes its type, and at the end.
"""

import secrets
import time
from datetime import datetime
from typing import TextIO

from ingest import config
from ingest.debug import place, stop
from ingest.debug.deliver import Commits, Sender
from ingest.debug.findings import Begin, End, Note, Show, Timing
from ingest.debug.lines import JsonShow
from ingest.debug.text import TextShow
from ingest.debug.watch import Watch, decode_error, seen_batch
from ingest.errors import ConfigError, ExitCode, FatalError
from ingest.pipeline import log, poll
from ingest.pipeline.ack import PartitionTracker, Watermark
from ingest.pipeline.batch import Batch
from ingest.pipeline.intake import Taken
from ingest.pipeline.start import after_hole, first_offset
from ingest.status import spelling

_POLL_S = 0.25
_SILENCE_S = 30.0


def run(
    settings: config.Config,
    *,
    partition: int,
    start: str = "committed",
    limit: int = 10,
    send: bool = False,
    commit: bool = False,
    follow: bool = False,
    debugger: bool = False,
    show: Show,
) -> ExitCode:
    """Read up to `limit` messages of `partition` from `start` on, and show each step.

    Returns DONE; with `send` CREDENTIALS when Arize refused the key, DRAIN_DEADLINE when rows stay unacknowledged or
    uncommitted. Raises FatalError: USAGE for arguments that contradict each other or the log, KAFKA, EXPIRED when the
    committed offset is no longer in the log. Raises ConfigError for settings that can't work.
    """
    if commit and not send:
        raise place.usage(
            "--commit goes with --send only: committing messages that were not sent would lose them. To step over bad "
            "messages use --send --commit too: they go to the dead letters"
        )
    wanted = place.parse(start, datetime.now().astimezone())
    if send:
        config.check_delivery(settings)
    elif not settings.kafka.topic:
        raise ConfigError("[kafka] topic is missing: name the topic to read, or set INGEST_KAFKA__TOPIC")
    session = _Session(settings, partition, limit, show, follow=follow, debugger=debugger)
    start_at, carried = session.begin(wanted, send=send, commit=commit)
    return session.read(start_at, carried, send=send, commit=commit)


def screen(stream: TextIO, *, json: bool, debugger: bool) -> Show:
    """Where findings are written. Raises FatalError (exit code USAGE) for a debugger amid JSON lines."""
    if json and debugger:
        raise place.usage("--json and --pdb don't go together: the debugger's words are no JSON lines")
    return JsonShow(stream) if json else TextShow(stream)


class _Stop(Exception):  # noqa: N818  not always an error
    """Read no further; the text says why, `code` is the exit code."""

    def __init__(self, text: str, code: ExitCode = ExitCode.DONE) -> None:
        self.code = code
        super().__init__(text)


class _Session:
    def __init__(
        self, settings: config.Config, partition: int, limit: int, show: Show, *, follow: bool, debugger: bool
    ) -> None:
        self._settings = settings
        self._kafka = settings.kafka.model_copy(update={"group": f"ingest-debug-{secrets.token_hex(4)}"})
        self._partition = partition
        self._limit = limit
        self._show = show
        self._follow = follow
        self._debugger = debugger

    # --- where it starts -----------------------------------------------------------------------

    def begin(self, wanted: place.From, *, send: bool, commit: bool) -> tuple[int, Watermark | None]:
        """Find the start and say why it is there; with what the group's commit carries if reading goes on from it."""
        kafka, partition = self._settings.kafka, self._partition
        existing = poll.topic_partitions(self._kafka)
        if partition not in existing:
            raise ConfigError(
                f"--partition {partition}: topic {kafka.topic} has {spelling.amount(len(existing), 'partition')} "
                f"({spelling.partitions(existing)}), but not {partition}"
            )
        found = poll.committed_progress(kafka, [partition])[partition]
        bounds = poll.watermarks(self._kafka, [partition])[partition]
        at_time = poll.offset_at(self._kafka, partition, wanted.number) if wanted.kind == "time" else None
        worker, by = first_offset(kafka, found, bounds)
        lost: FatalError | None = None
        try:
            worker = after_hole(kafka, partition, worker, bounds)
        except FatalError as expired:
            lost = expired
        chosen = place.choose(wanted, kafka, partition, worker=worker, bounds=bounds, at_time=at_time)
        why = chosen.why
        if wanted.kind == "committed":
            why = f"where group {kafka.group} goes on"
            if found is None:
                why = f"nothing is committed, so a worker would start at the {by} message ([kafka] start)"
        if commit:
            place.check_commit(chosen.offset, worker, kafka.group)
        self._show.show(
            Begin(
                brokers=kafka.brokers,
                topic=kafka.topic,
                partition=partition,
                partitions=len(existing),
                low=bounds[0],
                end=bounds[1],
                group=kafka.group,
                committed=None if found is None else found.next_offset,
                lag=None if found is None else max(bounds[1] - found.next_offset, 0),
                acknowledged=0 if found is None else found.acknowledged,
                dead_lettered=0 if found is None else found.dead_lettered,
                settled_above=0 if found is None else sum(settled.count for settled in found.ranges),
                start=chosen.offset,
                why=why,
                limit=self._limit,
                reading_group=self._kafka.group,
                send=send,
                commit=commit,
            )
        )
        if lost is not None:
            if wanted.kind == "committed" or commit:
                raise FatalError(f"{lost}. To look at what is there: --from earliest", exit_code=lost.exit_code)
            self._show.show(Note(text=f"a worker would halt here: {lost}", bad=True))
        return chosen.offset, found if chosen.offset == worker and lost is None else None

    # --- the loop ------------------------------------------------------------------------------

    def read(self, start: int, carried: Watermark | None, *, send: bool, commit: bool) -> ExitCode:
        """Turn until the limit, the end, or somebody wants to leave."""
        tracker = PartitionTracker(self._partition, start if carried is None else carried.next_offset, carried)
        tracker.advance(start)
        watch = Watch(self._settings, tracker, () if carried is None else carried.ranges, self._show, self._limit)
        sender = Sender(self._settings) if send else None
        commits = Commits(self._settings, self._partition, tracker, carried) if commit else None
        reader = poll.Reader(
            self._kafka,
            (self._partition,),
            on_trouble=lambda text: self._show.show(Note(text=f"Kafka: {text}", bad=True)),
            on_committed=lambda *_: None,
        )
        steps = _Steps(self._settings, watch, sender, commits, self._show)
        try:
            reader.assign({self._partition: tracker.position})
            steps.stopped = self._turn(reader, tracker, watch, steps)
            steps.flush(leaving=True)
            code = ExitCode.DONE
        except KeyboardInterrupt:
            steps.stopped, code = "interrupted; what was not sent before is not sent", ExitCode.DONE
        except _Stop as stopped:
            steps.stopped, code = str(stopped), stopped.code
        finally:
            reader.close()
        self._end(tracker, watch, steps)
        return code

    def _turn(self, reader: poll.Reader, tracker: PartitionTracker, watch: Watch, steps: "_Steps") -> str:
        """Read and decode to the limit or the end; which of them it was."""
        asked = heard = time.monotonic()
        while (left := self._limit - watch.messages) > 0:
            room = min(left, self._settings.batch.chunk_events, watch.intake.room())
            polled = reader.poll(room, _POLL_S)
            now = time.monotonic()
            if polled.outside:
                raise FatalError(
                    f"topic {self._settings.kafka.topic} partition {self._partition}: the log no longer holds offset "
                    f"{tracker.position}; retention has just removed it. Start again",
                    exit_code=ExitCode.EXPIRED,
                )
            if polled.chunk is not None:
                steps.polled(len(polled.chunk.messages), now - asked)
                taken = watch.take(polled.chunk, now - asked)
                steps.taken(taken)
                self._stop_at_bad(taken)
                steps.flush(leaving=False)
                asked = heard = time.monotonic()
            for end in polled.ends.values():
                tracker.advance(end)
                heard = float("inf")  # from now on silence is only the end
                if not self._follow:
                    return f"offset {end} is the end of the partition; --follow waits there for more"
            if now - heard >= _SILENCE_S:
                raise FatalError(
                    f"Kafka at {self._settings.kafka.brokers} has sent nothing of topic {self._settings.kafka.topic} "
                    f"partition {self._partition} for {_SILENCE_S:g} s; check the brokers and the partition's leader",
                    exit_code=ExitCode.KAFKA,
                )
        return f"that is the limit; --limit {self._limit * 10} reads more"

    def _stop_at_bad(self, taken: Taken) -> None:
        if not self._debugger or not taken.letters.letters:
            return
        self._debugger = False
        letter = taken.letters.letters[0]
        if not stop.at_bad_message(letter.message, decode_error(letter)):
            raise _Stop(
                f"left from the debugger at offset {letter.message.offset()}; what was not sent before is not sent"
            )

    def _end(self, tracker: PartitionTracker, watch: Watch, steps: "_Steps") -> None:
        kafka = self._settings.kafka
        found = poll.committed_progress(kafka, [self._partition])[self._partition]
        _, end = poll.watermarks(self._kafka, [self._partition])[self._partition]
        timings = [Timing(step=step, count=count, seconds=seconds) for step, (count, seconds) in steps.timings.items()]
        timings.insert(1, Timing(step="decode", count=watch.messages, seconds=watch.decode_s))
        self._show.show(
            End(
                messages=watch.messages,
                accepted=watch.accepted,
                settled=watch.settled,
                rejected=watch.rejected,
                acknowledged=steps.acknowledged,
                next_offset=tracker.position,
                group=kafka.group,
                committed=None if found is None else found.next_offset,
                lag=None if found is None else max(end - found.next_offset, 0),
                timings=timings,
                stopped=steps.stopped,
            )
        )


class _Steps:
    """What follows decoding: batches are shown, and sent and committed if that was asked for; each step is timed."""

    def __init__(
        self, settings: config.Config, watch: Watch, sender: Sender | None, commits: Commits | None, show: Show
    ) -> None:
        self._settings = settings
        self._watch = watch
        self._sender = sender
        self._commits = commits
        self._show = show
        self.timings = {"poll": (0, 0.0), "to DataFrame": (0, 0.0)}
        self.acknowledged = 0
        self.stopped = ""

    def polled(self, messages: int, seconds: float) -> None:
        """A poll brought messages."""
        self._took("poll", messages, seconds)

    def taken(self, taken: Taken) -> None:
        """A chunk was decoded; its dead letters wait for the next commit."""
        if self._commits is not None:
            self._commits.put(taken.letters)

    def flush(self, *, leaving: bool) -> None:
        """Show, send and commit the batches that are due. Raises _Stop when one is not acknowledged or committed."""
        for batch in self._watch.batches(leaving=leaving):
            self._batch(batch)
        if leaving and self._commits is not None and self._commits.waiting:
            self._settle([])

    def _batch(self, batch: Batch) -> None:
        table = batch.table()
        began = time.monotonic()
        log.to_frame(table)
        frame_s = time.monotonic() - began
        self._took("to DataFrame", batch.rows, frame_s)
        self._show.show(seen_batch(self._settings, batch, table, frame_s))
        if self._sender is None:
            return
        if self._commits is not None and (why := self._commits.moved_by_others()):
            raise _Stop(f"nothing more is sent: {why}", ExitCode.DRAIN_DEADLINE)
        sent, code = self._sender.send(table)
        self._show.show(sent)
        self._took("log", batch.rows, sent.seconds)
        if code is not ExitCode.DONE:
            raise _Stop("Arize did not acknowledge the rows; nothing of this batch is committed", code)
        self.acknowledged += batch.rows
        if self._commits is not None:
            self._settle([batch])

    def _settle(self, batches: list[Batch]) -> None:
        if self._commits is None:
            return
        settled = self._commits.settle(batches)
        self._show.show(settled)
        if not settled.committed:
            sent = "; rows that were sent will be sent again by a worker" if batches else ""
            raise _Stop(f"nothing is committed{sent}", ExitCode.DRAIN_DEADLINE)

    def _took(self, step: str, count: int, seconds: float) -> None:
        before, spent = self.timings.get(step, (0, 0.0))
        self.timings[step] = (before + count, spent + seconds)

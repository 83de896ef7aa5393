"""One run of the supervisor, from the checks before it to the account after it.

1. The forkserver comes first, before any Kafka client: it forks, and a client doesn't survive that.
2. What is wrong with the partitions, the topic or the brokers stops here, before a worker exists.
3. The end to reach (`until_end`) is taken once, so that a restarted worker has the same.
4. The account compares Kafka's own record of the committed progress at the start with that at the end. A run that
   had an end to reach and left something of it uncommitted is not done, whatever the workers said.
"""

import random
import time
from collections.abc import Callable, Mapping

from ingest import config
from ingest.errors import ExitCode, FatalError
from ingest.events import Emit, Notice, SupervisorStarted
from ingest.pipeline import poll, produce
from ingest.pipeline.ack import Watermark
from ingest.pool import partitions as sets
from ingest.pool import process
from ingest.pool.signals import SignalQueue
from ingest.pool.supervisor import Supervisor
from ingest.status import spelling
from ingest.status.account import Account, PartitionAccount


def run(settings: config.Config, *, until_end: bool, emit: Emit, tick: Callable[[], None]) -> Account:
    """Supervise the workers of `settings` until they are done or a stop was asked for; only in the main thread.

    Everything that happens goes to `emit`; `tick` is called at least twice a second, for screens.
    Raises `ConfigError` for settings that can't work and `FatalError` if Kafka can't be reached or refuses.
    """
    config.check_delivery(settings)
    wanted = sets.parse(settings.supervisor.partitions)
    process.start_forkserver()
    started = time.monotonic()
    emit(Notice(text=f"asking Kafka at {settings.kafka.brokers} about topic {settings.kafka.topic}"))
    chosen = sets.choose(wanted, poll.topic_partitions(settings.kafka), settings.kafka.topic)
    if settings.dead_letters.topic:
        produce.check_topic(settings.kafka, settings.dead_letters.topic, "[dead_letters] topic")
    marks = poll.watermarks(settings.kafka, chosen)
    start = poll.committed_progress(settings.kafka, chosen)
    until = {partition: end for partition, (_, end) in marks.items()} if until_end else None
    shares = sets.shares(chosen, settings.supervisor.workers)
    if len(shares) < settings.supervisor.workers:
        text = f"{settings.supervisor.workers} workers were asked for, but there are only {len(chosen)} partitions"
        emit(Notice(text=f"{text}: starting {spelling.amount(len(shares), 'worker')}"))
    emit(
        SupervisorStarted(
            topic=settings.kafka.topic,
            group=settings.kafka.group,
            workers=len(shares),
            partitions=chosen,
            next_offsets=_starting_points(settings.kafka, marks, start),
            until=until,
        )
    )
    supervisor = Supervisor(
        shares,
        lambda worker, share: process.Process(worker, share, settings, until=_only(until, share)),
        settings.supervisor,
        emit=emit,
        clock=time.monotonic,
        jitter=random.random,
        ends=until_end,
    )
    loop(supervisor, tick)
    return _account(kafka=settings.kafka, supervisor=supervisor, start=start, until=until, started=started, emit=emit)


def loop(supervisor: Supervisor, tick: Callable[[], None]) -> None:
    """Turn `supervisor` until it is done; `tick` is called at each turn. Only in the main thread."""
    with SignalQueue() as signals:
        try:
            while not supervisor.done:
                for stop in signals.take():
                    supervisor.stop(stop.name)
                supervisor.turn()
                tick()
                if not supervisor.done:
                    process.wait_for([*supervisor.fds(), signals.fileno()], supervisor.wait_s())
        finally:
            supervisor.abandon()


def _account(
    *,
    kafka: config.Kafka,
    supervisor: Supervisor,
    start: Mapping[int, Watermark | None],
    until: Mapping[int, int] | None,
    started: float,
    emit: Emit,
) -> Account:
    chosen = tuple(sorted(start))
    code = supervisor.exit_code
    end: Mapping[int, Watermark | None] | None = None
    marks: Mapping[int, tuple[int, int]] = {}
    try:
        marks = poll.watermarks(kafka, chosen)
        end = poll.committed_progress(kafka, chosen)
    except FatalError as error:
        emit(Notice(text=f"the account is taken from the workers' last words, as Kafka can't be asked: {error}"))
    if until is not None:
        marks = {partition: (marks.get(partition, (0, 0))[0], until[partition]) for partition in chosen}
    rows = supervisor.ledger.settle(chosen, start, end, marks)
    if until is not None and end is not None and code is ExitCode.DONE:
        code = _check_ends(rows, kafka, emit)
    return Account(
        topic=kafka.topic,
        group=kafka.group,
        exit_code=code,
        ran_s=time.monotonic() - started,
        crashes=supervisor.crashes,
        exact=end is not None,
        partitions=rows,
    )


def _check_ends(rows: tuple[PartitionAccount, ...], kafka: config.Kafka, emit: Emit) -> ExitCode:
    # A partition without a commit that starts at the latest message had nothing to read.
    skips = kafka.start == "latest"
    short = [row.partition for row in rows if row.lag and not (row.next_offset is None and skips)]
    if not short:
        return ExitCode.DONE
    emit(
        Notice(text=f"partitions {spelling.partitions(short)} are not committed up to their end; start again to go on")
    )
    return ExitCode.DRAIN_DEADLINE


def _starting_points(
    kafka: config.Kafka, marks: Mapping[int, tuple[int, int]], start: Mapping[int, Watermark | None]
) -> dict[int, int]:
    points = {}
    for partition, (low, end) in marks.items():
        committed = start[partition]
        fresh = low if kafka.start == "earliest" else end
        points[partition] = fresh if committed is None else max(committed.next_offset, low)
    return points


def _only(until: Mapping[int, int] | None, share: tuple[int, ...]) -> dict[int, int] | None:
    return None if until is None else {partition: until[partition] for partition in share}

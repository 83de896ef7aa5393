"""One run of the supervisor, from the checks before it to the account after it.

1. The forkserver comes first, before any Kafka client: it forks, and a client doesn't survive that.
2. What is wrong with the partitions, the topics or the brokers stops here, before a worker exists.
3. The account compares Kafka's own record of the committed progress at the start with that at the end. A run that
   had an end to reach and left something of it uncommitted is not done, whatever the workers said.
4. Each topic has an account of its own, and the run one exit code.
5. What Kafka confirms is noted in the account's files as it comes, and before the first worker what a former run may
   have left in flight. A run that ends by an exception notes no end: the next one says so.
"""

import itertools
import random
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from ingest.accounting.files import account_of
from ingest.accounting.writer import AccountWriter, Opening
from ingest.config.load import Config, check_delivery, routes
from ingest.config.templates import has_placeholders
from ingest.errors import ExitCode, FatalError
from ingest.events import Emit, Event, Notice, SupervisorStarted
from ingest.pipeline.kafka import metadata, producer
from ingest.pipeline.kafka.start_offset import ResumeFrom
from ingest.pipeline.offsets.checkpoint import Checkpoint
from ingest.status import formatting
from ingest.status.account import RunAccount
from ingest.supervisor import partitions as sets
from ingest.supervisor import plan, process
from ingest.supervisor.growth import Growth
from ingest.supervisor.plan import TopicPlan
from ingest.supervisor.signals import SignalQueue
from ingest.supervisor.supervisor import Supervisor


def run(
    settings: Config,
    *,
    until_end: bool,
    emit: Emit,
    tick: Callable[[], None],
    resume_from: ResumeFrom | None = None,
) -> tuple[RunAccount, ...]:
    """Supervise the workers of `settings` until they are done or a stop was asked for; only in the main thread.

    Everything that happens goes to `emit`; `tick` is called at least twice a second, for screens. There is an account
    for each topic, all of them with the exit code of the run. `resume_from` is where to go on with partitions whose
    committed offset Kafka has forgotten, or that belongs to a former topic of the same name.
    Raises `ConfigError` for settings that can't work and `FatalError` if Kafka can't be reached or refuses.
    """
    check_delivery(settings)
    wanted = plan.wanted(settings)
    process.start_forkserver()
    started = time.monotonic()
    names = formatting.names("topic", [one.topic for one in wanted])
    emit(Notice(text=f"asking Kafka at {settings.kafka.brokers} about {names}"))
    files = account_of(settings)
    found = {
        reading.topic: reading for reading in plan.find(wanted, files, until_end=until_end, resume_from=resume_from)
    }
    if settings.dead_letters.topic:
        producer.check_topic(settings.kafka, settings.dead_letters.topic, "[dead_letters] topic")
    shares = sets.assign({topic: reading.partitions for topic, reading in found.items()}, settings.supervisor.workers)

    def start_worker(worker: int, share: sets.Assignment) -> process.Process:
        reading = found[share.topic]
        plan = reading.plan_of(share.partitions, supervisor.ledgers[share.topic].confirmed())
        until = reading.until_of(share.partitions)
        return process.Process(worker, share.partitions, reading.settings, until=until, plan=plan)

    keeper = AccountWriter(files, emit)
    keeper.begin([_opening(reading) for reading in found.values()])

    def noting(event: Event) -> None:
        emit(event)
        keeper.take(event)

    def ticking() -> None:
        growth.turn(time.monotonic())
        keeper.tick()
        tick()

    for reading in found.values():
        for text in _remarks(reading, resume_from):
            emit(Notice(text=text))
    _tell(found, shares, settings.supervisor.workers, noting)
    supervisor = Supervisor(
        shares,
        start_worker,
        settings.supervisor,
        emit=noting,
        clock=time.monotonic,
        jitter=random.random,
        ends=until_end,
    )
    growth = Growth(found, supervisor, noting, time.monotonic())
    loop(supervisor, ticking)
    accounts = _accounts(found.values(), supervisor, keeper, started, emit)
    keeper.end()
    return accounts


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


def _remarks(reading: TopicPlan, resume_from: ResumeFrom | None) -> Iterator[str]:
    """What is to be known of a topic before it is read."""
    if not reading.plan.topic_id:
        yield (
            f"topic {reading.topic}: Kafka tells no id of it (brokers before 2.8 have none), so nobody notices if it "
            "is deleted and created again with more messages"
        )
    if resume_from is not None and reading.resumed:
        where = {
            "account": "where the account has them",
            "earliest": "from the first message on",
            "latest": "at the end",
        }
        partitions = formatting.partitions(reading.resumed)
        yield f"--resume-from {resume_from}: partitions {partitions} of {reading.topic} go on {where[resume_from]}"
    elif resume_from is not None:
        yield f"--resume-from {resume_from} is not needed for {reading.topic}: Kafka has its offsets, and they are used"


def _tell(found: Mapping[str, TopicPlan], shares: Sequence[sets.Assignment], asked: int, emit: Emit) -> None:
    """What is about to run, topic by topic."""
    if len(shares) < asked:
        there = formatting.amount(sum(len(reading.partitions) for reading in found.values()), "partition")
        text = f"{asked} workers were asked for, but there are only {there}"
        emit(Notice(text=f"{text}: starting {formatting.amount(len(shares), 'worker')}"))
    first = 0
    for topic, reading in found.items():
        workers = sum(share.topic == topic for share in shares)
        emit(
            SupervisorStarted(
                topic=topic,
                group=reading.settings.kafka.group,
                workers=workers,
                first_worker=first,
                partitions=reading.partitions,
                next_offsets=reading.starting_points(),
                until=reading.until,
            )
        )
        first += workers


def _opening(reading: TopicPlan) -> Opening:
    kafka = reading.settings.kafka
    ends = {partition: end for partition, (_, end) in reading.marks.items()}
    begins = reading.starting_points()
    return Opening(
        topic=kafka.topic,
        group=kafka.group,
        committed=reading.start,
        begins=begins,
        ends=ends,
        in_flight=_most_in_flight(reading.settings),
        topic_id=reading.plan.topic_id,
        reads_all=not reading.named_by,
    )


def _most_in_flight(settings: Config) -> int | None:
    """How many messages of a worker may be sent and not committed at once; None if that has no bound known here."""
    arizes = [route.config.arize for route in routes(settings) if route.deliver]
    texts = ((one.space_id, one.model_name, one.model_version, one.environment, one.batch_id) for one in arizes)
    if any(map(has_placeholders, itertools.chain.from_iterable(texts))):
        return None
    # The uploads on their way, and the acknowledged batches whose commit isn't confirmed: see commit, rule 5.
    return (2 * sum(one.in_flight for one in arizes) - 1) * settings.batch.max_events


def _accounts(
    found: Collection[TopicPlan], supervisor: Supervisor, keeper: AccountWriter, started: float, emit: Emit
) -> tuple[RunAccount, ...]:
    accounts = tuple(_account(reading, supervisor, keeper, started, emit) for reading in found)
    code = supervisor.exit_code
    if code is ExitCode.DONE:
        for reading, account in zip(found, accounts, strict=True):
            if short := _short(reading, account):
                where = f"partitions {formatting.partitions(short)} of {reading.topic}"
                emit(Notice(text=f"{where} are not committed up to their end; start again to go on"))
                code = ExitCode.DRAIN_DEADLINE
    return tuple(replace(account, exit_code=code) for account in accounts)


def _account(
    reading: TopicPlan, supervisor: Supervisor, keeper: AccountWriter, started: float, emit: Emit
) -> RunAccount:
    kafka, chosen = reading.settings.kafka, reading.partitions
    start = dict(reading.start)
    ledger = supervisor.ledgers[kafka.topic]
    end: Mapping[int, Checkpoint | None] | None = None
    marks: Mapping[int, tuple[int, int]] = {}
    try:
        if not reading.named_by:  # what was added at the very end is there, too, and nobody has read it
            chosen = tuple(sorted({*chosen, *metadata.topic_partitions(kafka)}))
            start |= dict.fromkeys(set(chosen) - set(start))
        marks = metadata.watermarks(kafka, chosen)
        end = metadata.committed_progress(kafka, chosen)
        keeper.found(kafka.topic, kafka.group, end, metadata.topic_id(kafka))
    except FatalError as error:
        emit(Notice(text=f"the account is taken from the workers' last words, as Kafka can't be asked: {error}"))
    if reading.until is not None:
        marks = {p: (marks.get(p, (0, 0))[0], reading.until.get(p, marks.get(p, (0, 0))[1])) for p in chosen}
    return RunAccount(
        topic=kafka.topic,
        group=kafka.group,
        exit_code=supervisor.exit_code,
        ran_s=time.monotonic() - started,
        crashes=supervisor.crashes[kafka.topic],
        exact=end is not None and not any(end[p] is None for p in ledger.confirmed()),
        partitions=ledger.settle(chosen, start, end, marks),
    )


def _short(reading: TopicPlan, account: RunAccount) -> list[int]:
    """The partitions that had an end to reach and are not committed up to it, if Kafka could be asked."""
    if reading.until is None or not account.exact:
        return []
    # A partition without a commit that starts at the latest message had nothing to read.
    skips = reading.settings.kafka.start == "latest"
    rows = [row for row in account.partitions if row.partition in reading.until]
    return [row.partition for row in rows if row.lag and not (row.next_offset is None and skips)]

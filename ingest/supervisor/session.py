"""One run of the supervisor, from the checks before it to the account after it.

1. The forkserver starts first, before any Kafka client: it forks, and a client doesn't survive that.
2. Faults of the partitions, the topics or the brokers end the run here, before a worker exists.
3. Commits that Kafka confirms are written to the account's files as they come, and the possible duplicates of a former
   run before the first worker starts. A run that ends by an exception writes no end: the next one recognizes that.
"""

import errno
import itertools
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from ingest.accounting.files import account_store
from ingest.accounting.run_account import RunAccount
from ingest.accounting.writer import AccountWriter, TopicStart
from ingest.config.checks import check_delivery
from ingest.config.resolve import TopicConfig
from ingest.config.settings import Config
from ingest.config.templates import has_placeholders
from ingest.errors import ConfigError
from ingest.events import Emit, Event, KafkaWarning, Notice, SupervisorStarted
from ingest.pipeline.dead_letters.directory import free_bytes, unusable
from ingest.pipeline.kafka import metadata
from ingest.pipeline.kafka.start_offset import ResumeFrom
from ingest.pipeline.offsets.checkpoint import MAX_METADATA_BYTES
from ingest.pipeline.offsets.committer import LESS_METADATA
from ingest.status import formatting
from ingest.status.web.actions import Action, DrainRun, PausePartition, RestartWorker
from ingest.status.web.service import StatusPage
from ingest.supervisor import backfill, partition_sets, process
from ingest.supervisor.ends import EndsOfTopics
from ingest.supervisor.final_accounts import final_accounts
from ingest.supervisor.growth import PartitionGrowth
from ingest.supervisor.oldest import OldestOfTopics
from ingest.supervisor.plan import TopicPlan, configured_topics, plan_topics
from ingest.supervisor.retention import TopicRetentions
from ingest.supervisor.signals import SignalQueue
from ingest.supervisor.state_places import announcements
from ingest.supervisor.supervisor import Supervisor
from ingest.time_range import TimeRange

GATHER_S = 0.2

_PASSING = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.ESTALE, errno.EAGAIN, errno.ETIMEDOUT})


def run(
    settings: Config,
    *,
    until_end: bool,
    emit: Emit,
    tick: Callable[[], None],
    resume_from: ResumeFrom | None = None,
    span: TimeRange | None = None,
    page: StatusPage | None = None,
) -> tuple[RunAccount, ...]:
    """Supervise the workers of `settings` until they are done or a stop is requested; only in the main thread.

    All events go to `emit`; `tick` is called at least twice a second, for screens. Returns an account for each topic,
    all of them with the exit code of the run. `resume_from` is where to go on with partitions whose committed offset
    Kafka no longer has, or whose offset belongs to a former topic of the same name. `span` is what a backfill delivers:
    the run ends by itself. `page` is served from the moment at which a thread may exist, and its actions are taken.
    Raises `ConfigError` for settings that can't work and `FatalError` if Kafka can't be reached or refuses.
    """
    check_delivery(settings)
    configured = configured_topics(settings)
    later = _check_directories(settings)
    process.start_forkserver()
    if page is not None:
        page.start(emit)
    started = time.monotonic()
    _announce_start(settings, later, emit)
    store = account_store(settings.account)
    found = plan_topics(
        configured,
        store,
        until_end=until_end,
        resume_from=resume_from,
        span=span,
        on_trouble=lambda text: emit(KafkaWarning(error=text)),
    )
    plans = {plan.topic: plan for plan in found}
    if settings.dead_letters.topic:
        metadata.check_topic(settings.kafka, settings.dead_letters.topic, "[dead_letters] topic")
    partitions = {topic: plan.partitions for topic, plan in plans.items()}
    assignments = partition_sets.assign(partitions, settings.supervisor.workers)

    def start_worker(worker: int, assignment: partition_sets.Assignment) -> process.Process:
        plan = plans[assignment.topic]
        start_plan = plan.start_plan_of(assignment.partitions, supervisor.ledgers[plan.topic].confirmed())
        until = plan.end_offsets_of(assignment.partitions)
        return process.Process(
            worker,
            assignment.partitions,
            plan.settings,
            until=until,
            plan=start_plan,
            paused=supervisor.paused(worker),
        )

    writer = AccountWriter(store, emit)
    writer.begin([_topic_start(plan) for plan in plans.values()])

    def emit_and_record(event: Event) -> None:
        emit(event)
        writer.take(event)

    def tick_all() -> None:
        growth.poll(time.monotonic())
        hanging = ends.poll(time.monotonic())
        if hanging and not supervisor.stopping:  # a second stop would kill the workers
            supervisor.stop(hanging)
        for action in page.requested() if page is not None else ():
            _act(supervisor, action)
        retentions.poll(time.monotonic())
        oldest.poll(time.monotonic())
        writer.tick()
        tick()

    ends_by_itself = until_end or span is not None
    for plan in plans.values():
        for text in (*_notices(plan, resume_from), *(backfill.notices(plan, span) if span is not None else ())):
            emit(Notice(text=text))
    _announce(plans, assignments, settings.supervisor.workers, emit_and_record)
    supervisor = Supervisor(
        assignments,
        start_worker,
        settings.supervisor,
        emit=emit_and_record,
        clock=time.monotonic,
        jitter=random.random,
        ends=ends_by_itself,
    )
    growth = PartitionGrowth(plans, supervisor, emit_and_record, time.monotonic())
    retentions = TopicRetentions([plan.settings.kafka for plan in found], emit, time.monotonic())
    limit_s = metadata.longest_transaction_s(settings.kafka) if ends_by_itself else None
    ends = EndsOfTopics(plans, supervisor.ledgers, emit_and_record, time.monotonic(), longest_transaction_s=limit_s)
    oldest = OldestOfTopics(plans, supervisor.ledgers, ends, emit_and_record, now=time.monotonic())
    loop(supervisor, tick_all)
    accounts = final_accounts(plans.values(), supervisor, writer, started, emit)
    writer.end()
    return accounts


def _announce_start(settings: Config, faults: Sequence[str], emit: Emit) -> None:
    """Emit where state lives, what is wrong there and may pass, and what Kafka is asked."""
    for announcement in announcements(settings):
        emit(announcement)
    for fault in faults:
        emit(Notice(text=f"{fault}; the run starts, and waits if there is a dead letter before there is room"))
    names = formatting.names("topic", [topic.kafka.topic for topic in settings.topics])
    emit(Notice(text=f"asking Kafka at {settings.kafka.brokers} about {names}"))


def _check_directories(settings: Config) -> list[str]:
    """The faults of the dead letters' directories that may pass, such as a full disk.

    Raises ConfigError for those that somebody must mend: found out by the first dead letter, the run would wait for it.
    """
    directories = dict.fromkeys(
        topic.dead_letters.directory for topic in settings.topics if not topic.dead_letters.topic
    )
    lasting: list[str] = []
    passing: list[str] = []
    for directory in directories:
        try:
            free_bytes(directory)
        except OSError as error:
            kind = passing if error.errno in _PASSING else lasting
            kind.append(unusable("dead_letters", directory, error))
    if lasting:
        raise ConfigError([*lasting, *passing])
    return passing


def loop(supervisor: Supervisor, tick: Callable[[], None]) -> None:
    """Run `supervisor` until it is done; `tick` is called after each step. Only in the main thread.

    A step costs more than an event: what workers send within `GATHER_S` is read in one. A signal and the end of a
    worker do not wait.
    """
    with SignalQueue() as signals:
        try:
            while not supervisor.done:
                for stop in signals.take():
                    supervisor.stop(stop.name)
                supervisor.step()
                tick()
                if not supervisor.done:
                    wait_s = supervisor.wait_s()
                    gather_s = min(GATHER_S, wait_s)
                    process.wait_for([*supervisor.sentinels(), signals.fileno()], gather_s)
                    process.wait_for([*supervisor.fds(), signals.fileno()], wait_s - gather_s)
        finally:
            supervisor.abandon()


def _act(supervisor: Supervisor, action: Action) -> None:
    """Do what somebody with the token has requested on the page."""
    match action:
        case DrainRun() if not supervisor.stopping:  # a second stop would kill the workers
            supervisor.stop("the status page")
        case RestartWorker(worker=worker):
            supervisor.restart(worker, "the status page")
        case PausePartition():
            by = f"the status page, asked from {action.client}"
            supervisor.set_paused(action.topic, action.partition, by, paused=action.pause)
        case _:
            pass


def _notices(plan: TopicPlan, resume_from: ResumeFrom | None) -> Iterator[str]:
    """Sentences that somebody must know before the topic is read."""
    if not plan.start_plan.topic_id:
        yield (
            f"topic {plan.topic}: Kafka reports no id of it (brokers before 2.8 have none), so ingest can't "
            "notice if it is deleted and created again with more messages"
        )
    if plan.start_plan.metadata_bytes < MAX_METADATA_BYTES:
        yield f"topic {plan.topic}: {LESS_METADATA}"
    if resume_from is not None and plan.resumed:
        where = {
            "account": "where the account has them",
            "earliest": "from the first message on",
            "latest": "at the end",
        }
        partitions = formatting.partitions(plan.resumed)
        yield f"--resume-from {resume_from}: partitions {partitions} of {plan.topic} go on {where[resume_from]}"
    elif resume_from is not None:
        yield f"--resume-from {resume_from} is not needed for {plan.topic}: Kafka has its offsets, and they are used"


def _announce(
    plans: Mapping[str, TopicPlan], assignments: Sequence[partition_sets.Assignment], configured: int, emit: Emit
) -> None:
    """Emit what is about to run, topic by topic."""
    if len(assignments) < configured:
        there = formatting.amount(sum(len(plan.partitions) for plan in plans.values()), "partition")
        text = f"{configured} workers are configured, but there are only {there}"
        emit(Notice(text=f"{text}: starting {formatting.amount(len(assignments), 'worker')}"))
    first = 0
    for topic, plan in plans.items():
        workers = sum(assignment.topic == topic for assignment in assignments)
        emit(
            SupervisorStarted(
                topic=topic,
                group=plan.settings.kafka.group,
                workers=workers,
                first_worker=first,
                partitions=plan.partitions,
                next_offsets=plan.start_offsets(),
                end_offsets=plan.end_offsets,
                stable_offsets={partition: end.stable_offset for partition, end in plan.ends.items()},
            )
        )
        first += workers


def _topic_start(plan: TopicPlan) -> TopicStart:
    kafka = plan.settings.kafka
    ends = {partition: end for partition, (_, end) in plan.watermarks.items()}
    begins = plan.start_offsets()
    return TopicStart(
        topic=kafka.topic,
        group=kafka.group,
        committed=plan.committed,
        begins=begins,
        ends=ends,
        in_flight=_most_in_flight(plan.settings),
        topic_id=plan.start_plan.topic_id,
        reads_all=not plan.named_by,
    )


def _most_in_flight(topic: TopicConfig) -> int | None:
    """The most messages of a worker that may be sent and not committed; None if this has no known bound."""
    arizes = [route.arize for route in topic.routes if route.deliver]
    texts = ((one.space_id, one.model_name, one.model_version, one.environment, one.batch_id) for one in arizes)
    if any(map(has_placeholders, itertools.chain.from_iterable(texts))):
        return None
    # The uploads in flight, and the acknowledged batches whose commit isn't confirmed: rule 5 of offsets.committer.
    return (2 * sum(one.in_flight for one in arizes) - 1) * topic.batch.max_events

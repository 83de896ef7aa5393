"""The accounts at the end of a run, and its exit code.

Rules
1. The account compares what Kafka has committed at the start with what it has at the end. The commits are asked for
   before the ends.
2. A run that had an end and did not commit up to it is not done, even if its workers exited with 0.
3. Nor is it if all messages of a topic have become dead letters: they are written and committed, and the exit code is
   TOO_MANY_DEAD.
4. Each topic has an account of its own, and the run has one exit code.
"""

import time
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import NamedTuple

from ingest.accounting.run_account import RunAccount
from ingest.accounting.writer import AccountWriter
from ingest.errors import ExitCode, FatalError
from ingest.events import Emit, ForeignCommit, Notice
from ingest.pipeline.kafka import first_contact, metadata
from ingest.pipeline.kafka.end_offsets import partition_ends
from ingest.pipeline.kafka.first_contact import RUN_PATIENCE_S
from ingest.pipeline.offsets.checkpoint import Checkpoint
from ingest.records import PartitionEnd
from ingest.status import formatting
from ingest.supervisor.ledger import Bounds
from ingest.supervisor.plan import TopicPlan
from ingest.supervisor.supervisor import Supervisor

_NOTHING = (
    "See why with ingest check or ingest dead-letters list, correct [schema] or the producer, then deliver them with "
    "ingest dead-letters replay"
)


def final_accounts(
    plans: Collection[TopicPlan], supervisor: Supervisor, writer: AccountWriter, started: float, emit: Emit
) -> tuple[RunAccount, ...]:
    """The account of each topic, in the order of `plans`; all of them have the exit code of the run.

    `started` is the monotonic second at which the run began. Waits for Kafka, for at most the patience of a run.
    """
    accounts = tuple(_account(plan, supervisor, writer, started, emit) for plan in plans)
    found = [
        Found(plan, account, supervisor.ledgers[plan.topic].only_tombstones)
        for plan, account in zip(plans, accounts, strict=True)
    ]
    code = exit_code(supervisor.exit_code, found, emit)
    return tuple(replace(account, exit_code=code) for account in accounts)


class Found(NamedTuple):
    """A topic at the end of a run. `only_tombstones`: its dead letters, if it has any, are messages without a value."""

    plan: TopicPlan
    account: RunAccount
    only_tombstones: bool


def exit_code(code: ExitCode, found: Collection[Found], emit: Emit) -> ExitCode:
    """The exit code of the run whose supervisor ended with `code`: rules 2 and 3. Why it is another one is emitted."""
    if code is not ExitCode.DONE:
        return code
    for plan, account, _ in found:
        if unfinished := _unfinished(plan, account):
            where = f"partitions {formatting.partitions(unfinished)} of {plan.topic}"
            held_back = sum(row.held_back or 0 for row in account.partitions)
            behind = f" ({formatting.amount(held_back, 'offset')} behind open transactions)" if held_back else ""
            emit(Notice(text=f"{where} are not committed up to their end{behind}; start again to go on"))
            code = ExitCode.DRAIN_DEADLINE
    if code is not ExitCode.DONE:
        return code
    for plan, account, only_tombstones in found:
        if plan.end_offsets is not None and account.delivered_nothing and not only_tombstones:
            dead = formatting.amount(account.totals.counts.dead_lettered, "message")
            emit(Notice(text=f"nothing of {plan.topic} was delivered: all {dead} became dead letters. {_NOTHING}"))
            code = ExitCode.TOO_MANY_DEAD
    return code


def _account(plan: TopicPlan, supervisor: Supervisor, writer: AccountWriter, started: float, emit: Emit) -> RunAccount:
    kafka, partitions = plan.settings.kafka, plan.partitions
    start = dict(plan.committed)
    ledger = supervisor.ledgers[kafka.topic]
    end: Mapping[int, Checkpoint | None] | None = None
    lows: Mapping[int, int] = {}
    ends: Mapping[int, PartitionEnd] = {}
    try:
        if not plan.named_by:  # partitions that were added at the very end have a lag, and nobody has read them
            partitions = tuple(sorted({*partitions, *first_contact.topic_partitions(kafka, patience_s=RUN_PATIENCE_S)}))
            start |= dict.fromkeys(set(partitions) - set(start))
        end = metadata.committed_progress(kafka, partitions)
        writer.committed_at_end(kafka.topic, kafka.group, end, metadata.topic_id(kafka))
        lows = {partition: low for partition, (low, _) in metadata.watermarks(kafka, partitions).items()}
        for partition, found in plan.ranges.items():  # what lies below the range is no lag of it
            lows = {**lows, partition: max(lows[partition], found.first)}
        ends = partition_ends(kafka, partitions)
    except FatalError as error:
        missing = (
            "the account has the workers' last reports" if end is None else "the account lacks the partitions' ends"
        )
        emit(Notice(text=f"Kafka can't be asked, so {missing}: {error}"))
    foreign = {} if end is None else ledger.foreign_commits(end)
    if foreign:
        committed = {partition: ledger.confirmed()[partition] for partition in foreign}
        emit(ForeignCommit(topic=kafka.topic, group=kafka.group, committed=committed, found=foreign))
    return RunAccount(
        topic=kafka.topic,
        group=kafka.group,
        exit_code=supervisor.exit_code,
        ran_s=time.monotonic() - started,
        crashes=supervisor.crashes[kafka.topic],
        exact=end is not None and not foreign and not ledger.without_counts(end),
        partitions=ledger.settle(partitions, start, end, Bounds(lows, ends, plan.end_offsets or {})),
    )


def _unfinished(plan: TopicPlan, account: RunAccount) -> list[int]:
    """The partitions that had an end and are not committed up to it, if Kafka could be asked."""
    if plan.end_offsets is None or not account.exact:
        return []
    # A partition without a commit that starts at the latest message had nothing to read.
    skips = plan.settings.kafka.start == "latest"
    rows = [row for row in account.partitions if row.partition in plan.end_offsets]
    return [row.partition for row in rows if row.lag and not (row.next_offset is None and skips)]

"""Watches the topics of a run for partitions that are added to them.

Rules
1. Each topic is asked for every `EVERY_S`; after an answer that fails it is asked for again at the next time.
2. A new partition is read from its first message, by the worker of its topic with the fewest partitions, if the whole
   topic is to be read and the run has no end. Otherwise an event reports that it is not read here, and what to do.
3. A topic with another id, or that is gone, is left to the workers: each of them notices it and halts.
4. The workers are told how many partitions, from 0 on, have a confirmed commit, and write it into their commits. So the
   next run knows that a partition without a commit was added since, even if any process is killed before the start of
   the partition is committed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from ingest.events import Emit, PartitionsNotRead
from ingest.pipeline.kafka.topic_watch import TopicWatch
from ingest.records import TopicShape
from ingest.supervisor.ledger import Ledger
from ingest.supervisor.plan import TopicPlan

EVERY_S = 5.0
_CONFIRM_S = 0.5

_NO_WORKER = "the workers of this topic have ended; start again to read them"
_RUN_ENDS = "the run ends where the topic ended when it began; start again to read them"

_BACKFILL = "a backfill reads the partitions that the topic had when it began; start it again to read them"


class Workers(Protocol):
    """The workers of a run, as `ingest.supervisor.supervisor.Supervisor` has them."""

    @property
    def ledgers(self) -> Mapping[str, Ledger]:
        """By topic."""
        ...

    def add(self, topic: str, partitions: Sequence[int]) -> list[int]:
        """Assign partitions of a topic to its workers; returns those that no worker can take."""
        ...

    def confirmed(self, topic: str, partitions: int) -> None:
        """Tell the workers of a topic how many of its partitions, from 0 on, have a confirmed commit."""
        ...


class PartitionGrowth:
    """Keeps `plans` (by topic) up to date. Times are monotonic seconds."""

    def __init__(
        self,
        plans: dict[str, TopicPlan],
        workers: Workers,
        emit: Emit,
        now: float,
        watches: Mapping[str, TopicWatch] | None = None,
    ) -> None:
        self._plans = plans
        self._workers = workers
        self._emit = emit
        self._ask_at = now + EVERY_S
        self._confirm_at = now
        self._watches = watches or {topic: TopicWatch(plan.settings.kafka) for topic, plan in plans.items()}
        # How many partitions were seen: an added one is assigned or reported once.
        self._seen = {topic: plan.existing for topic, plan in plans.items()}

    def poll(self, now: float) -> None:
        """Take the answers, and ask if it is time. Never blocks."""
        for topic, watch in self._watches.items():
            answer = watch.take_answer()
            if isinstance(answer, TopicShape):
                self._compare(topic, answer)
            if now >= self._ask_at and not watch.asking:
                watch.ask()
        if now >= self._ask_at:
            self._ask_at = now + EVERY_S
        if now >= self._confirm_at:
            self._confirm_at = now + _CONFIRM_S
            for topic, plan in self._plans.items():
                if plan.start_plan.topic_partitions < plan.existing:
                    self._confirm(topic, plan)

    def _confirm(self, topic: str, plan: TopicPlan) -> None:
        """Rule 4."""
        partitions = plan.confirmed_partitions(self._workers.ledgers[topic].confirmed())
        if partitions > plan.start_plan.topic_partitions:
            self._plans[topic] = replace(plan, start_plan=replace(plan.start_plan, topic_partitions=partitions))
            self._workers.confirmed(topic, partitions)

    def _compare(self, topic: str, shape: TopicShape) -> None:
        plan = self._plans[topic]
        if plan.start_plan.topic_id and shape.topic_id != plan.start_plan.topic_id:
            return
        added = tuple(partition for partition in shape.partitions if partition >= self._seen[topic])
        if not added:
            return
        self._seen[topic] = len(shape.partitions)
        reason = ""
        if plan.ranges:
            reason = _BACKFILL
        elif plan.named_by:
            reason = f"{plan.named_by} names others; to read them, name them or all, and start again"
        elif plan.end_offsets is not None:
            reason = _RUN_ENDS
        else:
            self._plans[topic] = plan.with_added(added, shape)
            if not_taken := self._workers.add(topic, added):
                added, reason = tuple(not_taken), _NO_WORKER
        if reason:
            self._emit(PartitionsNotRead(topic=topic, partitions=added, reason=reason))

"""Watches the topics of a run for partitions that are added to them.

Rules
1. Each topic is asked about every `EVERY_S`; an answer that fails is asked for again at the next time.
2. A new partition is read from its first message, by the worker of its topic with the fewest, if all of the topic is to
   be read and the run has no end to reach. Otherwise one line says that it is not read here, and what to do.
3. A topic with another id, or that is gone, is not this module's business: each worker finds out by itself, and halts.
4. The workers are told how many partitions, from 0 on, have a confirmed commit, and their commits say it: so the next
   run knows that a later one without a commit was added since, whatever is killed before its start is committed.
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

_NOBODY = "the workers of this topic have ended; start again to read them"
_UNTIL_END = "the run ends where the topic ended when it began; start again to read them"


class Team(Protocol):
    """What it asks of the supervisor."""

    @property
    def ledgers(self) -> Mapping[str, Ledger]:
        """By topic."""
        ...

    def add(self, topic: str, partitions: Sequence[int]) -> list[int]:
        """Give partitions of a topic to its workers; returns those that nobody can take."""
        ...

    def confirmed(self, topic: str, partitions: int) -> None:
        """Tell the workers of a topic how many of its partitions, from 0 on, have a confirmed commit."""
        ...


class Growth:
    """Keeps `found` (topic -> what is read of it) up to date. Times are monotonic seconds."""

    def __init__(
        self,
        found: dict[str, TopicPlan],
        team: Team,
        emit: Emit,
        now: float,
        watches: Mapping[str, TopicWatch] | None = None,
    ) -> None:
        self._found = found
        self._team = team
        self._emit = emit
        self._next_at = now + EVERY_S
        self._confirm_at = now
        self._watches = watches or {topic: TopicWatch(one.settings.kafka) for topic, one in found.items()}
        # Partitions that were seen: each is told of once.
        self._seen = {topic: one.existing for topic, one in found.items()}

    def turn(self, now: float) -> None:
        """Take the answers, ask if it is time. Never blocks."""
        for topic, watch in self._watches.items():
            answer = watch.take_answer()
            if isinstance(answer, TopicShape):
                self._look(topic, answer)
            if now >= self._next_at and not watch.asking:
                watch.ask()
        if now >= self._next_at:
            self._next_at = now + EVERY_S
        if now >= self._confirm_at:
            self._confirm_at = now + _CONFIRM_S
            for topic, reading in self._found.items():
                if reading.plan.topic_partitions < reading.existing:
                    self._confirm(topic, reading)

    def _confirm(self, topic: str, reading: TopicPlan) -> None:
        """Rule 4."""
        partitions = reading.confirmed(self._team.ledgers[topic].confirmed())
        if partitions > reading.plan.topic_partitions:
            self._found[topic] = replace(reading, plan=replace(reading.plan, topic_partitions=partitions))
            self._team.confirmed(topic, partitions)

    def _look(self, topic: str, shape: TopicShape) -> None:
        reading = self._found[topic]
        if reading.plan.topic_id and shape.topic_id != reading.plan.topic_id:
            return
        new = tuple(partition for partition in shape.partitions if partition >= self._seen[topic])
        if not new:
            return
        self._seen[topic] = len(shape.partitions)
        why = ""
        if reading.named_by:
            why = f"{reading.named_by} names others; to read them, name them or all, and start again"
        elif reading.until is not None:
            why = _UNTIL_END
        else:
            self._found[topic] = reading.grown(new, shape)
            if left := self._team.add(topic, new):
                new, why = tuple(left), _NOBODY
        if why:
            self._emit(PartitionsNotRead(topic=topic, partitions=new, reason=why))

"""Finds how old the oldest message is of partitions with a lag that no worker reads: starting, paused, hung, given up.

Rules
1. A worker reports it of what it reads. Only if no report tells it of the committed offset, in two looks `LOOK_S`
   apart, Kafka is asked: not more than once in `EVERY_S` for a topic, for `MOST` partitions, in turn.
2. What was found holds while the committed offset stays, so it is not asked again.
3. Where reading begins must be known: a partition without a commit is asked about only if it starts at the earliest
   message.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ingest.events import Emit, OldestMessages
from ingest.pipeline.kafka.oldest_watch import OldestWatch
from ingest.supervisor.ends import EndsOfTopics
from ingest.supervisor.ledger import Ledger
from ingest.supervisor.plan import TopicPlan

LOOK_S = 5.0
EVERY_S = 30.0
MOST = 16


@dataclass(slots=True)
class _Topic:
    """One topic: what was unknown at the last look, what was found, and when each partition was asked about."""

    watch: OldestWatch
    unknown: dict[int, int] = field(default_factory=dict)
    found: dict[int, int] = field(default_factory=dict)  # the committed offset whose message's time is known
    asked_at: dict[int, float] = field(default_factory=dict)
    ask_at: float = float("-inf")


class OldestOfTopics:
    """The oldest messages of all topics of a run. Times are monotonic seconds."""

    def __init__(
        self,
        plans: Mapping[str, TopicPlan],
        ledgers: Mapping[str, Ledger],
        ends: EndsOfTopics,
        emit: Emit,
        *,
        now: float,
        watches: Mapping[str, OldestWatch] | None = None,
    ) -> None:
        self._plans = plans
        self._ledgers = ledgers
        self._ends = ends
        self._emit = emit
        self._look_at = now + LOOK_S
        self._topics = {
            name: _Topic(watches[name] if watches is not None else OldestWatch(plan.settings.kafka))
            for name, plan in plans.items()
        }

    def poll(self, now: float) -> None:
        """Take the answers, and ask if it is needed and time. Never blocks."""
        for name, topic in self._topics.items():
            answer = topic.watch.take_answer()
            if answer:
                topic.found |= {partition: offset for partition, (offset, _) in answer.items()}
                self._emit(
                    OldestMessages(
                        topic=name,
                        next_offsets={partition: offset for partition, (offset, _) in answer.items()},
                        timestamps_ms={partition: ms for partition, (_, ms) in answer.items()},
                    )
                )
        if now < self._look_at:
            return
        self._look_at = now + LOOK_S
        for name, topic in self._topics.items():
            before, topic.unknown = topic.unknown, dict(self._unknown(name, topic))
            lasting = [p for p, offset in topic.unknown.items() if before.get(p) == offset]
            if lasting and now >= topic.ask_at and not topic.watch.asking:
                topic.ask_at = now + EVERY_S
                longest = sorted(lasting, key=lambda partition: topic.asked_at.get(partition, float("-inf")))[:MOST]
                topic.asked_at |= dict.fromkeys(longest, now)
                topic.watch.ask({partition: topic.unknown[partition] for partition in longest})

    def _unknown(self, name: str, topic: _Topic) -> Iterable[tuple[int, int]]:
        ledger, plan = self._ledgers[name], self._plans[name]
        confirmed = ledger.confirmed()
        from_earliest = plan.settings.kafka.start == "earliest"
        for partition, next_offset in self._ends.behind(name):
            begins = partition in confirmed or from_earliest or plan.committed.get(partition) is not None
            if begins and topic.found.get(partition) != next_offset and not ledger.oldest_known(partition, next_offset):
                yield partition, next_offset

"""Asks repeatedly where the partitions of a run end, and whether open transactions hold messages back.

Rules
1. Each topic is asked every `EVERY_S`, all of its partitions that the run reads: a worker that is paused, hung or given
   up learns no end.
2. How long a transaction is open nobody can be asked with this client. So the time counts from when this run first saw
   the last stable offset where it stands: the transaction may be older, never younger.
3. Messages that are held back for over `STANDS_S` are reported, once every `REPEAT_S` for a topic.
4. A run that has an end waits for the transactions that were open when it began, as their messages are below its end.
   The broker aborts a transaction after the timeout of its producer, which may be `longest_transaction_s` at most. One
   that stands still for `MARGIN_S` more is hanging (KIP-664): when all that is left of the run is behind such
   transactions, the run is to be stopped.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ingest.events import Emit, PartitionEnds, TransactionOpen
from ingest.pipeline.kafka.end_offsets import EndWatch
from ingest.records import PartitionEnd
from ingest.status import formatting
from ingest.supervisor.ledger import Ledger
from ingest.supervisor.plan import TopicPlan

EVERY_S = 5.0
STANDS_S = 60.0
REPEAT_S = 300.0
MARGIN_S = 60.0  # the coordinator looks for timeouts every 10 s, and must then reach all partitions


@dataclass(slots=True)
class _Topic:
    """One topic: the ends as answered last, and since when (monotonic) each last stable offset is known to stand."""

    watch: EndWatch
    ends: dict[int, PartitionEnd] = field(default_factory=dict)
    since: dict[int, float] = field(default_factory=dict)
    reported_at: float = float("-inf")


class EndsOfTopics:
    """The ends of all topics of a run. Times are monotonic seconds; `longest_transaction_s` is None without an end."""

    def __init__(
        self,
        plans: Mapping[str, TopicPlan],
        ledgers: Mapping[str, Ledger],
        emit: Emit,
        now: float,
        *,
        longest_transaction_s: float | None = None,
        watches: Mapping[str, EndWatch] | None = None,
    ) -> None:
        self._plans = plans
        self._ledgers = ledgers
        self._emit = emit
        self._ask_at = now
        self._limit_s = None if longest_transaction_s is None else longest_transaction_s + MARGIN_S
        self._topics = {
            topic: _Topic(watches[topic] if watches is not None else EndWatch(plan.settings.kafka))
            for topic, plan in plans.items()
        }

    def poll(self, now: float) -> str:
        """Take the answers, and ask if it is time. Never blocks. Returns why the run is to be stopped, once; or ""."""
        answered = False
        for name, topic in self._topics.items():
            answer = topic.watch.take_answer()
            if answer:
                self._take(name, topic, answer, now)
                answered = True
            if now >= self._ask_at and not topic.watch.asking:
                topic.watch.ask(self._plans[name].partitions)
        if now >= self._ask_at:
            self._ask_at = now + EVERY_S
        return self._hanging(now) if answered else ""

    def behind(self, name: str) -> Iterator[tuple[int, int]]:
        """The partitions of a topic that are known not to be committed up to their end, and up to where they are."""
        plan, confirmed = self._plans[name], self._ledgers[name].confirmed()
        starts = plan.start_offsets()
        for partition, end in self._topics[name].ends.items():
            next_offset = max(confirmed.get(partition, 0), starts.get(partition, 0))
            if next_offset < end.end_offset and (partition in confirmed or partition in starts):
                yield partition, next_offset

    def _take(self, name: str, topic: _Topic, answer: Mapping[int, PartitionEnd], now: float) -> None:
        for partition, end in answer.items():
            before = topic.ends.get(partition)
            if end.end_offset <= end.stable_offset:
                topic.since.pop(partition, None)
            elif before is None or before.stable_offset != end.stable_offset or partition not in topic.since:
                topic.since[partition] = now
        topic.ends.update(answer)
        self._emit(
            PartitionEnds(
                topic=name,
                end_offsets={partition: end.end_offset for partition, end in answer.items()},
                stable_offsets={partition: end.stable_offset for partition, end in answer.items()},
                held_back_s={partition: now - since for partition, since in topic.since.items() if partition in answer},
            )
        )
        self._report(name, topic, now)

    def _report(self, name: str, topic: _Topic, now: float) -> None:
        late = sorted((since, partition) for partition, since in topic.since.items() if now - since >= STANDS_S)
        if not late or now - topic.reported_at < REPEAT_S:
            return
        topic.reported_at = now
        (since, partition), *others = late
        end = topic.ends[partition]
        self._emit(
            TransactionOpen(
                topic=name,
                partition=partition,
                stable_offset=end.stable_offset,
                held_back=end.held_back(end.stable_offset),
                held_back_s=now - since,
                other_partitions=tuple(sorted(other for _, other in others)),
            )
        )

    def _hanging(self, now: float) -> str:
        """Rule 4."""
        if self._limit_s is None:
            return ""
        waiting: list[str] = []
        for name, topic in self._topics.items():
            for partition, next_offset in self._unfinished(name):
                end, since = topic.ends.get(partition), topic.since.get(partition)
                hangs = end is not None and since is not None and now - since >= self._limit_s
                if end is None or not hangs or next_offset < end.stable_offset:
                    return ""
                waiting.append(f"{name} partition {partition} at offset {end.stable_offset}")
        if not waiting:
            return ""
        limit, self._limit_s = self._limit_s, None
        more = f" and {len(waiting) - 1:,} more" if len(waiting) > 1 else ""
        return (
            f"a transaction is open for over {formatting.seconds(limit)}, longer than the brokers allow, at "
            f"{waiting[0]}{more}: see kafka-transactions find-hanging"
        )

    def _unfinished(self, name: str) -> Iterator[tuple[int, int]]:
        """The partitions that are not committed up to the end of the run, and up to where they are."""
        plan, confirmed = self._plans[name], self._ledgers[name].confirmed()
        starts = plan.start_offsets()
        for partition, until in (plan.end_offsets or {}).items():
            next_offset = max(confirmed.get(partition, 0), starts.get(partition, 0))
            if next_offset < until:
                yield partition, next_offset

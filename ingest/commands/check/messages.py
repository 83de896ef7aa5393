"""Checks a sample of a topic's newest messages: what would a worker deliver, and what would become of the others?

Rules
1. The sample is judged as a worker judges it: routed, decoded and validated by the same code, in the order of arrival.
   Nothing is sent, written or committed, and no group is joined: it takes the right to READ the topic.
2. It fails if no message can be delivered, or if a worker would stop (`dead_letters.limit`); any dead letter is a
   warning. Messages that are filtered, or passed over as tombstones, are not judged. A sample of nothing but tombstones
   that would be dead letters is a warning, too: they are no predictions (`dead_letters.limit`, rule 6).
3. A name in the configuration that no message has is a warning with the names that look like it.
4. At most `SAMPLE` messages, `_MOST_BYTES` and `_WITHIN_S`: a large topic takes no longer than a small one.
"""

import time
from collections import Counter
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ingest.commands.check.names import NamesSeen, Unseen, unseen_conditions
from ingest.commands.check.result import CheckResult, failed, ok, unchecked, warning
from ingest.commands.schema.sample import read_sample
from ingest.config.resolve import TopicConfig
from ingest.errors import ConfigError, ExitCode, FatalError
from ingest.pipeline.dead_letters.limit import DeadLetterLimit
from ingest.pipeline.decoding.result import Decoded
from ingest.pipeline.rows import RowProcessors
from ingest.reasons import TOMBSTONE
from ingest.records import KafkaMessage
from ingest.status import formatting

SAMPLE = 1_000
_MOST_BYTES = 32 * 2**20
_WITHIN_S = 10.0
_MOST_REASONS = 5
_MOST_NAMES = 20
_MISSING = frozenset({"missing_column", "no_prediction", "no_actual", "no_id", "incomplete_prediction"})


@dataclass(slots=True)
class Verdict:
    """What a worker would make of `sampled` messages.

    `dead` counts the dead letters by reason, `examples` has the first of each. `of_route` has the messages of each
    route that is delivered. `exceeded` is why a worker would stop, "" if it would not.
    """

    sampled: int
    deliverable: int = 0
    filtered: int = 0
    tombstones: int = 0
    exceeded: str = ""
    dead: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    of_route: dict[int, Sequence[KafkaMessage]] = field(default_factory=dict)

    @property
    def judged(self) -> int:
        """The messages that are to be delivered."""
        return self.deliverable + self.dead.total()


def check_messages(
    settings: TopicConfig, bounds: Mapping[int, tuple[int, int]]
) -> Generator[CheckResult, None, int | None]:
    """Check the newest messages of the partitions with these `bounds` (low watermark, end offset).

    Returns the bytes of a message on average, None if none was read.
    """
    topic = settings.kafka.topic
    if not any(low < end for low, end in bounds.values()):
        yield unchecked("messages", "the partitions are empty: there is nothing to judge", topic)
        return None
    try:
        sample = read_sample(
            settings.kafka,
            tuple(bounds),
            SAMPLE,
            lambda _: None,
            purpose="",  # a group of its own would need a right of its own
            most_bytes=_MOST_BYTES,
            within_s=_WITHIN_S,
        )
        if not sample.messages:
            yield unchecked("messages", f"no message came within {_WITHIN_S:g} s", topic)
            return None
        verdict = judge(settings, sample.messages)
    except ConfigError as wrong:
        yield failed("messages", str(wrong), ExitCode.CONFIGURATION, topic)
        return None
    except FatalError as refused:
        yield unchecked("messages", str(refused), topic)
        return None
    names = unseen(settings, verdict, sample.messages)
    yield result(verdict, names, topic)
    yield from _columns(verdict, names, topic)
    return sum(len(message.value() or b"") for message in sample.messages) // len(sample.messages)


def judge(settings: TopicConfig, messages: Sequence[KafkaMessage]) -> Verdict:
    """Judge `messages` as a worker does. Raises ConfigError when the configuration can't be applied."""
    processors = RowProcessors(settings, time.time)
    found = Verdict(len(messages))
    deliverable, dead = (np.zeros(len(messages), dtype=np.bool_) for _ in range(2))
    size = settings.batch.chunk_events
    for first in range(0, len(messages), size):
        for decoded in _judge_chunk(processors, messages[first : first + size], found):
            deliverable[first + decoded.accepted] = True
            for rejected in decoded.rejected:
                tombstone = rejected.reason.code == TOMBSTONE
                if tombstone and settings.schema.tombstones == "ignore":
                    found.tombstones += 1
                    continue
                index = first + rejected.index
                dead[index] = not tombstone
                message, reason = messages[index], rejected.reason
                found.dead[reason.code] += 1
                place = f"partition {message.partition()} offset {message.offset()}"
                found.examples.setdefault(reason.code, f"{place}: {reason.detail}")
    limits = settings.dead_letters
    limit = DeadLetterLimit(limits.max_share, limits.window_events, limits.max_consecutive)
    found.exceeded = limit.add(dead[deliverable | dead], found.deliverable) or ""
    return found


def _judge_chunk(processors: RowProcessors, messages: Sequence[KafkaMessage], found: Verdict) -> Iterator[Decoded]:
    routed = processors.route(messages)
    for route in np.unique(routed.routes).tolist():
        own = np.flatnonzero(routed.routes == route)
        if route < len(processors.routes):
            if not processors.routes[route].deliver:
                found.filtered += len(own)
                continue
            found.of_route[route] = [*found.of_route.get(route, ()), *(messages[index] for index in own.tolist())]
        for processed in processors.process(route, routed, messages, own):
            found.deliverable += processed.decoded.table.num_rows
            yield processed.decoded


def unseen(settings: TopicConfig, verdict: Verdict, messages: Sequence[KafkaMessage]) -> list[Unseen]:
    """The configured names that the messages they are meant for don't have, each once."""
    now = time.time()
    found = dict.fromkeys(unseen_conditions(settings.routes, messages, now))
    lacking = not verdict.dead.keys().isdisjoint(_MISSING)
    for route, own in verdict.of_route.items():
        seen = NamesSeen(settings.routes[route], own, now)
        found |= dict.fromkeys(seen.unseen(required=lacking, predictions="no_prediction" in verdict.dead))
    return list(found)


def result(verdict: Verdict, names: Sequence[Unseen], topic: str) -> CheckResult:
    """The check of the messages themselves."""
    judged, dead = verdict.judged, verdict.dead.total()
    if not judged:
        text = f"all {formatting.amount(verdict.sampled, 'sampled message')} would be filtered or passed over"
        return warning("messages", f"{text}: nothing would be sent", topic)
    reasons = _reasons(verdict)
    if judged == verdict.dead[TOMBSTONE]:
        text = f"{formatting.amount(judged, 'sampled message')} would be dead letters, and there is no prediction"
        return warning("messages", f"{text} among them: {reasons}", topic)
    if not verdict.deliverable:
        looks = "".join(f"; {name.text('them')}" for name in names[:_MOST_REASONS])
        text = f"of {formatting.amount(judged, 'sampled message')} none could be delivered: {reasons}{looks}"
        return failed("messages", text, ExitCode.TOO_MANY_DEAD, topic)
    share = f"{formatting.count(dead)} of {formatting.amount(judged, 'sampled message')}"
    if verdict.exceeded:
        text = (
            f"a worker would stop: no row can be made of {verdict.exceeded}. {share} would be dead letters: {reasons}"
        )
        return failed("messages", text, ExitCode.TOO_MANY_DEAD, topic)
    if dead:
        return warning("messages", f"{share} would be dead letters: {reasons}", topic)
    return ok("messages", f"all {formatting.amount(judged, 'sampled message')} can become rows", topic)


def _reasons(verdict: Verdict) -> str:
    listed = [
        f"{code} {formatting.count(number)} ({verdict.examples[code]})"
        for code, number in verdict.dead.most_common(_MOST_REASONS)
    ]
    more = len(verdict.dead) - len(listed)
    return ", ".join(listed) + (f" and {formatting.amount(more, 'other reason')}" if more > 0 else "")


def _columns(verdict: Verdict, names: Sequence[Unseen], topic: str) -> Iterator[CheckResult]:
    sampled = formatting.amount(verdict.sampled, "sampled message")
    for name in names[:_MOST_NAMES]:
        yield warning("columns", name.text(sampled), topic)
    if (more := len(names) - _MOST_NAMES) > 0:
        yield warning("columns", f"{formatting.amount(more, 'other name')} in [schema] are in none of {sampled}", topic)
    if not names:
        yield ok("columns", f"every name that the configuration sets is in at least one of {sampled}", topic)

"""One worker's guard over its topic: within the worker's loop, it asks the cluster what `topic_identity` must know."""

import time
from collections.abc import Callable

from ingest.config.sections import Kafka
from ingest.pipeline.kafka.start_offset import StartPlan
from ingest.pipeline.kafka.topic_identity import GONE_S, NoAnswer, NoTopic, TopicIdentity, deleted, recreated
from ingest.pipeline.kafka.topic_watch import TopicWatch

_RETRY_S = 0.5


class TopicGuard:
    """Allows commits only for the topic that the run began with. Times are monotonic seconds.

    `on_answer` is called on another thread when `poll` has an answer to take.
    """

    def __init__(self, kafka: Kafka, plan: StartPlan, now: float, on_answer: Callable[[], None]) -> None:
        self._identity = TopicIdentity(kafka, plan.topic_id, now)
        self._watch = TopicWatch(kafka, on_answer)

    @property
    def proved(self) -> bool:
        """The checkpoints that were prepared before the last `require_proof` may be committed."""
        return self._identity.proved

    @property
    def trouble(self) -> str:
        """Why nothing can be proved now; "" if no fault is known."""
        return self._identity.trouble

    def require_proof(self, now: float) -> None:
        """A commit needs a proof from now on."""
        self._identity.require_proof(now)

    def poll(self, now: float) -> None:
        """Take the answer; ask if it is time. Raises FatalError (exit code EXPIRED) if the topic is another or gone."""
        answer = self._watch.take_answer()
        if answer is not None:
            self._identity.handle_answer(answer, now)
        if not self._watch.asking and self._identity.due(now):
            self._watch.ask()


def explain_refusal(kafka: Kafka, plan: StartPlan) -> None:
    """Kafka has refused the topic at a start: raises FatalError (exit code EXPIRED) if it is gone or another one.

    Asks for GONE_S before it calls a topic gone: a broker that has just started may not know it yet.
    """
    watch = TopicWatch(kafka)
    deadline = time.monotonic() + GONE_S
    while isinstance(answer := watch.describe(), NoTopic):
        if time.monotonic() >= deadline:
            raise deleted(kafka)
        time.sleep(_RETRY_S)
    if not isinstance(answer, NoAnswer) and plan.topic_id and answer.topic_id not in {"", plan.topic_id}:
        raise recreated(kafka, plan.topic_id, answer.topic_id)

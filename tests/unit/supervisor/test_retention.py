"""For how long Kafka keeps messages is asked again, and sooner when there was no answer."""

from ingest.config.sections import Kafka
from ingest.events import Event, TopicRetention
from ingest.pipeline.kafka.retention_watch import Retention, RetentionWatch, UnknownRetention
from ingest.supervisor.retention import AGAIN_S, EVERY_S, TopicRetentions


class Watch(RetentionWatch):
    def __init__(self) -> None:
        super().__init__(Kafka(topic="rides"))
        self.asked = 0
        self.answer: Retention | UnknownRetention | None = None

    @property
    def asking(self) -> bool:
        return False

    def ask(self) -> None:
        self.asked += 1

    def take_answer(self) -> Retention | UnknownRetention | None:
        answer, self.answer = self.answer, None
        return answer


def test_it_is_asked_every_few_minutes_and_sooner_without_an_answer() -> None:
    emitted: list[Event] = []
    watch = Watch()
    retentions = TopicRetentions([], emitted.append, 0.0, {"rides": watch})
    retentions.poll(0.0)
    retentions.poll(1.0)
    assert watch.asked == 1
    watch.answer = UnknownRetention()
    retentions.poll(2.0)
    assert emitted == [TopicRetention(topic="rides", retention_s=None, known=False)]
    retentions.poll(2.0 + AGAIN_S)
    assert watch.asked == 2
    watch.answer = Retention(60.0, by_size=True)
    retentions.poll(40.0)
    assert emitted[-1] == TopicRetention(topic="rides", retention_s=60.0, by_size=True)
    retentions.poll(1.0 + AGAIN_S + EVERY_S)
    assert watch.asked == 2
    retentions.poll(2.0 + AGAIN_S + EVERY_S)
    assert watch.asked == 3

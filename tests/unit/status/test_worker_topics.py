"""A line names the topic of its worker where several topics are read."""

from ingest import events
from ingest.status.worker_topics import WorkerTopics


def started(topic: str, first_worker: int) -> events.SupervisorStarted:
    return events.SupervisorStarted(topic=topic, group="g", workers=1, first_worker=first_worker, partitions=(0,))


def test_each_worker_has_the_topic_that_it_reads() -> None:
    topics = WorkerTopics()
    topics.take(started("rides", 0))
    topics.take(started("fares", 1))
    found = [topics.of(events.RouteCaughtUp(worker=worker, route="r")) for worker in (0, 1, 2)]
    assert found == ["rides", "fares", ""]
    assert topics.of(events.Notice(text="x")) == ""


def test_of_one_topic_nobody_is_told_which() -> None:
    topics = WorkerTopics()
    topics.take(started("rides", 0))
    assert topics.of(events.RouteCaughtUp(worker=0, route="r")) == ""

"""A line of text names the topic of its worker where several topics are read; JSON names topic and group always."""

from ingest import events
from ingest.status.log_lines import Place
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


def test_the_place_of_an_event_is_null_only_where_nobody_can_tell() -> None:
    topics = WorkerTopics()
    notice, caught_up = events.Notice(text="x"), events.RouteCaughtUp(worker=0, route="r")
    assert topics.place(notice) == Place()
    topics.take(started("rides", 0))
    assert [topics.place(event) for event in (notice, caught_up)] == [Place("rides", "g"), Place("rides", "g", 0)]
    topics.take(started("fares", 1))
    assert topics.place(notice) == Place(None, "g")
    assert topics.place(caught_up) == Place("rides", "g", 0)
    assert topics.place(events.TopicRetention(topic="fares", retention_s=None)) == Place("fares", "g")

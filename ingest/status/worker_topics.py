"""The topic of each worker, for lines about events: they name it where several topics are read."""

from ingest.events import Event, SupervisorStarted


class WorkerTopics:
    """Takes every event; `of` has the topic of one."""

    def __init__(self) -> None:
        self._topics: list[str] = []
        self._by_worker: dict[int, str] = {}

    def take(self, event: Event) -> None:
        """Note the workers of a topic that are about to start."""
        if isinstance(event, SupervisorStarted):
            self._topics.append(event.topic)
            workers = range(event.first_worker, event.first_worker + event.workers)
            self._by_worker |= dict.fromkeys(workers, event.topic)

    def of(self, event: Event) -> str:
        """The topic of an event's worker if several topics are read, else ""."""
        return "" if len(self._topics) < 2 or event.worker is None else self._by_worker.get(event.worker, "")

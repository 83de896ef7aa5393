"""The topic and group of each event, for its line: text names the topic where several are read, JSON names both."""

from ingest.events import Event, SupervisorStarted
from ingest.status.log_lines import Place


class WorkerTopics:
    """Takes every event; `of` and `place` have the topic of one."""

    def __init__(self) -> None:
        self._groups: dict[str, str] = {}  # by topic
        self._by_worker: dict[int, str] = {}

    def take(self, event: Event) -> None:
        """Note the workers of a topic that are about to start."""
        if isinstance(event, SupervisorStarted):
            self._groups[event.topic] = event.group
            workers = range(event.first_worker, event.first_worker + event.workers)
            self._by_worker |= dict.fromkeys(workers, event.topic)

    def of(self, event: Event) -> str:
        """The topic of an event's worker if several topics are read, else ""."""
        return "" if len(self._groups) < 2 or event.worker is None else self._by_worker.get(event.worker, "")

    def place(self, event: Event) -> Place:
        """The event's own topic, else its worker's, else the only one of the run; and its group."""
        topic: str | None = getattr(event, "topic", None) or None
        if topic is None and event.worker is not None:
            topic = self._by_worker.get(event.worker)
        if topic is None and len(self._groups) == 1:
            (topic,) = self._groups
        group = self._groups.get(topic or "")
        if group is None and len(set(self._groups.values())) == 1:
            group = next(iter(self._groups.values()))
        return Place(topic, group, event.worker)

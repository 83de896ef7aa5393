"""The account of a run is written from its events, over full disks and kills."""

import errno
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ingest.accounting.files import AccountFiles, Line, NoAccount
from ingest.accounting.rows import CommittedState, PossibleDuplicates, Row
from ingest.accounting.writer import AccountWriter, TopicStart
from ingest.events import AccountBlocked, Committed, DuplicatesPossible, Event, Notice, SupervisorStarted
from ingest.pipeline.offsets.checkpoint import Checkpoint
from ingest.records import Counts, Span


class Disk(AccountFiles):
    """Refuses while it is full."""

    full = False

    def append(self, rows: Sequence[Row], at: datetime, *, durable: bool) -> None:
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        super().append(rows, at, durable=durable)

    def newest_first(self) -> Iterator[Line]:
        return super().newest_first()


class Scene:
    """A writer, its clocks and the events it emitted."""

    def __init__(self, directory: Path) -> None:
        self.disk = Disk(directory)
        self.emitted: list[Event] = []
        self.now = 0.0
        self.writer = self.anew()

    def anew(self) -> AccountWriter:
        start = datetime(2026, 7, 20, 3, 0, tzinfo=UTC)
        self.writer = AccountWriter(
            self.disk,
            self.emitted.append,
            clock=lambda: self.now,
            wall=lambda: start + timedelta(seconds=self.now),
        )
        return self.writer

    def begin(self, mark: Checkpoint | None = None, end: int = 100) -> None:
        begin = 0 if mark is None else mark.next_offset
        self.writer.begin([TopicStart("predictions", "ingest", {0: mark}, {0: begin}, {0: end}, 60)])
        self.writer.take(SupervisorStarted(topic="predictions", group="ingest", workers=1, partitions=(0,)))

    def commit(self, next_offset: int) -> None:
        self.writer.take(Committed(worker=0, next_offsets={0: next_offset}, counts={0: Counts(next_offset)}))
        self.writer.tick()

    @property
    def rows(self) -> list[tuple[str, int | None]]:
        found = [line.content for line in self.disk.lines()]
        assert all(isinstance(row, CommittedState | PossibleDuplicates) for row in found)
        return [
            (row.kind, row.next_offset) if isinstance(row, CommittedState) else (row.cause, row.span.first)
            for row in found
            if isinstance(row, CommittedState | PossibleDuplicates)
        ]


def test_a_run_from_start_to_end(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.begin()
    scene.commit(0)
    scene.commit(40)
    scene.commit(50)
    scene.writer.committed_at_end("predictions", "ingest", {0: Checkpoint(60, Counts(60))})
    scene.writer.end()
    assert scene.rows == [("started", None), ("committed", 0), ("committed", 40), ("committed", 50), ("ended", 60)]
    assert scene.emitted == []


def test_without_kafka_the_last_commit_is_the_end(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.begin(Checkpoint(10, Counts(10)))
    scene.commit(40)
    scene.writer.end()
    assert scene.rows[-1] == ("ended", 40)


def test_a_supervisor_that_was_killed_is_reported_at_the_next_start(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.begin()
    scene.commit(0)
    scene.anew()
    scene.begin(Checkpoint(40, Counts(40)))
    assert scene.emitted == [DuplicatesPossible(topic="predictions", ranges=(Span(0, 40, 100, 60),))]
    assert scene.rows[-2:] == [("started", 40), ("supervisor_lost", 40)]


def test_what_a_killed_worker_may_have_sent_is_written_at_once(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.begin()
    scene.writer.take(DuplicatesPossible(worker=0, topic="predictions", ranges=(Span(0, 5, 9, 4),)))
    assert scene.rows[-1] == ("worker_lost", 5)


def test_a_full_disk_holds_nothing_up_and_heals(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.disk.full = True
    scene.begin()
    scene.commit(0)
    scene.commit(40)
    scene.writer.take(DuplicatesPossible(worker=0, topic="predictions", ranges=(Span(0, 40, 50, 10),)))
    (emitted,) = scene.emitted
    assert isinstance(emitted, AccountBlocked)
    assert "No space left" in emitted.error
    scene.disk.full = False
    scene.writer.tick()
    assert not scene.disk.directory.exists() or scene.rows == []  # not yet: it is tried every few seconds
    scene.now = 11.0
    scene.writer.tick()
    assert scene.rows == [("started", None), ("committed", 0), ("committed", 40), ("worker_lost", 40)]


def test_no_account_is_kept_where_none_is_wanted(tmp_path: Path) -> None:
    emitted: list[Event] = []
    writer = AccountWriter(NoAccount(), emitted.append)
    writer.begin([TopicStart("predictions", "ingest", {0: None}, {0: 0}, {0: 9}, 60)])
    writer.tick()
    writer.end()
    assert emitted == []
    assert list(tmp_path.iterdir()) == []


class Unreadable(Disk):
    """Takes rows, but can't be read, nor made shorter."""

    def newest_first(self) -> Iterator[Line]:
        raise OSError(errno.EACCES, "Permission denied")

    def compact(self, at: datetime) -> None:  # noqa: ARG002
        raise OSError(errno.EACCES, "Permission denied")


def test_only_a_row_that_was_not_written_is_called_unwritten(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.disk = Unreadable(tmp_path)
    scene.anew()
    scene.begin(Checkpoint(10, Counts(10)))
    scene.writer.tick()
    assert not [event for event in scene.emitted if isinstance(event, AccountBlocked)]
    read, shorter = (event.text for event in scene.emitted if isinstance(event, Notice))
    assert "can't be read" in read
    assert "not listed among the possible duplicates" in read
    assert "can't be made shorter" in shorter

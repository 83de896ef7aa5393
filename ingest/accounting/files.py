"""The account's files: one for each day, appended to by whole lines, that anybody can read at any time.

1. Every row is appended to the file of the day (UTC) on which it is written. Several supervisors may share a directory:
   a line is one write to the end of the file.
2. A full disk or a kill may cut off a write and leave a torn line; the next row begins on a line of its own. A row that
   is written again after a failure may be there twice, word for word: it is read once.
3. Nobody writes to the files of the day before yesterday and earlier. They are rewritten with the last commit of each
   partition and hour, all rows that are not commits, and all lines that can't be read. The new file is called
   `.hours.jsonl` and replaces the old one atomically.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

from ingest.accounting.rows import CommittedState, PartitionKey, Row, from_line, hour, to_line
from ingest.config.sections import Account, Kafka
from ingest.errors import ConfigError
from ingest.pipeline.kafka.start_offset import partitions_at_last_commit
from ingest.pipeline.offsets.checkpoint import Checkpoint
from ingest.records import TopicShape

_PREFIX = "account-"
_LIVE, _HOURS = ".jsonl", ".hours.jsonl"


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its row, the fault of one that was changed, or None for a torn one."""

    file: Path
    number: int
    content: Row | str | None

    @property
    def place(self) -> str:
        """File and line number, for people."""
        return f"{self.file} line {self.number}"


class AccountStore(Protocol):
    """Where an account's rows are kept."""

    directory: Path

    def append(self, rows: Sequence[Row], at: datetime, *, durable: bool) -> None:
        """Write `rows`; `durable` waits for the disk. Raises OSError: then some of them may be there."""
        ...

    def newest_first(self) -> Iterator["Line"]:
        """All lines, from the end. Raises OSError."""
        ...

    def compact(self, at: datetime) -> None:
        """Rewrite old files in a shorter form. Raises OSError."""
        ...


class NoAccount:
    """No account is configured: nothing is written, and nothing is known."""

    directory = Path()

    def append(self, rows: Sequence[Row], at: datetime, *, durable: bool) -> None:
        """Do nothing."""

    def newest_first(self) -> Iterator["Line"]:
        """No lines."""
        return iter(())

    def compact(self, at: datetime) -> None:
        """Do nothing."""


class AccountFiles:
    """The account in `directory`, which the first write creates."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def append(self, rows: Sequence[Row], at: datetime, *, durable: bool) -> None:
        """Write `rows`; `durable` waits for the disk. Raises OSError: then some of them may be there."""
        self.directory.mkdir(parents=True, exist_ok=True)
        path = self.directory / f"{_PREFIX}{_day(at)}{_LIVE}"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        try:
            data = "".join(map(to_line, rows)).encode()
            end = os.lseek(descriptor, 0, os.SEEK_END)
            if end and os.pread(descriptor, 1, end - 1) != b"\n":
                data = b"\n" + data
            if os.write(descriptor, data) < len(data):
                raise OSError(f"{path}: only a part was written")
            if durable:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def lines(self) -> Iterator[Line]:
        """All lines, in the order they were written. Raises OSError."""
        seen: set[int] = set()
        for path in self._files():
            before, seen = seen, set()
            for line in self._lines(path):
                if isinstance(line.content, str | None):
                    yield line
                    continue
                digest = hash(line.content)
                if digest not in before and digest not in seen:
                    yield line
                seen.add(digest)

    def newest_first(self) -> Iterator[Line]:
        """All lines, from the end. Raises OSError."""
        for path in reversed(self._files()):
            yield from reversed(list(self._lines(path)))

    def compact(self, at: datetime) -> None:
        """Rewrite the files that are old enough: rule 3. Raises OSError."""
        yesterday = _day(at - timedelta(days=1))
        for path in self._files():
            day = path.name[len(_PREFIX) :].split(".")[0]
            if not path.name.endswith(_HOURS) and day < yesterday:
                self._rewrite(path, self.directory / f"{_PREFIX}{day}{_HOURS}")

    def _rewrite(self, path: Path, into: Path) -> None:
        sources = [source for source in (into, path) if source.exists()]
        kept: dict[object, str] = {}
        for source in sources:
            for number, text in enumerate(source.read_text(encoding="utf-8", errors="replace").split("\n")):
                if not text:
                    continue
                row = from_line(text)
                if isinstance(row, CommittedState) and row.kind == "committed":
                    kept.pop((row.key, hour(row.at)), None)  # the newest one keeps its place in the order
                    kept[row.key, hour(row.at)] = text
                else:
                    kept[text if isinstance(row, Row) else (source, number)] = text
        new = into.with_name(f"{into.name}.{os.getpid()}.new")
        try:
            with new.open("w", encoding="utf-8") as file:
                file.writelines(f"{text}\n" for text in kept.values())
                file.flush()
                os.fsync(file.fileno())
            new.replace(into)
        finally:
            new.unlink(missing_ok=True)
        path.unlink(missing_ok=True)  # another supervisor may have removed it already

    def _files(self) -> list[Path]:
        return sorted(self.directory.glob(f"{_PREFIX}*{_LIVE}"))

    def _lines(self, path: Path) -> Iterator[Line]:
        number = 0
        with suppress(FileNotFoundError), path.open(encoding="utf-8", errors="replace", newline="\n") as file:
            for number, text in enumerate(file, start=1):
                if text.strip():
                    yield Line(path, number, from_line(text))


def account_store(account: Account) -> AccountStore:
    """The account that is configured."""
    return AccountFiles(Path(account.directory)) if account.directory else NoAccount()


def last_states(
    store: AccountStore, keys: Sequence[PartitionKey]
) -> tuple[dict[PartitionKey, CommittedState], dict[PartitionKey, int | None]]:
    """The last state that a run left of each of `keys`, and `in_flight` of that run. Raises OSError.

    If somebody moved the group after the run, the state has what Kafka had before the first move.
    """
    states: dict[PartitionKey, CommittedState] = {}
    before_moves: dict[PartitionKey, CommittedState] = {}
    in_flight: dict[PartitionKey, int | None] = {}
    missing = set(keys)
    for line in store.newest_first():
        row = line.content
        if isinstance(row, CommittedState) and row.key in missing:
            if row.kind in {"before_move", "moved"}:
                if row.kind == "before_move" and row.key not in states:
                    before_moves[row.key] = row  # the oldest one after the run stays
                continue
            if row.key not in states:
                found = before_moves.get(row.key, row)
                states[row.key] = replace(row, next_offset=found.next_offset, counts=found.counts)
            if row.kind == "started":
                in_flight[row.key] = row.in_flight
                missing.discard(row.key)
        if not missing:
            break
    return states, in_flight


def last_moves(store: AccountStore, keys: Sequence[PartitionKey]) -> dict[PartitionKey, CommittedState]:
    """What `ingest offsets set` left of each of `keys` that no run has started with since. Raises OSError."""
    found: dict[PartitionKey, CommittedState] = {}
    missing = set(keys)
    for line in store.newest_first():
        row = line.content
        if isinstance(row, CommittedState) and row.key in missing:
            missing.discard(row.key)
            if row.kind == "moved":
                found[row.key] = row
        if not missing:
            break
    return found


def recorded_progress(
    store: AccountStore, kafka: Kafka, shape: TopicShape, committed: Mapping[int, Checkpoint | None]
) -> tuple[dict[int, Checkpoint], int]:
    """`recorded` and `partitions_before` of `start_offset.choose_starts`; the group's commits are `committed`.

    That is the last recorded commit of each partition that Kafka has no commit of, and how many partitions the topic
    had at the last commit or row. Raises ConfigError as `recorded_checkpoints` does.
    """
    then = partitions_at_last_commit(committed)
    missing = [partition for partition, mark in committed.items() if mark is None]
    if not missing:
        return {}, then
    in_account = confirmed_partitions(store, kafka.topic, kafka.group, shape.topic_id, len(shape.partitions))
    return recorded_checkpoints(store, kafka.topic, kafka.group, missing), max(then, in_account)


def recorded_checkpoints(
    store: AccountStore, topic: str, group: str, partitions: Sequence[int]
) -> dict[int, Checkpoint]:
    """The last recorded commit of each of `partitions` that has one.

    Raises ConfigError when the account can't be read: without it nobody knows whether they were ever committed.
    """
    found: dict[int, Checkpoint] = {}
    missing = {PartitionKey(topic, group, partition) for partition in partitions}
    for row in _committed(store) if missing else ():
        if row.key in missing and row.next_offset is not None:
            found[row.key.partition] = Checkpoint(row.next_offset, row.counts, topic_id=row.topic_id)
            missing.discard(row.key)
            if not missing:
                break
    return found


def confirmed_partitions(store: AccountStore, topic: str, group: str, topic_id: str, existing: int) -> int:
    """How many of a topic's partitions, from 0 on, had a commit when the last run that read all of them wrote its rows.

    0 if the last run did not read all, or read another topic of this name. Raises ConfigError as
    `recorded_checkpoints` does.
    """
    starts = (
        row for row in _states(store) if row.kind == "started" and (row.key.topic, row.key.group) == (topic, group)
    )
    last = next(starts, None)
    if last is None or not last.reads_all or last.topic_id != topic_id:
        return 0
    found = recorded_checkpoints(store, topic, group, range(existing))
    return next((partition for partition in range(existing) if partition not in found), existing)


def knows_topic(store: AccountStore, topic: str, group: str) -> bool:
    """Whether this group ever committed an offset of the topic."""
    return any((row.key.topic, row.key.group) == (topic, group) for row in _committed(store))


def _committed(store: AccountStore) -> Iterator[CommittedState]:
    """The states with an offset, newest first."""
    return (row for row in _states(store) if row.next_offset is not None)


def _states(store: AccountStore) -> Iterator[CommittedState]:
    """All states, newest first."""
    try:
        for line in store.newest_first():
            if isinstance(line.content, CommittedState):
                yield line.content
    except OSError as failed:
        raise ConfigError(
            f"[account] directory = {store.directory}: {failed.strerror} ({failed.filename}). Kafka has no committed "
            "offset of some partitions, and only the account knows whether there was one. Make it readable"
        ) from None


def _day(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d}"

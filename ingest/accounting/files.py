"""The account's files: one a day, appended to by whole lines, read by anybody at any time.

1. Every row is appended to the file of the day (UTC) on which it is written. Several supervisors may share a directory:
   a line is one write to the end of the file.
2. A write that a full disk or a kill has cut off leaves a torn line; the next one begins on a line of its own. Rows
   written again after a failure may be there twice, word for word: they are read once.
3. Files of the day before yesterday and earlier are nobody's to write any more. They are rewritten with the last commit
   of each partition and hour, beside everything that is no commit, and lines that can't be read. A file so made is
   called `.hours.jsonl`; it takes the place of the other at once.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

from ingest.accounting.rows import Key, Row, State, hour, of_line, to_line
from ingest.config.sections import Account
from ingest.errors import ConfigError
from ingest.pipeline.offsets.checkpoint import Checkpoint

_PREFIX = "account-"
_LIVE, _HOURS = ".jsonl", ".hours.jsonl"


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its row, or what is wrong with it; None for a torn one."""

    file: Path
    number: int
    content: Row | str | None

    @property
    def place(self) -> str:
        """Where it stands, for people."""
        return f"{self.file} line {self.number}"


class Files(Protocol):
    """Where rows are kept, as whoever keeps an account sees it."""

    directory: Path

    def append(self, rows: Sequence[Row], at: datetime, *, durable: bool) -> None:
        """Write `rows`; `durable` waits for the disk. Raises OSError: then some of them may be there."""
        ...

    def newest_first(self) -> Iterator["Line"]:
        """Everything, from the end. Raises OSError."""
        ...

    def compact(self, at: datetime) -> None:
        """Make what is old small. Raises OSError."""
        ...


class Nowhere:
    """Where no account is kept."""

    directory = Path()

    def append(self, rows: Sequence[Row], at: datetime, *, durable: bool) -> None:
        """Nothing is written."""

    def newest_first(self) -> Iterator["Line"]:
        """Nothing is known."""
        return iter(())

    def compact(self, at: datetime) -> None:
        """Nothing is there."""


class AccountFiles:
    """The account in `directory`, which is made when it is written to first."""

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
                raise OSError(f"{path}: the disk took only a part")
            if durable:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def lines(self) -> Iterator[Line]:
        """Everything, in the order it was written. Raises OSError."""
        seen: set[int] = set()
        for path in self._files():
            before, seen = seen, set()
            for line in self._lines(path):
                if isinstance(line.content, str | None):
                    yield line
                    continue
                mark = hash(line.content)
                if mark not in before and mark not in seen:
                    yield line
                seen.add(mark)

    def newest_first(self) -> Iterator[Line]:
        """The same from the end, a file at a time. Raises OSError."""
        for path in reversed(self._files()):
            yield from reversed(list(self._lines(path)))

    def compact(self, at: datetime) -> None:
        """Rewrite what is old enough: rule 3. Raises OSError."""
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
                row = of_line(text)
                if isinstance(row, State) and row.kind == "committed":
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
        path.unlink(missing_ok=True)  # another supervisor may have been quicker

    def _files(self) -> list[Path]:
        return sorted(self.directory.glob(f"{_PREFIX}*{_LIVE}"))

    def _lines(self, path: Path) -> Iterator[Line]:
        number = 0
        with suppress(FileNotFoundError), path.open(encoding="utf-8", errors="replace", newline="\n") as file:
            for number, text in enumerate(file, start=1):
                if text.strip():
                    yield Line(path, number, of_line(text))


def account_of(account: Account) -> Files:
    """The account that is configured."""
    return AccountFiles(Path(account.directory)) if account.directory else Nowhere()


def last_states(files: Files, keys: Sequence[Key]) -> tuple[dict[Key, State], dict[Key, int | None]]:
    """The last state of each of `keys` that has one, and what its run may have had in flight. Raises OSError."""
    states: dict[Key, State] = {}
    in_flight: dict[Key, int | None] = {}
    missing = set(keys)
    for line in files.newest_first():
        row = line.content
        if isinstance(row, State) and row.key in missing:
            states.setdefault(row.key, row)
            if row.kind == "started":
                in_flight[row.key] = row.in_flight
                missing.discard(row.key)
        if not missing:
            break
    return states, in_flight


def recorded(files: Files, topic: str, group: str, partitions: Sequence[int]) -> dict[int, Checkpoint]:
    """What was last known to be committed of each of `partitions` that has a row.

    Raises ConfigError when the account can't be read: without it nobody knows whether they were ever committed.
    """
    found: dict[int, Checkpoint] = {}
    missing = {Key(topic, group, partition) for partition in partitions}
    for row in _committed(files) if missing else ():
        if row.key in missing and row.next_offset is not None:
            found[row.key.partition] = Checkpoint(row.next_offset, row.counts, topic_id=row.topic_id)
            missing.discard(row.key)
            if not missing:
                break
    return found


def confirmed_partitions(files: Files, topic: str, group: str, topic_id: str, existing: int) -> int:
    """How many of a topic's partitions, from 0 on, had a commit when the last run that read all of them wrote its rows.

    0 where the last run did not read all, or another topic of this name. Raises ConfigError as `recorded` does.
    """
    starts = (
        row for row in _states(files) if row.kind == "started" and (row.key.topic, row.key.group) == (topic, group)
    )
    last = next(starts, None)
    if last is None or not last.reads_all or last.topic_id != topic_id:
        return 0
    found = recorded(files, topic, group, range(existing))
    return next((partition for partition in range(existing) if partition not in found), existing)


def knows(files: Files, topic: str, group: str) -> bool:
    """Something of the topic was committed for this group once."""
    return any((row.key.topic, row.key.group) == (topic, group) for row in _committed(files))


def _committed(files: Files) -> Iterator[State]:
    """What was committed once, newest first."""
    return (row for row in _states(files) if row.next_offset is not None)


def _states(files: Files) -> Iterator[State]:
    """All states, newest first."""
    try:
        for line in files.newest_first():
            if isinstance(line.content, State):
                yield line.content
    except OSError as failed:
        raise ConfigError(
            f"[account] directory = {files.directory}: {failed.strerror} ({failed.filename}). Kafka has no committed "
            "offset of some partitions, and only the account knows whether there was one. Make it readable"
        ) from None


def _day(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d}"

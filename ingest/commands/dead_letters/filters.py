"""Selects dead letters, and counts them.

Rules
1. A dead letter must match all filters that are given.
2. Replayed dead letters are excluded unless they are asked for.
3. Times are those at which dead letters were written, not those of the messages: `since` <= written < `until`.
"""

import difflib
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from ingest.commands.dead_letters.index_entry import IndexEntry
from ingest.errors import ExitCode, FatalError
from ingest.reasons import REASONS

_AGO = re.compile(r"-(\d+)([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_NO_COLUMN = "(none)"


@dataclass(frozen=True, slots=True)
class Filter:
    """`offsets` is a half-open range; `since` and `until` are ISO 8601 in UTC, in the format of `written_at`."""

    reasons: frozenset[str] = frozenset()
    topic: str | None = None
    partitions: frozenset[int] = frozenset()
    columns: frozenset[str] = frozenset()
    offsets: range | None = None
    since: str | None = None
    until: str | None = None
    include_replayed: bool = False

    def matches(self, entry: IndexEntry) -> bool:
        """Whether the dead letter is selected."""
        origin = entry.origin
        return (
            (self.include_replayed or entry.replayed_to is None)
            and (not self.reasons or entry.reason in self.reasons)
            and (self.topic is None or origin.topic == self.topic)
            and (not self.partitions or origin.partition in self.partitions)
            and (not self.columns or entry.column in self.columns)
            and (self.offsets is None or origin.offset in self.offsets)
            and (self.since is None or entry.written_at >= self.since)
            and (self.until is None or entry.written_at < self.until)
        )


@dataclass(frozen=True, slots=True)
class Histogram:
    """Numbers of dead letters. `by_hour` begins with the first hour that has any."""

    dead_letters: int
    replayed: int
    by_reason: Mapping[str, int] = field(default_factory=dict)
    by_column: Mapping[str, int] = field(default_factory=dict)
    by_partition: Mapping[str, int] = field(default_factory=dict)
    by_hour: Mapping[str, int] = field(default_factory=dict)


def parse_filter(
    *,
    reasons: Sequence[str] | None,
    columns: Sequence[str] | None,
    topic: str | None,
    partitions: Sequence[str] | None,
    offsets: str | None,
    since: str | None,
    until: str | None,
    include_replayed: bool = False,
) -> Filter:
    """The filter for the options of the command line. Raises FatalError (exit code USAGE)."""
    now = datetime.now(UTC)
    found = Filter(
        reasons=frozenset(reasons or ()),
        topic=topic,
        partitions=parse_partitions(partitions or ()),
        columns=frozenset(columns or ()),
        offsets=None if offsets is None else parse_offsets(offsets),
        since=None if since is None else parse_time("--since", since, now),
        until=None if until is None else parse_time("--until", until, now),
        include_replayed=include_replayed,
    )
    if found.since is not None and found.until is not None and found.since >= found.until:
        raise FatalError("--since is not before --until, so nothing can match", exit_code=ExitCode.USAGE)
    return found


def check_reasons(selection: Filter, matching: Collection[str]) -> None:
    """Raise FatalError (exit code USAGE) for a reason that ingest does not have, nor any of the `matching` ones.

    The dead letters of another version may have other reasons.
    """
    for code in sorted(selection.reasons - REASONS.keys() - set(matching)):
        near = difflib.get_close_matches(code, REASONS, n=1)
        hint = f"did you mean {near[0]}?" if near else "ingest dead-letters list shows those that there are"
        raise FatalError(
            f"--reason {code}: no selected dead letter has it, and ingest has no such reason; {hint}",
            exit_code=ExitCode.USAGE,
        )


def histogram(entries: Iterable[IndexEntry]) -> Histogram:
    """Count `entries`: reasons and columns with the most frequent first, partitions and hours in order."""
    reasons: Counter[str] = Counter()
    columns: Counter[str] = Counter()
    partitions: Counter[tuple[str, int]] = Counter()
    hours: Counter[str] = Counter()
    replayed = 0
    for entry in entries:
        reasons[entry.reason] += 1
        columns[entry.column or _NO_COLUMN] += 1
        partitions[entry.origin.topic, entry.origin.partition] += 1
        hours[entry.written_at[:13] + "Z"] += 1
        replayed += entry.replayed_to is not None
    return Histogram(
        dead_letters=reasons.total(),
        replayed=replayed,
        by_reason=dict(reasons.most_common()),
        by_column=dict(columns.most_common()),
        by_partition={f"{topic} {partition}": number for (topic, partition), number in sorted(partitions.items())},
        by_hour=dict(sorted(hours.items())),
    )


def parse_time(option: str, text: str, now: datetime) -> str:
    """A time from the command line (ISO 8601, or -15m, -2h, -1d) in the format of `written_at`.

    Without a zone it is UTC. Raises FatalError (exit code USAGE) for text that is not a time.
    """
    ago = _AGO.fullmatch(text)
    try:
        if ago is not None:
            found = now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        else:
            found = datetime.fromisoformat(text)
            found = found.replace(tzinfo=UTC) if found.tzinfo is None else found
        return found.astimezone(UTC).isoformat(timespec="milliseconds")
    except (ValueError, OverflowError):
        raise FatalError(
            f"{option} {text}: not a time; write 2026-07-20T03:00Z, or -15m, -2h, -1d", exit_code=ExitCode.USAGE
        ) from None


def parse_offsets(text: str) -> range:
    """`17` or `100-199`, both ends included. Raises FatalError (exit code USAGE)."""
    match = re.fullmatch(r"(\d{1,19})(?:-(\d{1,19}))?", text)
    if match is None or (match[2] is not None and int(match[2]) < int(match[1])):
        raise FatalError(f"--offsets {text}: write 17, or 100-199", exit_code=ExitCode.USAGE)
    return range(int(match[1]), int(match[2] or match[1]) + 1)


def parse_partitions(texts: Sequence[str]) -> frozenset[int]:
    """The partitions in texts like `0-3,7`. Raises FatalError (exit code USAGE)."""
    found: set[int] = set()
    for text in texts:
        for part in text.split(","):
            match = re.fullmatch(r"(\d{1,6})(?:-(\d{1,6}))?", part.strip())
            if match is None or (match[2] is not None and int(match[2]) < int(match[1])):
                raise FatalError(f"--partitions {text}: write 7, 0-3 or 0-3,7", exit_code=ExitCode.USAGE)
            found.update(range(int(match[1]), int(match[2] or match[1]) + 1))
    return frozenset(found)

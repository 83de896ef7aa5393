"""How values are formatted for people: partitions, amounts, sizes and times."""

from collections.abc import Iterable, Sequence

from ingest.records import Span


def partitions(numbers: Iterable[int]) -> str:
    """Partitions as a person would write them: (0, 1, 2, 5) is `0-2,5`; none is `none`."""
    runs: list[list[int]] = []
    for partition in sorted(numbers):
        if runs and partition == runs[-1][1] + 1:
            runs[-1][1] = partition
        else:
            runs.append([partition, partition])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in runs) or "none"


def spans(found: Sequence[Span], most: int = 8) -> str:
    """Ranges by their offsets: `partition 3 offsets 100 to 199, 250 to 299; partition 4 offsets 7 to 7`."""
    offsets: dict[int, list[str]] = {}
    for span in found[:most]:
        offsets.setdefault(span.partition, []).append(f"{span.first} to {span.next_offset - 1}")
    text = "; ".join(f"partition {partition} offsets {', '.join(ranges)}" for partition, ranges in offsets.items())
    return text if len(found) <= most else f"{text} and {len(found) - most:,} more ranges"


def count(number: float) -> str:
    """12345 is `12,345`."""
    return f"{number:,.0f}"


def lag(known: int, unknown_partitions: int) -> str:
    """(18, 0) is `lag 18`, (18, 2) is `lag 18 without 2 partitions, whose ends are not known`."""
    if not unknown_partitions:
        return f"lag {count(known)}"
    whose = "whose end is" if unknown_partitions == 1 else "whose ends are"
    return f"lag {count(known)} without {amount(unknown_partitions, 'partition')}, {whose} not known"


def held_back(offsets: int, seen_s: float | None) -> str:
    """(70, 61.0) is `, 70 of it behind an open transaction, seen for 1 min 01 s`; nothing for 0 offsets."""
    if not offsets:
        return ""
    since = "" if seen_s is None else f", seen for {seconds(round(seen_s))}"
    return f", {count(offsets)} of it behind an open transaction{since}"


def amount(number: int, noun: str) -> str:
    """(1, "row") is `1 row`, (2, "row") is `2 rows`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def names(noun: str, items: Sequence[str]) -> str:
    """("topic", ["a"]) is `topic a`, ("topic", ["a", "b"]) is `topics a, b`."""
    return f"{noun if len(items) == 1 else f'{noun}s'} {', '.join(items)}"


def size(number: float) -> str:
    """Bytes: 31457280 is `30 MB` (of 2^20 bytes each, as a person reads memory), 48 times 2^30 are `48.0 GB`."""
    if number >= 2**30:
        return f"{number / 2**30:,.1f} GB"
    return f"{number / 2**20:,.0f} MB" if number >= 10 * 2**20 else f"{number / 2**20:.1f} MB"


def glance(number: float) -> str:
    """A duration to the precision of a glance: `0.4 s`, `58 s`, `4 min`, `2 h 07 min`, `6 d`."""
    if number < 1:
        return f"{round(number, 3):.1g} s"
    whole = round(number)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60:02} min"
    return f"{whole // 86400} d"


def seconds(number: float) -> str:
    """A duration to the precision that matters: `0.25 s`, `42 s`, `3 min 05 s`, `2 h 07 min`, `3 d 4 h`."""
    if number < 10:
        return f"{round(number, 3):.2g} s"
    whole = round(number)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60:02} min"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"

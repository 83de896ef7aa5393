"""What people and programs read of dead letters."""

import base64
import dataclasses
import json
from collections.abc import Iterator, Mapping

from ingest.commands.dead_letters.filters import Histogram
from ingest.commands.dead_letters.replay_result import TOPIC, ReplayResult
from ingest.commands.dead_letters.stored import StoredDeadLetter
from ingest.status import formatting

_ROWS = 40
_BAR = 24


def histogram_lines(found: Histogram, place: str) -> Iterator[str]:
    """The histogram as a few small tables."""
    replayed = f", {found.replayed:,} of them replayed" if found.replayed else ""
    yield f"{formatting.amount(found.letters, 'dead letter')} in {place}{replayed}"
    for title, counts in (
        ("reason", found.by_reason),
        ("column", found.by_column),
        ("topic and partition", found.by_partition),
        ("written in the hour", found.by_hour),
    ):
        if counts:
            yield ""
            yield from _table(title, counts)


def _table(title: str, counts: Mapping[str, int]) -> Iterator[str]:
    shown = dict(list(counts.items())[:_ROWS])
    width = max(len(title), *map(len, shown))
    most = max(counts.values())
    yield f"{title:<{width}}  {'letters':>11}"
    for name, number in shown.items():
        yield f"{name:<{width}}  {number:>11,}  {'#' * max(number * _BAR // most, 1)}"
    if len(counts) > len(shown):
        yield f"and {len(counts) - len(shown):,} more (--json shows all)"


def histogram_json(found: Histogram, place: str) -> str:
    """The same as one JSON object."""
    return json.dumps({"place": place, **dataclasses.asdict(found)}, ensure_ascii=False)


def dead_letter_lines(letter: StoredDeadLetter, *, value: bool) -> Iterator[str]:
    """One letter; key, headers and value only on request, as they are payload."""
    entry = letter.entry
    origin = entry.origin
    yield f"{origin.topic} partition {origin.partition} offset {origin.offset}: {entry.reason}"
    yield f"  detail      {entry.detail}"
    if entry.column is not None:
        yield f"  column      {entry.column}"
    yield f"  written at  {entry.written_at}"
    yield f"  timestamp   {origin.timestamp_ms} ms"
    if entry.replays:
        yield f"  replays     {entry.replays}"
    if entry.replayed_to is not None:
        yield f"  replayed to {entry.replayed_to}"
    if value:
        yield f"  key         {_readable(letter.raw_key)}"
        for name, raw in letter.raw_headers:
            yield f"  header      {name}: {_readable(raw)}"
        yield f"  value       {_readable(letter.raw_value)}"
    else:
        size = "none (a tombstone)" if letter.raw_value is None else f"{len(letter.raw_value):,} bytes; --value shows"
        yield f"  value       {size}"


def dead_letter_json(letter: StoredDeadLetter, *, value: bool) -> str:
    """One letter as a JSON object; what is not UTF-8 stands under `..._base64`."""
    entry = letter.entry
    found: dict[str, object] = {
        **entry.origin._asdict(),
        "reason": entry.reason,
        "detail": entry.detail,
        "column": entry.column,
        "written_at": entry.written_at,
        "replays": entry.replays,
        "replayed_to": entry.replayed_to,
        "value_bytes": None if letter.raw_value is None else len(letter.raw_value),
    }
    if value:
        found |= _coded("key", letter.raw_key) | _coded("value", letter.raw_value)
        found["headers"] = [_coded(name, raw) for name, raw in letter.raw_headers]
    return json.dumps(found, ensure_ascii=False)


def result_lines(outcome: ReplayResult, place: str) -> Iterator[str]:
    """The account of a replay."""
    where = "their topic" if outcome.to == TOPIC else "Arize"
    if outcome.dry_run:
        yield f"a dry run, nothing was sent: of {outcome.meant:,} dead letters in {place}"
        yield f"  {outcome.replayed:>11,}  would go to {where}"
    else:
        yield f"of {outcome.meant:,} dead letters in {place}"
        yield f"  {outcome.replayed:>11,}  went to {where}, and are no longer listed"
    for reason, number in outcome.failed.most_common():
        yield f"  {number:>11,}  {'would fail' if outcome.dry_run else 'failed'} again: {reason}"
    if outcome.held_back:
        yield f"  {outcome.held_back:>11,}  were replayed too often already and left alone (--max-replays)"
    if outcome.gone:
        yield f"  {outcome.gone:>11,}  are redacted ([schema] exclude, hash), and gone from their topic: not for replay"
    if outcome.left:
        yield f"  {outcome.left:>11,}  are left; run the same command again to go on"


def result_json(outcome: ReplayResult, place: str) -> str:
    """The same as one JSON object."""
    found = {
        "place": place,
        "to": outcome.to,
        "dry_run": outcome.dry_run,
        "meant": outcome.meant,
        "replayed": outcome.replayed,
        "failed": dict(outcome.failed),
        "held_back": outcome.held_back,
        "gone": outcome.gone,
        "left": outcome.left,
        "exit_code": int(outcome.exit_code),
    }
    return json.dumps(found)


def _readable(raw: bytes | None) -> str:
    if raw is None:
        return "none"
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return f"base64 {base64.b64encode(raw).decode()}"
    return text if text.isprintable() else json.dumps(text, ensure_ascii=False)


def _coded(name: str, raw: bytes | None) -> dict[str, str | None]:
    if raw is None:
        return {name: None}
    try:
        return {name: raw.decode()}
    except UnicodeDecodeError:
        return {f"{name}_base64": base64.b64encode(raw).decode()}

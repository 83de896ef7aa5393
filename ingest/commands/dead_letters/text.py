"""Dead letters, their histogram and the result of a replay, as text and as JSON."""

import base64
import dataclasses
import json
from collections.abc import Iterator, Mapping

from ingest.commands.dead_letters.filters import Histogram
from ingest.commands.dead_letters.replay_result import TOPIC, ReplayResult
from ingest.commands.dead_letters.stored import StoredDeadLetter
from ingest.pipeline.formats.part_numbers import as_text
from ingest.status import formatting

_ROWS = 40
_BAR = 24
_WIDTH = 80  # the bars shrink for a long name


def histogram_lines(found: Histogram, store: str) -> Iterator[str]:
    """The histogram as a few small tables."""
    replayed = f", {found.replayed:,} of them replayed" if found.replayed else ""
    yield f"{formatting.amount(found.dead_letters, 'dead letter')} in {store}{replayed}"
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
    bar = max(min(_WIDTH - width - 15, _BAR), 1)
    yield f"{title:<{width}}  {'number':>11}"
    for name, number in shown.items():
        yield f"{name:<{width}}  {number:>11,}  {'#' * max(number * bar // most, 1)}"
    if len(counts) > len(shown):
        yield f"and {len(counts) - len(shown):,} more (--json shows all)"


def histogram_json(found: Histogram, store: str) -> str:
    """The histogram as one JSON object."""
    return json.dumps({"store": store, **dataclasses.asdict(found)}, ensure_ascii=False)


def dead_letter_lines(dead_letter: StoredDeadLetter, *, value: bool, unwrapped: bytes | None = None) -> Iterator[str]:
    """One dead letter; key, headers and value only with `value`, because they are payload.

    `unwrapped` is the value as [format] unwraps it, where that is another one.
    """
    entry = dead_letter.entry
    origin = entry.origin
    yield f"{origin.topic} partition {origin.partition} offset {origin.offset}: {entry.reason}"
    yield f"  detail      {entry.detail}"
    if entry.column is not None:
        yield f"  column      {entry.column}"
    if entry.parts:
        yield f"  predictions {as_text(entry.parts)} of the message, counted from 0; the others were delivered"
    yield f"  written at  {entry.written_at}"
    yield f"  timestamp   {origin.timestamp_ms} ms"
    if entry.replays:
        yield f"  replays     {entry.replays}"
    if entry.replayed_to is not None:
        yield f"  replayed to {entry.replayed_to}"
    if value:
        yield f"  key         {_readable(dead_letter.raw_key)}"
        for name, raw in dead_letter.raw_headers:
            yield f"  header      {name}: {_readable(raw)}"
        yield f"  value       {_readable(dead_letter.raw_value)}"
        if unwrapped is not None:
            yield f"  unwrapped   {_readable(unwrapped)}"
    else:
        size = (
            "none (a tombstone)"
            if dead_letter.raw_value is None
            else f"{len(dead_letter.raw_value):,} bytes; --value shows"
        )
        yield f"  value       {size}"


def dead_letter_json(dead_letter: StoredDeadLetter, *, value: bool, unwrapped: bytes | None = None) -> str:
    """One dead letter as a JSON object; bytes that are not UTF-8 are in `..._base64`."""
    entry = dead_letter.entry
    found: dict[str, object] = {
        **entry.origin._asdict(),
        "reason": entry.reason,
        "detail": entry.detail,
        "column": entry.column,
        **({"parts": as_text(entry.parts)} if entry.parts else {}),
        "written_at": entry.written_at,
        "replays": entry.replays,
        "replayed_to": entry.replayed_to,
        "value_bytes": None if dead_letter.raw_value is None else len(dead_letter.raw_value),
    }
    if value:
        found |= _coded("key", dead_letter.raw_key) | _coded("value", dead_letter.raw_value)
        if unwrapped is not None:
            found |= _coded("unwrapped", unwrapped)
        found["headers"] = [_coded(name, raw) for name, raw in dead_letter.raw_headers]
    return json.dumps(found, ensure_ascii=False)


def result_lines(result: ReplayResult, store: str) -> Iterator[str]:
    """The result of a replay as lines."""
    target = "their topic" if result.to == TOPIC else "Arize"
    selected = formatting.amount(result.selected, "dead letter")
    if result.dry_run:
        yield f"dry run, nothing was sent: {selected} selected in {store}"
        yield f"  {result.replayed:>11,}  would be sent to {target}"
    else:
        yield f"{selected} selected in {store}"
        yield f"  {result.replayed:>11,}  delivered to {target}, and no longer listed"
    if result.filtered:
        filtered = "would be filtered" if result.dry_run else "filtered"
        yield f"  {result.filtered:>11,}  {filtered} by their route or its sample: not sent, and no longer listed"
    for reason, number in result.failed.most_common():
        yield f"  {number:>11,}  {'would fail' if result.dry_run else 'failed'} again: {reason}"
    if result.max_replays_reached:
        yield f"  {result.max_replays_reached:>11,}  skipped: already replayed as often as --max-replays allows"
    if result.originals_missing:
        yield (
            f"  {result.originals_missing:>11,}  skipped: redacted ([schema] exclude, hash), and the original is no "
            "longer in its topic"
        )
    if result.remaining:
        yield f"  {result.remaining:>11,}  remaining; run the same command again to continue"


def result_json(result: ReplayResult, store: str) -> str:
    """The result of a replay as one JSON object."""
    found = {
        "store": store,
        "to": result.to,
        "dry_run": result.dry_run,
        "selected": result.selected,
        "replayed": result.replayed,
        "filtered": result.filtered,
        "failed": dict(result.failed),
        "max_replays_reached": result.max_replays_reached,
        "originals_missing": result.originals_missing,
        "remaining": result.remaining,
        "exit_code": int(result.exit_code),
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

"""Compares what a message has become with what is expected of it.

Rules
1. Only what `expect` names is compared; with `complete = true` every other value of a row is a difference.
2. Outcomes are compared as a whole: where a row is expected, a dead letter is a difference, and the other way round.
   A message with several predictions may have `rows` and a `reason`.
3. A value equals another of the same kind: 1 and 1.0 are the same number, true is not 1, "1" is not 1. A timestamp is
   compared as an instant, whatever it is written as: a time, ISO 8601 text, or a number of s, ms, us or ns since 1970.
4. `columns` finds a column by its name, whatever its role. Tables within `features`, `tags` and `columns` are paths:
   the value of `{ user = { age = 3 } }` is that of `user.age`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ingest.commands.debug.payload import cell
from ingest.commands.test.cases import DESTINATION, GROUPS
from ingest.commands.test.outcome import Instant, Outcome, instant
from ingest.pipeline.arize.roles import RESERVED

_ABSENT = object()


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference: where, and both sides in words; without `expected`, `found` is a sentence."""

    where: str
    expected: str
    found: str


def differences(expect: Mapping[str, Any] | None, outcome: Outcome) -> list[Difference]:
    """All differences between `expect` and `outcome`; none if they agree."""
    if expect is None:
        return [Difference("expect", "", f"is missing: the message is {_became(outcome)}; --update writes it")]
    return [*_outcomes(expect, outcome), *_places(expect, outcome)]


def _outcomes(expect: Mapping[str, Any], outcome: Outcome) -> Iterator[Difference]:
    wanted: Sequence[Mapping[str, Any]] = expect.get("rows", [expect["row"]] if "row" in expect else [])
    reason = expect.get("reason")
    found = None if outcome.rejected is None else outcome.rejected.reason.code
    complete = expect.get("complete", False)
    for flag, became in (("filtered", outcome.filtered), ("tombstone", outcome.tombstone)):
        if bool(expect.get(flag, False)) != became:
            yield Difference(flag, str(not became).lower(), _became(outcome))
            return
    if bool(wanted) != bool(outcome.rows) or reason != found:
        yield Difference("outcome", _expected(wanted, reason), _became(outcome))
        return
    if len(wanted) != len(outcome.rows):
        yield Difference("rows", str(len(wanted)), str(len(outcome.rows)))
    for number, (one, row) in enumerate(zip(wanted, outcome.rows, strict=False), 1):
        prefix = f"row {number}: " if len(outcome.rows) > 1 else ""
        for each in _row(one, row, complete=complete):
            yield Difference(prefix + each.where, each.expected, each.found)


def _places(expect: Mapping[str, Any], outcome: Outcome) -> Iterator[Difference]:
    if "route" in expect and expect["route"] != outcome.route:
        yield Difference("route", _shown(expect["route"]), _shown(outcome.route) if outcome.route else "none")
    for key in DESTINATION:
        to = (outcome.destination or {}).get(key, "")
        if key in expect and expect[key] != to:
            yield Difference(key, _shown(expect[key]), _shown(to) if to else "none: there is no row")


def _row(wanted: Mapping[str, Any], row: Mapping[str, Any], *, complete: bool) -> Iterator[Difference]:
    by_name = {name: value for group in GROUPS for name, value in row.get(group, {}).items()}
    named: set[str] = set()
    for key in RESERVED:
        if key in wanted:
            named.add(key)
            yield from _value(key, wanted[key], row.get(key, _ABSENT), is_time=key == "timestamp")
        elif complete and key in row:
            yield Difference(key, "absent", _shown(row[key]))
    for group in GROUPS:
        there = by_name if group == "columns" else row.get(group, {})
        for name, value in _flat(wanted.get(group, {})):
            named.add(name)
            yield from _value(f"{group}.{name}", value, there.get(name, _ABSENT), is_time=False)
    if complete:
        for group in GROUPS:
            for name, value in row.get(group, {}).items():
                if name not in named:
                    yield Difference(f"{group}.{name}", "absent", _shown(value))


def _value(where: str, wanted: Any, found: Any, *, is_time: bool) -> Iterator[Difference]:
    if wanted is None and found is _ABSENT:
        return
    at = instant(wanted) if is_time else None
    same = at == found if at is not None else found is not _ABSENT and _equal(wanted, found)
    if not same:
        yield Difference(where, _shown(wanted if at is None else at), _shown(found))


def _equal(wanted: Any, found: Any) -> bool:
    if isinstance(wanted, Mapping) and isinstance(found, Mapping):
        return wanted.keys() == found.keys() and all(_equal(wanted[key], found[key]) for key in wanted)
    if isinstance(wanted, list) and isinstance(found, list):
        return len(wanted) == len(found) and all(map(_equal, wanted, found))
    if isinstance(wanted, datetime) or isinstance(found, Instant):
        return bool(instant(wanted) == found)
    numbers = {int, float}
    if type(wanted) in numbers and type(found) in numbers:
        return bool(wanted == found)
    return type(wanted) is type(found) and bool(wanted == found)


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _expected(wanted: Sequence[Mapping[str, Any]], reason: str | None) -> str:
    parts = [_amount(len(wanted))] if wanted else []
    parts += [f"a dead letter: {reason}"] if reason is not None else []
    return " and ".join(parts) or "neither row nor dead letter"


def _became(outcome: Outcome) -> str:
    if outcome.filtered:
        return "filtered"
    if outcome.tombstone:
        return "a tombstone that is passed over"
    parts = [_amount(len(outcome.rows))] if outcome.rows else []
    if outcome.rejected is not None:
        parts.append(f"a dead letter: {outcome.rejected.reason.code} ({outcome.rejected.reason.detail})")
    return " and ".join(parts)


def _amount(rows: int) -> str:
    return "a row" if rows == 1 else f"{rows} rows"


def _shown(value: Any) -> str:
    if value is _ABSENT:
        return "absent"
    return str(value) if isinstance(value, Instant | datetime) else cell(value, 200)

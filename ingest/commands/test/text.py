"""The result of tests as text and as JSON."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ingest.commands.test.compare import Difference
from ingest.status import formatting


@dataclass(frozen=True, slots=True)
class Failure:
    """A message that is not as expected. `lane` is the one in which it differs, "" if it is the same in all."""

    path: Path
    number: int
    line: int | None
    name: str
    lane: str
    differences: Sequence[Difference]


@dataclass(frozen=True, slots=True)
class Result:
    """`messages` were judged in `lanes`, `updated` of them were written; `note` is why there is one lane only."""

    messages: int
    lanes: Sequence[str]
    note: str
    failures: Sequence[Failure]
    updated: int = 0


def as_json(result: Result) -> str:
    """One object; the field names are stable."""
    return json.dumps(
        {
            "messages": result.messages,
            "lanes": list(result.lanes),
            "updated": result.updated,
            "failures": [{**asdict(failure), "path": str(failure.path)} for failure in result.failures],
        },
        ensure_ascii=False,
    )


def as_lines(result: Result) -> Iterator[str]:
    """A paragraph for each failure, then a line with the numbers."""
    for failure in result.failures:
        yield from _failure(failure)
        yield ""
    where = f"in {'lane' if len(result.lanes) == 1 else 'lanes'} {' and '.join(result.lanes)}"
    note = f", as {result.note}" if result.note else ""
    messages = formatting.amount(result.messages, "message")
    failed = len({(failure.path, failure.number) for failure in result.failures})
    if result.updated:
        yield f"{messages}: what is expected of {formatting.count(result.updated)} was written anew; look at the change"
    elif failed:
        yield f"{messages} {where}{note}: {formatting.count(failed)} not as expected"
    else:
        yield f"{messages} {where}{note}: all as expected"


def _failure(failure: Failure) -> Iterator[str]:
    place = f"{failure.path}:{failure.line}" if failure.line is not None else f"{failure.path}"
    name = f" {json.dumps(failure.name, ensure_ascii=False)}" if failure.name else ""
    lane = f", in the {failure.lane} lane only" if failure.lane else ""
    yield f"{place}: message {failure.number}{name} is not as expected{lane}"
    width = max((len(each.where) for each in failure.differences), default=0)
    for each in failure.differences:
        if not each.expected:
            yield f"  {each.where} {each.found}"
            continue
        yield f"  {each.where:{width}}  expected  {each.expected}"
        yield f"  {'':{width}}  but is    {each.found}"

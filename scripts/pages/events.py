"""docs/reference/events.md: each event of `ingest.events` as a line of `--log-format json` has it."""

import dataclasses
import inspect
from collections.abc import Iterator
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from ingest import events
from ingest.events import Event
from ingest.status.lines import event_name
from ingest.status.log_lines import HEAD
from ingest.status.plain import SUMMARY_S
from scripts.pages.markdown import NOTICE, code, paragraphs, table, text, type_in_words

_INTRO = """\
`ingest supervise --log-format json` writes one JSON object a line. [Logs](../operations/logs.md) says what goes where,
and how to choose a level. Names of events and fields are an interface: new ones are added, none is renamed. The last
lines are the run's [accounts](account.md), whose `event` is `account`, or `run_failed`. No event holds a payload or a
secret.
"""
_HEAD = {
    "time": ("text", "when the event happened: ISO 8601 in UTC, with milliseconds"),
    "level": ("text", "`debug`, `info`, `warning` or `error`"),
    "event": ("text", "the event's name, as in the headings below"),
    "message": ("text", "the sentence of the text form, on one line"),
    "run": ("text", "name of the run: another one after each start"),
    "host": ("text", "name of the machine or container"),
    "version": ("text", "version of ingest"),
    "topic": ("text or null", "topic of the event or of its worker, or the only one of the run; else null"),
    "group": ("text or null", "consumer group of that topic; else null"),
    "worker": ("integer or null", "the worker's number; null: the supervisor"),
}


_SUMMARY = (
    ("events_per_s", "number", "messages read a second"),
    ("acknowledged_per_s", "number", "rows that Arize acknowledged a second; one that was sent again counts again"),
    ("acknowledged", "integer", "messages of this run that are acknowledged, and whose commit is confirmed"),
    ("dead_lettered", "integer", "messages of this run that are dead letters, and whose commit is confirmed"),
    ("lag", "integer", "offsets to the ends, of the partitions whose end is known"),
    ("lags", "object of integers", "the same by topic"),
    ("lag_unknown", "integer", "partitions whose end is not known: `lag` does not count them"),
    ("held_back", "integer", "of `lag`, the offsets that are behind open transactions"),
    ("held_back_s", "number or null", "seconds for which this run has seen the oldest of these transactions open"),
    ("restarts", "integer", "how many times a worker was to be started again"),
    ("remaining_s", "number or null", "seconds to the end at the mean rate so far; null if nobody can tell"),
    ("health", "text", "`ok`, `degraded` or `failing`"),
    ("sentence", "text", "how the run is, as on the status page"),
    ("oldest_age_s", "number or null", "age of the oldest uncommitted message in seconds; null if there is none"),
    ("oldest_age_unknown", "integer", "partitions whose oldest uncommitted message has no known age"),
    ("retention_left_s", "number or null", "seconds until retention may remove it; null if nobody can tell"),
)


def page() -> str:
    """The page."""
    found = [
        f"{NOTICE}\n# Events\n",
        _INTRO,
        "## Fields of every line\n",
        table(("field", "type", "what it is"), ((code(name), *_HEAD[name]) for name in HEAD)),
    ]
    for kind in kinds():
        found += [f"## {event_name_of(kind)}\n", _level(kind)]
        found += [f"{paragraph}\n" for paragraph in paragraphs(kind)]
        if rows := [row for row in fields(kind) if row[0] not in HEAD or row[0] in {"topic", "group"}]:
            found.append(_fields_table(rows))
    found += [f"## summary\n\nLevel: `info`\n\nThe state of the run, every {SUMMARY_S:.0f} s.\n"]
    found.append(table(("field", "type", "what it is"), ((code(name), kind, words) for name, kind, words in _SUMMARY)))
    found += ["## Objects in fields\n"]
    for inner in _objects():
        found += [f"### {inner.__name__}\n", *(f"{paragraph}\n" for paragraph in paragraphs(inner))]
        found.append(_fields_table(list(fields(inner))))
    return "\n".join(found)


def _level(kind: type[Event]) -> str:
    level: object = kind.level  # of some it is a field
    return f"Level: `{level}`\n" if isinstance(level, str) else "Level: that of what it is about\n"


def kinds() -> list[type[Event]]:
    """All events, in the order of their definition."""
    found = [kind for kind in vars(events).values() if inspect.isclass(kind) and issubclass(kind, Event)]
    return [kind for kind in found if kind is not Event]


def event_name_of(kind: type[Event]) -> str:
    """The name of an event in JSON."""
    return event_name(object.__new__(kind))


def fields(kind: Any) -> Iterator[tuple[str, Any, str]]:
    """Each field of a dataclass: its name, its type, and what `Annotated` says about it."""
    hints = get_type_hints(kind, include_extras=True)
    for field in dataclasses.fields(kind):
        hint, words = hints[field.name], ""
        if get_origin(hint) is Annotated:
            hint, *notes = get_args(hint)
            words = next((note for note in notes if isinstance(note, str)), "")
        yield field.name, hint, words


def _fields_table(rows: list[tuple[str, Any, str]]) -> str:
    described = any(words for _, _, words in rows)
    header = ("field", "type", "what it is")[: 3 if described else 2]
    return table(header, ((code(name), _type(hint), text(words))[: len(header)] for name, hint, words in rows))


def _type(hint: Any) -> str:
    return type_in_words(hint).replace("table of", "object of")  # as JSON calls it


def _objects() -> list[Any]:
    """The dataclasses that fields hold, those inside others too, by name."""
    found: dict[str, Any] = {}
    waiting: list[Any] = [hint for kind in kinds() for _, hint, _ in fields(kind)]
    while waiting:
        hint = waiting.pop()
        waiting += get_args(hint)
        if inspect.isclass(hint) and dataclasses.is_dataclass(hint) and hint.__name__ not in found:
            found[hint.__name__] = hint
            waiting += [inner for _, inner, _ in fields(hint)]
    return [found[name] for name in sorted(found)]

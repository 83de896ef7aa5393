"""docs/reference/status-api.md: what the supervisor serves, and each field of the JSON of `/api/status`.

The fields and what they are stand in `ingest.status.snapshot`: in the docstrings of its classes and below its fields.
"""

import ast
import dataclasses
import inspect
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, get_args, get_type_hints

from ingest.status import snapshot
from ingest.status.web.server import MOST_CONNECTIONS, REQUEST_S, STALLED_S
from ingest.status.web.stream import EVERY_S, MOST_CLIENTS
from scripts.pages.markdown import NOTICE, code, paragraphs, table, text, type_in_words

_INTRO = f"""\
The supervisor serves these at `[status] host` and `port`, with GET only:

| path | what it is |
|---|---|
| `/` | [the page](../operations/status-page.md) |
| `/partitions` | the table of all partitions, also where the page shows the worst only |
| `/api/status` | the newest snapshot of the run, in the fields below; 503 while there is none |
| `/api/events` | the same every {EVERY_S:g} s as server-sent events, to {MOST_CLIENTS} clients at most |
| `/api/account` | `final`, whether the run has ended, `accounts`, its [accounts](account.md) by topic then, and \
`so_far`, by topic and partition what is confirmed while it goes on: a lag that is not known is null |
| `/api/config` | the effective configuration by section and key; secrets are `***` |
| `/metrics` | [the metrics](metrics.md) |
| `/livez`, `/readyz` | whether the run lives, and whether it is ready: 200, or 503 with `reasons`; also `notes` |
| `/actions/drain`, `/actions/restart-worker`, `/actions/pause-partition`, `/actions/resume-partition` | with POST, \
a token and `[status] actions` only |

Long answers but the events are compressed for clients that accept gzip. A connection serves one request.
More than {MOST_CONNECTIONS} connections, one that sends no request within {REQUEST_S:g} s and
one that reads nothing for {STALLED_S:g} s are cut. Names other than addresses, `localhost` and
`[status] allowed_hosts` get 421, requests of foreign sites 403.

Field names are an interface: new ones are added, none is renamed. Moments are Unix seconds, ages and durations are
seconds at the snapshot's `at`, and what is not known is null, never 0.
"""


def page() -> str:
    """The page."""
    found = [f"{NOTICE}\n# Status API\n", _INTRO]
    for kind in kinds():
        found += [f"## {title(kind)}\n", *(f"{paragraph}\n" for paragraph in paragraphs(kind)), _fields(kind)]
    found.append("## Words\n")
    for words in (snapshot.Health, snapshot.State):
        found += [f"### {words.__name__}\n", *(f"{paragraph}\n" for paragraph in paragraphs(words))]
        found.append(f"{', '.join(code(word.value) for word in words)}\n")
    return "\n".join(found)


def kinds() -> list[type]:
    """The dataclasses, the whole first."""
    made = [kind for kind in vars(snapshot).values() if dataclasses.is_dataclass(kind) and inspect.isclass(kind)]
    return [snapshot.Snapshot, *(kind for kind in made if kind is not snapshot.Snapshot)]


def title(kind: type) -> str:
    """Where objects of this class stand in the JSON."""
    names = {
        field.name
        for owner in kinds()
        for field in dataclasses.fields(owner)
        if kind in _inner(get_type_hints(owner)[field.name])
    }
    return ", ".join(code(name) for name in sorted(names)) or code("/api/status")


def _inner(hint: Any) -> list[Any]:
    return [hint, *(one for argument in get_args(hint) for one in _inner(argument))]


def _fields(kind: type) -> str:
    words, hints = descriptions()[kind.__name__], get_type_hints(kind)
    rows = [(code(field.name), _type(hints[field.name]), text(words.get(field.name, "")))
            for field in dataclasses.fields(kind)]  # fmt: skip
    described = any(row[2] for row in rows)
    return table(
        ("field", "type", "what it is")[: 3 if described else 2], (row[: 3 if described else 2] for row in rows)
    )


def _type(hint: Any) -> str:
    if inspect.isclass(hint) and issubclass(hint, StrEnum):
        return code(hint.__name__)
    return type_in_words(hint)


def descriptions() -> Mapping[str, Mapping[str, str]]:
    """The texts below the fields, by class and field."""
    tree = ast.parse(Path(inspect.getfile(snapshot)).read_text(encoding="utf-8"))
    found: dict[str, dict[str, str]] = {}
    for node in tree.body:
        if not isinstance(node, ast.ClassDef):
            continue
        words = found.setdefault(node.name, {})
        for field, below in zip(node.body, node.body[1:], strict=False):
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                match below:
                    case ast.Expr(value=ast.Constant(value=str(description))):
                        words[field.target.id] = inspect.cleandoc(description)
    return found

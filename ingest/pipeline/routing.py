"""Routing: the route of a message, and the destination of its rows.

Rules
1. The first route whose `when` holds takes a message. All entries must hold, and an entry holds if the message has one
   of its values, of the same type: 1 is neither "1" nor true. `*` in a string stands for any characters.
2. `headers.NAME`, `key` and `partition` are Kafka's, everything else is a field by its dotted path, as it stands in
   the message, before any renaming. Keys and headers are text where they are UTF-8; of several headers of a name the
   last one counts.
3. A message that no route takes, or that is not a JSON object, gets the route past the last one, and is a dead letter.
4. A destination is that of [arize], its placeholders filled by each message: strings as they are, numbers and booleans
   as JSON writes them. A message without a value for a placeholder has no destination: a dead letter of its route.
5. The space id is an HTTP header value (`ingest.config.credentials`, rule 2). A message that fills in anything else
   is a dead letter of its route (`bad_space_id`): sent, it would fail for ever, and the error would quote it.
6. More than `MAX_DESTINATIONS` of them are not destinations but data: each event would need an upload of its own.
7. The route of a message depends on nothing but the message and the rules: a commit refers to routes, and a later
   process must find the same ones.

Theory: events of a topic have few models and versions. A chunk's values of a field are numbered once, and
every condition is checked for the different values only.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
import numpy.typing as npt

from ingest import __version__
from ingest.config.arize_access import space_id
from ingest.config.consistency import faults
from ingest.config.credentials import header_fault
from ingest.config.patterns import MATCHES_NOTHING
from ingest.config.resolve import RouteConfig
from ingest.config.schema import Environment
from ingest.config.templates import Placeholder
from ingest.config.templates import parse as parts_of
from ingest.pipeline.decoding.enrich import header, text
from ingest.pipeline.decoding.flatten import Row
from ingest.pipeline.decoding.parse import Parsed, parse
from ingest.pipeline.formats.unwrap import Unwrapped
from ingest.reasons import Reason
from ingest.records import Destination, KafkaMessage, Rejected

MAX_DESTINATIONS = 1_000

Ints = npt.NDArray[np.int64]
_NO_ROUTE = Reason("no_route", "no route takes it: none of [routes.*] has a when that holds for it")
_TOO_MANY_DESTINATIONS = Reason(
    "too_many_destinations",
    f"there are {MAX_DESTINATIONS:,} models and versions already; is what [arize] is filled with data?",
)
_KEYS = ("space_id", "model_name", "model_version", "environment", "batch_id")


@dataclass(frozen=True, slots=True)
class RoutedChunk:
    """A chunk by route: the number of each message's route, and of its destination, -1 without one.

    `values` are the messages' values as [format] has unwrapped them. `parsed` is None if routing did not need the
    messages' fields; `rejected` has those without a destination.
    """

    routes: Ints
    destinations: Ints
    values: Sequence[bytes | None]
    parsed: Parsed | None
    rejected: Mapping[int, Rejected]


class Router:
    """Routes messages by `routes`. `destinations` has all that were found so far, by number."""

    def __init__(self, routes: Sequence[RouteConfig]) -> None:
        self._routes = routes
        self._schemes = [_Scheme(route) for route in routes]
        self._plain = len(routes) == 1 and not routes[0].when and not self._schemes[0].placeholders
        self.destinations: list[Destination] = []
        self._numbers: dict[tuple[int, Destination], int] = {}
        if self._plain and isinstance(fixed := self._schemes[0].fill([]), Destination):
            self.destinations.append(fixed)

    @property
    def parses(self) -> bool:
        """Whether messages are parsed to find their route or destination."""
        return not self._plain

    @property
    def nowhere(self) -> int:
        """The route of messages that no route takes; 0 if the only route takes every message."""
        return 0 if self._plain else len(self._routes)

    @property
    def identity(self) -> str:
        """Identifies these routes: a commit's numbers of open routes refer to them. Empty for a single one.

        [format] is a part of it where it unwraps messages: their fields are those of the unwrapped ones.

        Another version of ingest may parse messages that this one can't, and find another route.
        """
        if self._plain:
            return ""
        rules = [
            [route.name, sorted((path, list(values)) for path, values in route.when.items())] for route in self._routes
        ]
        unwrapped = [] if (form := self._routes[0].format).plain else [form.model_dump(mode="json")]
        return hashlib.sha256(json.dumps([__version__, rules, *unwrapped]).encode()).hexdigest()[:12]

    def route(self, messages: Sequence[KafkaMessage], unwrapped: Unwrapped | None = None) -> RoutedChunk:
        """The route and the destination of each message, whose values are those of `unwrapped`, else its own."""
        if unwrapped is None:
            unwrapped = Unwrapped([message.value() for message in messages], {})
        values, unusable = unwrapped.values, unwrapped.rejected
        if self._plain:
            zeros = np.zeros(len(messages), dtype=np.int64)
            destinations = zeros
            if unusable:
                destinations = zeros.copy()
                destinations[list(unusable)] = -1
            return RoutedChunk(zeros, destinations, values, None, unusable)
        parsed = parse([None if index in unusable else value for index, value in enumerate(values)])
        indices = np.asarray(parsed.indices, dtype=np.int64)
        fields = _Values(parsed.rows, [messages[index] for index in parsed.indices])
        routes = np.full(len(messages), self.nowhere, dtype=np.int64)
        destinations = np.full(len(messages), -1, dtype=np.int64)
        rejected = {**parsed.rejected, **unusable}
        for number in range(len(self._routes) - 1, -1, -1):
            routes[indices[self._holds(self._routes[number], fields)]] = number
        for number, scheme in enumerate(self._schemes):
            rows = np.flatnonzero(routes[indices] == number)
            for own, filled in self._filled(scheme, rows, fields) if self._routes[number].deliver else ():
                found = self._number(number, filled) if isinstance(filled, Destination) else filled
                if isinstance(found, int):
                    destinations[indices[own]] = found
                else:
                    rejected |= {index: Rejected(index, found) for index in indices[own].tolist()}
        for index in indices[routes[indices] == self.nowhere].tolist():
            rejected.setdefault(index, Rejected(index, _NO_ROUTE))
        return RoutedChunk(routes, destinations, values, parsed, rejected)

    @staticmethod
    def _holds(route: RouteConfig, values: "_Values") -> npt.NDArray[np.bool_]:
        found = np.ones(values.count, dtype=np.bool_)
        for path, wanted in route.when.items():
            codes, known = values.of(path)
            holds = _matcher_of(wanted)
            found &= np.fromiter((holds(value) for value in known), dtype=np.bool_, count=len(known))[codes]
        return found

    @staticmethod
    def _filled(scheme: "_Scheme", rows: Ints, values: "_Values") -> Iterator[tuple[Ints, Destination | Reason]]:
        """The rows of each destination, or of each reason why there is none."""
        if not len(rows):
            return
        columns = [values.of(path) for path in scheme.placeholders]
        if not columns:
            yield rows, scheme.fill([])
            return
        codes = np.stack([codes[rows] for codes, _ in columns])
        found, which = np.unique(codes, axis=1, return_inverse=True)
        for combination in range(found.shape[1]):
            filled = [known[code] for (_, known), code in zip(columns, found[:, combination], strict=True)]
            yield rows[which.reshape(-1) == combination], scheme.fill(filled)

    def _number(self, route: int, destination: Destination) -> int | Reason:
        number = self._numbers.get((route, destination))
        if number is None:
            if len(self.destinations) >= MAX_DESTINATIONS:
                return _TOO_MANY_DESTINATIONS
            number = self._numbers[route, destination] = len(self.destinations)
            self.destinations.append(destination)
        return number


class _Scheme:
    """How a route's destinations are filled: messages must have a value under each of the paths `placeholders`."""

    def __init__(self, route: RouteConfig) -> None:
        self._route = route
        arize = route.arize
        self._parts: dict[str, Sequence[str | Placeholder]] = {key: parts_of(getattr(arize, key)) for key in _KEYS}
        if not arize.space_id:
            self._parts["space_id"] = (space_id(arize),)
        self.placeholders = list(
            dict.fromkeys(p.path for parts in self._parts.values() for p in parts if isinstance(p, Placeholder))
        )

    def fill(self, values: Sequence[Any]) -> Destination | Reason:
        """The destination that `values`, in the order of `placeholders`, make; else why there is none."""
        known = dict(zip(self.placeholders, map(_as_text, values), strict=True))
        for path, value_text in known.items():
            if not value_text:
                detail = f'"{path}" has no text or number in it, which [arize] is to be filled with'
                return Reason("no_destination", detail)
        filled = {
            key: "".join(known[part.path] or "" if isinstance(part, Placeholder) else part for part in parts)
            for key, parts in self._parts.items()
        }
        if self.placeholders and (fault := header_fault(filled["space_id"])):
            detail = f"what fills [arize] space_id: {fault}; a space id is printable ASCII without blanks"
            return Reason("bad_space_id", detail)
        if filled["environment"] not in get_args(Environment):
            detail = f"what fills [arize] environment is none of {', '.join(get_args(Environment))}"
            return Reason("no_destination", detail)
        if filled["environment"] != "validation":
            filled["batch_id"] = ""
        arize = self._route.arize.filled(filled)
        wrong = faults(self._route.schema, arize) if self.placeholders else []
        if wrong:
            return Reason("no_destination", wrong[0])
        return Destination(**filled)


class _Values:
    """The values under a path, numbered: each row's number, and the different values by it."""

    def __init__(self, rows: Sequence[Row], messages: Sequence[KafkaMessage]) -> None:
        self.count = len(rows)
        self._rows = rows
        self._messages = messages
        self._found: dict[str, tuple[Ints, list[Any]]] = {}

    def of(self, path: str) -> tuple[Ints, list[Any]]:
        if path not in self._found:
            self._found[path] = self._numbered(self._column(path))
        return self._found[path]

    def _column(self, path: str) -> Iterable[Any]:
        if path == "key":
            return (text(message.key()) for message in self._messages)
        if path == "partition":
            return (message.partition() for message in self._messages)
        if path.startswith("headers."):
            name = path.removeprefix("headers.")
            return (text(header(message.headers(), name)) for message in self._messages)
        return (row.get(path) for row in self._rows)

    def _numbered(self, column: Iterable[Any]) -> tuple[Ints, list[Any]]:
        numbers: dict[tuple[type, Any], int] = {}
        codes = np.zeros(self.count, dtype=np.int64)
        for row, value in enumerate(column):
            known = None if isinstance(value, list | dict) else value  # never matches a route
            codes[row] = numbers.setdefault((type(known), known), len(numbers))
        return codes, [value for _, value in numbers]


def _matcher_of(values: Sequence[Any]) -> Callable[[Any], bool]:
    exact = {(type(value), value) for value in values if not (isinstance(value, str) and "*" in value)}
    wild = [".*".join(map(re.escape, value.split("*"))) for value in values if isinstance(value, str) and "*" in value]
    pattern = re.compile("|".join(wild) or MATCHES_NOTHING, re.DOTALL)
    return lambda value: (type(value), value) in exact or (isinstance(value, str) and bool(pattern.fullmatch(value)))


def _as_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value)

"""Names of columns in the configuration that no message of a sample has, and the names in the sample that look alike.

Rules
1. A name is seen if at least one message has the key, with any value. A pattern is seen if it covers a key.
2. The names that the configuration sets are looked for, and of the defaults those that the sample's dead letters lack:
   a topic may do without the others.
3. `[schema] rename`, `exclude` and `hash`, conditions of routes and templates name keys as they are in the message, all
   other settings name columns after renaming.
4. A column looks like a wanted one if it is known as a name of that role and its values fit (`detect_roles`), if it
   differs in spelling only, or if its last part is the same.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ingest.commands.schema.column_statistics import SampleStatistics
from ingest.commands.schema.detect_roles import detect_roles, snake_case
from ingest.config.messages import toml_key
from ingest.config.near_names import nearest
from ingest.config.patterns import matcher
from ingest.config.resolve import RouteConfig
from ingest.config.schema import Schema, column_roles
from ingest.config.templates import Placeholder, parse
from ingest.pipeline.decoding.learned_schema import LearnedSchema
from ingest.pipeline.decoding.parse import parse as parse_messages
from ingest.pipeline.decoding.privacy import privacy_of
from ingest.pipeline.decoding.renames import ColumnRenamer
from ingest.pipeline.decoding.rules import rules
from ingest.records import KafkaMessage, header_pairs

_MOST_NAMES = 10_000
_MOST_NEAR = 2
_ALIKE = 0.75  # 1 is the same
_TEMPLATES = ("space_id", "model_name", "model_version", "environment", "batch_id")
_REQUIRED = ("prediction_id", "timestamp")
_PREDICTIONS = ("prediction_label", "prediction_score")


@dataclass(frozen=True, slots=True)
class Unseen:
    """A configured name that no sampled message has. `setting` is the key that names it, `near` are names like it."""

    setting: str
    name: str
    near: tuple[str, ...]

    def text(self, messages: str) -> str:
        """The sentence about it; `messages` are those that were looked at."""
        found = f"{self.setting} = {toml_key(self.name)}: none of {messages} has it"
        if not self.near:
            return found
        alike = " and ".join(toml_key(name) for name in self.near)
        return f"{found}; {alike} {'looks' if len(self.near) == 1 else 'look'} like it"


@dataclass(frozen=True, slots=True)
class _Name:
    """A configured name; `raw`: of a key in the message, not of a column."""

    setting: str
    name: str
    raw: bool = False


class NamesSeen:
    """The keys and columns of a route's messages."""

    def __init__(self, route: RouteConfig, messages: Sequence[KafkaMessage], now_epoch_s: float) -> None:
        """`now_epoch_s`: seconds since 1970."""
        self._route = route
        schema, model_type = route.schema, route.arize.model_type
        renamer = ColumnRenamer(schema.rename, schema.exclude)
        statistics = SampleStatistics(
            LearnedSchema(rules(schema, model_type), renamer=renamer, privacy=privacy_of(schema))
        )
        parsed = parse_messages([message.value() for message in messages])
        statistics.add(parsed)
        self._roles: Mapping[str, str] = detect_roles(statistics, schema, model_type, now_epoch_s)
        self._keys = _few(key for row in parsed.rows for key in row)
        self._headers = _few(f"headers.{name}" for message in messages for name, _ in header_pairs(message.headers()))
        columns = (name for key in self._keys if (name := renamer.column_of(key)) is not None)
        self._columns = dict.fromkeys((*columns, *schema.added()))

    def unseen(self, *, required: bool, predictions: bool) -> list[Unseen]:
        """The configured names that no message has.

        `required` and `predictions`: also the defaults of the columns that a message needs, or that make a prediction.
        """
        return self.missing([*_columns(self._route, required=required, predictions=predictions), *_keys(self._route)])

    def missing(self, names: Iterable[_Name]) -> list[Unseen]:
        """Those of `names` that no message has."""
        return [
            Unseen(each.setting, each.name, self._near(each)) for each in dict.fromkeys(names) if not self._seen(each)
        ]

    def _known(self, wanted: _Name) -> Mapping[str, None]:
        if not wanted.raw:
            return self._columns
        return self._headers if wanted.name.startswith("headers.") else self._keys

    def _seen(self, wanted: _Name) -> bool:
        known = self._known(wanted)
        covers = matcher([wanted.name])
        return wanted.name in known or any(covers.fullmatch(name) for name in known)

    def _near(self, wanted: _Name) -> tuple[str, ...]:
        """Rule 4."""
        role = self._roles.get(wanted.setting.removeprefix("[schema] "))
        if role is not None:
            return (role,)
        known = self._known(wanted)
        spelling = snake_case(wanted.name)
        same = [name for name in known if snake_case(name) == spelling or _last(name) == _last(wanted.name)]
        if not same:
            spelled = {snake_case(name): name for name in known}
            same = [spelled[text] for text in nearest(spelling, spelled, most=_MOST_NEAR, cutoff=_ALIKE)]
        return tuple(same[:_MOST_NEAR])


def unseen_conditions(
    routes: Sequence[RouteConfig], messages: Sequence[KafkaMessage], now_epoch_s: float
) -> list[Unseen]:
    """The keys and headers in the conditions of `routes` that none of a topic's messages has."""
    seen = NamesSeen(replace(routes[0], when={}, schema=Schema()), messages, now_epoch_s)
    wanted = [
        _Name(f"{route.section} when", path, raw=True)
        for route in routes
        for path in route.when
        if path not in {"key", "partition"}
    ]
    return seen.missing(wanted)


def _last(name: str) -> str:
    """The last part of a dotted path."""
    return snake_case(name.rsplit(".", 1)[-1])


def _few(names: Iterable[str]) -> dict[str, None]:
    """The different names in order of appearance, `_MOST_NAMES` at most: keys may be data."""
    found: dict[str, None] = {}
    for name in names:
        if name and name not in found and len(found) < _MOST_NAMES:
            found[name] = None
    return found


def _columns(route: RouteConfig, *, required: bool, predictions: bool) -> Iterator[_Name]:
    schema = route.schema
    needed = {*(_REQUIRED if required else ()), *(_PREDICTIONS if predictions else ())}
    if schema.timestamp_from_kafka:
        needed.discard("timestamp")
    for role in column_roles(schema, route.arize.model_type):
        if role.setting in needed or role.setting.split(".")[0] in schema.model_fields_set:
            yield _Name(f"[schema] {role.setting}", role.column)
    for setting in ("tags", "features"):
        yield from (_Name(f"[schema] {setting}", name) for name in getattr(schema, setting))
    yield from (_Name("[schema.shap]", column) for column in schema.shap.values() if "*" in column)
    for setting in ("types", "conflicts"):
        yield from (_Name(f"[schema.{setting}]", name) for name in getattr(schema, setting))


def _keys(route: RouteConfig) -> Iterator[_Name]:
    schema = route.schema
    yield from (_Name("[schema.rename]", name, raw=True) for name in schema.rename)
    for setting in ("exclude", "hash"):
        yield from (_Name(f"[schema] {setting}", name, raw=True) for name in getattr(schema, setting))
    yield from (_Name("[schema.kafka]", source, raw=True) for source in schema.kafka if source.startswith("headers."))
    for key in _TEMPLATES:
        for part in parse(getattr(route.arize, key)):
            if isinstance(part, Placeholder):
                yield _Name(f"[arize] {key}", part.path, raw=True)

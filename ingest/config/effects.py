"""Settings that can never act, whatever the messages are: each is a fault at start.

Rules
1. Only what the configuration alone proves is a fault. A setting that acts for some messages is none, and a default
   that is written out is none.
2. A column can't arrive if all keys that [schema] rename makes it of are excluded, or if rename calls its key by
   another name and makes it of no other.
3. An entry of a list never acts if another one covers it; a pattern of a table, if an earlier one covers it.
4. A finding names the keys that set it. An overlay inherits what the base sets: that is a fault only if it can't act
   anywhere (`ingest.config.checks`).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ingest.config.patterns import covers, matcher
from ingest.config.renames import Renames
from ingest.config.schema import Schema, column_roles
from ingest.config.sections import Arize

_ALL = "*"


@dataclass(frozen=True, slots=True)
class WithoutEffect:
    """A setting without effect: its section, the keys that lead to it, and the fault as a sentence."""

    section: str
    path: tuple[str, ...]
    text: str


def without_effect(schema: Schema, arize: Arize) -> Iterator[WithoutEffect]:
    """What can never act of one route's settings."""
    settings = _Settings(schema, arize.model_type)
    found = (
        *settings.columns(),
        *settings.lists(),
        *settings.dropped(),
        *settings.features(),
        *settings.renames(),
        *settings.tables(),
        *settings.conflicts(),
        *settings.others(),
    )
    for path, text in found:
        yield WithoutEffect("schema", tuple(path.split(".")), f"[schema] {path.split('.')[0]}{text}")
    if arize.in_flight == 1 and "adaptive" in arize.model_fields_set:
        text = "[arize] adaptive can't change anything with in_flight = 1; remove it, or set in_flight higher"
        yield WithoutEffect("arize", ("adaptive",), text)


_Finding = tuple[str, str]  # the key's path, and the rest of the sentence


class _Settings:
    def __init__(self, schema: Schema, model_type: str) -> None:
        self._schema = schema
        self._renames = Renames(schema.rename)
        self._excluded, self._hashed = matcher(schema.exclude), matcher(schema.hash)
        roles = [role for role in column_roles(schema, model_type) if role.setting != "tags"]
        self._roles = {role.column: role.setting for role in roles}
        self._named = [(role.setting, role.column) for role in roles]

    def columns(self) -> Iterator[_Finding]:
        """Exact names of columns that can't arrive: rule 2."""
        schema = self._schema
        named = list(self._named)
        for key in ("tags", "features", "types", "conflicts"):
            named += [(key, name) for name in getattr(schema, key) if "*" not in name]
        for setting, column in named:
            key = setting.split(".")[0]
            explicit = key in schema.model_fields_set or key == "prediction_id"
            if explicit and column not in schema.added() and (why := self._missing(column)):
                if key == "timestamp" and schema.timestamp_from_kafka:
                    continue
                yield setting, f': "{column}" can never be in a row: {why}'

    def lists(self) -> Iterator[_Finding]:
        """Entries that others cover: rule 3."""
        schema = self._schema
        for key in ("exclude", "hash", "tags", "features"):
            entries: Sequence[str] = getattr(schema, key)
            for at, entry in enumerate(entries):
                if key == "tags" and entry in self._roles:
                    continue  # a tag that has another role as well
                if (other := _covering(entry, at, entries)) is not None:
                    yield key, f': "{entry}" is covered by "{other}"; remove it'

    def dropped(self) -> Iterator[_Finding]:
        """Entries of lists that exclude makes void."""
        schema = self._schema
        for entry in schema.hash:
            if covers(schema.exclude, entry):
                yield "hash", f': "{entry}" is never hashed, because exclude drops it'
        if not schema.rename:
            for key in ("tags", "features", "types", "conflicts"):
                for entry in getattr(schema, key):
                    if "*" in entry and covers(schema.exclude, entry):
                        yield key, f': "{entry}" matches nothing that exclude does not drop'

    def features(self) -> Iterator[_Finding]:
        """Entries of features that are something else."""
        schema = self._schema
        for entry in schema.features:
            if covers(schema.tags, entry) or entry in schema.added():
                yield "features", f': "{entry}" is a tag, which goes before features; remove one of them'
            elif entry in self._roles:
                yield "features", f': "{entry}" is {self._roles[entry]} already, so it is no feature; remove it'

    def renames(self) -> Iterator[_Finding]:
        """Entries of rename that change nothing."""
        entries = self._schema.rename
        patterns: list[str] = []
        for path, name in entries.items():
            if covers(self._schema.exclude, path):
                yield "rename", f': "{path}" is never renamed, because exclude drops it'
            elif "*" not in path:
                others = Renames({key: new for key, new in entries.items() if key != path})
                if others.column_of(path) == name:
                    yield "rename", f': "{path}" = "{name}" changes nothing; remove it'
            elif (other := next((one for one in patterns if Renames({one: "*"}).covers(path)), None)) is not None:
                yield "rename", f': "{path}" never acts, because "{other}" before it takes all of its paths'
            elif path == name and path == [key for key in entries if "*" in key][-1]:
                yield "rename", f': "{path}" = "{name}" changes nothing; remove it'
            if "*" in path:
                patterns.append(path)

    def tables(self) -> Iterator[_Finding]:
        """Patterns of types and conflicts that an earlier one shadows, and unknown where every column is known."""
        schema = self._schema
        tables: Mapping[str, Mapping[str, str]] = {"types": schema.types, "conflicts": schema.conflicts}
        for key, table in tables.items():
            wild = [name for name in table if "*" in name]
            for at, name in enumerate(wild):
                if (other := next((one for one in wild[:at] if covers([one], name)), None)) is not None:
                    yield key, f': "{name}" never acts, because "{other}" before it covers it'
        known = [*schema.tags, *schema.features, *(name for name in schema.types if "*" in name)]
        if set(schema.conflicts.values()) == {"text"}:
            known += [name for name in schema.conflicts if "*" in name]
        if schema.unknown != "send" and covers(known, _ALL):
            yield (
                "unknown",
                f' = "{schema.unknown}" never acts: "*" in tags, features, types or conflicts names them all',
            )

    def conflicts(self) -> Iterator[_Finding]:
        """Columns whose values can't conflict."""
        schema = self._schema
        for name, word in schema.conflicts.items():
            if "*" in name or word == "dead_letter":
                continue
            keys = self._renames.keys_of(name)
            if name in schema.added():
                if word == "null":
                    yield "conflicts", f': "{name}" comes from [schema] kafka or constants, and never conflicts'
            elif keys and all(map(self._hashed.fullmatch, keys)) and name not in self._roles:
                yield "conflicts", f': "{name}" never conflicts, because hash makes strings of its values'

    def others(self) -> Iterator[_Finding]:
        """Keys that need another one."""
        schema = self._schema
        if schema.hash_key_file is not None and not schema.hash:
            yield "hash_key_file", " is set, but [schema] hash names nothing to hash"
        if "timestamp_unit" in schema.model_fields_set and (not schema.timestamp or self._missing(schema.timestamp)):
            yield "timestamp_unit", " is set, but no timestamp is read from the messages"

    def _missing(self, column: str) -> str:
        """Why no key becomes `column`; "" if one may."""
        keys = self._renames.keys_of(column)
        if not keys:
            return f'rename makes "{self._renames.column_of(column)}" of its key'
        if all(map(self._excluded.fullmatch, keys)):
            return "exclude drops it"
        return ""


def _covering(entry: str, at: int, entries: Sequence[str]) -> str | None:
    """Another entry that covers this one; of two that cover each other, the first stays."""
    for number, other in enumerate(entries):
        if number != at and covers([other], entry) and (number < at or not covers([entry], other)):
            return other
    return None

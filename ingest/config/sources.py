"""Where the values of a configuration come from: files, the environment and flags, merged key by key.

Rules
1. Flags take precedence over the environment, that over the files, and of several files the last one. Tables are merged
   key by key, [topics] among files too; lists are replaced, and so is [routes] as a whole: routes have an order, which
   two sources could not share. INGEST_TOPICS replaces [topics] as a whole.
2. A path in a file is relative to that file's directory, one of the environment or a flag to the working directory. `~`
   is the home directory in both.
3. Variables in texts are filled (`ingest.config.variables`). A fault in a value that another source replaces is none.
4. Unquoted option names in [kafka.options], which TOML reads as nested tables, are options: `security.protocol`.
5. A place is where the user wrote a value: `ingest.toml:3`, `INGEST_BATCH__LINGER_S`, `--workers`.
"""

import os
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self, get_args, get_origin

from pydantic import BaseModel
from pydantic_settings import BaseSettings, EnvSettingsSource

from ingest.config import kafka_options, spellings, toml_lines, variables
from ingest.config.credentials import is_secret
from ingest.config.messages import all_keys
from ingest.config.sections import Account, Kafka
from ingest.config.toml_faults import toml_fault
from ingest.errors import ConfigError

DEFAULT_FILE = "ingest.toml"

KeyPath = tuple[str, ...]
Kind = Literal["file", "environment", "flag"]

_WHOLE_TABLES: Mapping[Kind, tuple[str, ...]] = {
    "file": ("routes",),
    "environment": ("topics", "routes"),
    "flag": ("topics", "routes"),
}
_FLAGS: dict[KeyPath, str] = {("dead_letters", "directory"): "--directory"}
_PATH_OPTIONS = (".location", ".keytab", "_file")
# Its name would be a part of the secret.
_REFERENCE_IN_SECRET = 'it holds a "${" that is no variable of the environment: $${ is a literal ${'  # noqa: S105  a sentence
_NO_PATH = frozenset({"", "probe"})  # ssl.ca.location = "probe"


class _Number(float):
    """A number with its digits: a version 1.10 is not 1.1."""

    text: str

    def __new__(cls, text: str) -> Self:
        number = super().__new__(cls, text)
        number.text = text
        return number


@dataclass(frozen=True)
class Source:
    """One source: its values as nested tables, prepared by rules 2 to 4, and the faults of the values by their path."""

    kind: Kind
    name: str
    tree: dict[str, Any]
    text: str = ""
    faults: dict[KeyPath, str] = field(default_factory=dict)
    secrets: frozenset[str] = frozenset()
    from_variables: Mapping[KeyPath, tuple[str, ...]] = field(default_factory=dict)

    def depth(self, path: KeyPath) -> int:
        """How many parts of `path` this source has."""
        at: Any = self.tree
        for number, part in enumerate(path):
            if isinstance(at, Mapping) and part in at:
                at = at[part]
            elif isinstance(at, list | tuple) and part.isdigit() and int(part) < len(at):
                at = at[int(part)]
            else:
                return number
        return len(path)

    def place(self, path: KeyPath) -> str:
        """Where this source has `path`: rule 5."""
        if self.kind == "file":
            line = next((self._lines[path[:n]] for n in range(len(path), 0, -1) if path[:n] in self._lines), None)
            return self.name if line is None else f"{self.name}:{line}"
        if self.kind == "flag":
            return _FLAGS.get(path[:2], f"--{path[-1].replace('_', '-')}")
        wanted = ["__".join(("INGEST_" + path[0], *path[1:n])).upper() for n in range(len(path), 0, -1)]
        there = {name.upper(): name for name in os.environ}
        return next((there[name] for name in wanted if name in there), "the environment")

    @cached_property
    def _lines(self) -> dict[KeyPath, int]:
        found: dict[KeyPath, int] = {}
        for path, line in toml_lines.lines(self.text).items():
            found.setdefault(_joined_option(path), line)
        return found


@dataclass(frozen=True)
class Sources:
    """All sources, from the first in precedence to the last."""

    all: tuple[Source, ...]

    @property
    def anything_set(self) -> bool:
        """There is a file, a variable or a flag."""
        return any(source.tree or source.kind == "file" for source in self.all)

    @cached_property
    def tree(self) -> dict[str, Any]:
        """The merged values: rule 1."""
        merged: dict[str, Any] = {}
        for source in reversed(self.all):
            _lay_over(merged, source.tree, whole=_WHOLE_TABLES[source.kind])
        return merged

    def owner(self, path: KeyPath) -> Source | None:
        """The source whose value for `path` counts, or for the longest part of it that any source has."""
        found: Source | None = None
        deepest = 0
        for source in self.all:
            if (depth := source.depth(path)) > deepest:
                found, deepest = source, depth
            if path[0] in _WHOLE_TABLES[source.kind] and path[0] in source.tree:
                break
        return found

    def place(self, path: KeyPath) -> str:
        """Where the value for `path` was written; "" if nowhere."""
        path = _joined_option(path)
        source = self.owner(path) if path else None
        return "" if source is None else source.place(path[: source.depth(path)])

    def has(self, path: KeyPath) -> bool:
        """A source sets exactly this path."""
        source = self.owner(path) if path else None
        return source is not None and source.depth(path) == len(path)

    def faults(self) -> Iterator[tuple[KeyPath, str]]:
        """Faults of variables in values that count."""
        for source in self.all:
            yield from ((path, text) for path, text in source.faults.items() if self.owner(path) is source)

    def secrets(self) -> frozenset[str]:
        """What variables with the name of a secret filled in."""
        return frozenset().union(*(source.secrets for source in self.all))


def read_file(path: Path, model: type[BaseModel]) -> Source:
    """The values of a TOML file. Raises `ConfigError` naming the file, and never quotes it."""
    text = ""
    try:
        text = path.read_bytes().decode("utf-8-sig")
        tree = tomllib.loads(text, parse_float=_Number)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not valid TOML: {toml_fault(error, text, all_keys(model))}") from None
    except UnicodeDecodeError as error:
        like = ", but looks like UTF-16" if error.object.startswith((b"\xff\xfe", b"\xfe\xff")) else ""
        raise ConfigError(f"{path}: not valid TOML: it is not UTF-8{like}; save it as UTF-8") from None
    except OSError as error:
        raise ConfigError(f"{path}: can't be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise ConfigError(
            f"{path}: not valid TOML: an integer has thousands of digits, or a value is nested too deep"
        ) from None
    return _prepared("file", str(path), tree, model, directory=path.parent, text=text)


def read_environment(model: type[BaseSettings]) -> Source:
    """The values of the variables `INGEST_*`. A list or table is JSON; a list may also be a text with commas."""
    return _prepared("environment", "the environment", dict(_Environment(model)()), model)


def read_flags(flags: Mapping[str, Mapping[str, Any]], model: type[BaseModel]) -> Source:
    """The values of flags: section -> key -> value."""
    return _prepared("flag", "flags", {section: dict(keys) for section, keys in flags.items() if keys}, model)


class _Environment(EnvSettingsSource):
    """pydantic-settings' variables; what is not JSON stays text, which a list may be (`spellings`)."""

    def decode_complex_value(self, field_name: str, field: Any, value: Any) -> Any:
        try:
            return super().decode_complex_value(field_name, field, value)
        except (ValueError, RecursionError):
            return value


def _prepared(
    kind: Kind,
    name: str,
    tree: dict[str, Any],
    model: type[BaseModel],
    *,
    directory: Path | None = None,
    text: str = "",
) -> Source:
    preparation = _Preparation(directory or Path())
    values = preparation.table(tree, model, ())
    return Source(
        kind, name, values, text, preparation.faults, frozenset(preparation.secrets), preparation.from_variables
    )


class _Preparation:
    """Rules 2 to 4 for the values of one source."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.faults: dict[KeyPath, str] = {}
        self.secrets: set[str] = set()
        self.from_variables: dict[KeyPath, tuple[str, ...]] = {}

    def table(self, tree: Mapping[str, Any], annotation: Any, path: KeyPath) -> dict[str, Any]:
        """`tree`, the values of `annotation`: a model, a table of models by name, or neither."""
        model = _model(annotation)
        inner = _values(annotation)
        fields = {} if model is None else {info.alias or key: info for key, info in model.model_fields.items()}
        found: dict[str, Any] = {}
        for key, value in tree.items():
            info = fields.get(key)
            below = inner if info is None else info.annotation
            here = (*path, key)
            if model is Kafka and key == "options":
                found[key] = (
                    self._options(kafka_options.flattened(value), here) if isinstance(value, Mapping) else value
                )
            elif isinstance(value, Mapping):
                found[key] = self.table(value, below, here)
            else:
                filled = self._filled(value, here, digits=info is not None and spellings.is_text(key))
                is_path = (info is not None and spellings.is_path(info)) or (model is Account and key == "directory")
                found[key] = self._rooted(filled, (*path, key)) if is_path else filled
        return found

    def _options(self, options: Mapping[str, Any], path: KeyPath) -> dict[str, Any]:
        found = {}
        for key, value in options.items():
            filled = self._filled(value, (*path, key))
            found[key] = self._rooted(filled, (*path, key)) if key.endswith(_PATH_OPTIONS) else filled
        return found

    def _filled(self, value: Any, path: KeyPath, *, digits: bool = False) -> Any:
        """The value with its variables; as it is written if one of them has a fault.

        With `digits` a number is the text that was written: the key takes texts.
        """
        if isinstance(value, _Number):
            return value.text if digits else float(value)
        if isinstance(value, list):
            return [self._filled(each, (*path, str(at))) for at, each in enumerate(value)]
        if isinstance(value, Mapping):
            return {key: self._filled(each, (*path, key)) for key, each in value.items()}
        if not isinstance(value, str) or "${" not in value:
            return value
        text, faults = variables.filled(value, os.environ)
        for fault in faults:
            self.faults[path] = _REFERENCE_IN_SECRET if is_secret(path[-1]) and not variables.is_one(value) else fault
        named = variables.names(value)
        self.from_variables[path] = tuple(named)
        self.secrets |= {os.environ[name] for name in named if is_secret(name.lower()) and os.environ.get(name)}
        return value if faults else text

    def _rooted(self, value: Any, key: KeyPath) -> Any:
        """Rule 2."""
        if not isinstance(value, str | Path) or str(value) in _NO_PATH:
            return value
        path = os.path.expanduser(value)  # noqa: PTH111  as text: librdkafka's paths are texts
        if (home := path.partition("/")[0]).startswith("~"):
            self.faults[key] = f"{home}: its home directory is unknown on this machine; write the whole path"
        if self._directory == Path() or os.path.isabs(path):  # noqa: PTH117
            return path
        return os.path.join(self._directory, path)  # noqa: PTH118


def _model(annotation: Any) -> type[BaseModel] | None:
    found = [each for each in spellings.members(annotation) if isinstance(each, type) and issubclass(each, BaseModel)]
    return found[0] if found else None


def _values(annotation: Any) -> Any:
    """The type of the values of a table with free names."""
    (kind, *_) = spellings.members(annotation) or (None,)
    return get_args(kind)[1] if get_origin(kind) is dict else None


def _lay_over(base: dict[str, Any], tree: Mapping[str, Any], *, whole: Sequence[str] = ()) -> None:
    """Lay `tree` over `base`; the tables `whole` are replaced."""
    for key, value in tree.items():
        old = base.get(key)
        if isinstance(value, Mapping) and isinstance(old, dict) and key not in whole:
            _lay_over(old, value)
        elif isinstance(value, Mapping):
            base[key] = {}
            _lay_over(base[key], value)
        else:
            base[key] = value


def _joined_option(path: KeyPath) -> KeyPath:
    """The path with the name of an option in [kafka.options] as one part."""
    return (*path[:2], ".".join(path[2:])) if path[:2] == ("kafka", "options") and len(path) > 2 else path


def files_of(environment: Mapping[str, str], default: str) -> tuple[Sequence[Path], bool]:
    """The files that `INGEST_CONFIG` names, separated as in PATH, else the default; and whether they must exist."""
    named = [part for part in environment.get("INGEST_CONFIG", "").split(os.pathsep) if part]
    if named:
        return [Path(part).expanduser() for part in named], True
    return [Path(default)], False

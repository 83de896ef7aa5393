"""One frozen `Config`, composed of a policy a section, and the effective ones that its topics and routes make of it.

Sources, the first that says something wins: flags, environment (`INGEST_KAFKA__BROKERS`), `ingest.toml`
(or `--config FILE`), defaults. Every fault is reported at once, each with its section and key, and an
unknown key names the nearest known one. `INGEST_TOPICS` and `INGEST_ROUTES` hold JSON and take the place of the
file's whole table: routes have an order, which two sources could not share.

Secrets come from the environment or from a `*_file` key, never from a flag. Arize's own variables for the endpoint
(`ARIZE_API_HOST`, `ARIZE_API_SCHEME`, `ARIZE_API_PORT`, `ARIZE_REGION`) are read by the arize SDK itself.
"""

import difflib
import os
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from ingest.config import consistency
from ingest.config.credentials import HEADER_ADVICE, OPTION_ADVICE, header_fault, read_secret, stripped, text_fault
from ingest.config.messages import sentences, strange_variables
from ingest.config.overlays import RouteOverlay, Routes, Scalar, Topics, locate, merge, toml_key
from ingest.config.schema import Schema
from ingest.config.sections import (
    RESERVED_OPTIONS,
    Account,
    Arize,
    Batch,
    DeadLetters,
    Delivery,
    Kafka,
    Supervisor,
)
from ingest.errors import ConfigError

__all__ = [
    "DEFAULT_FILE",
    "RESERVED_OPTIONS",
    "Account",
    "Arize",
    "Batch",
    "Config",
    "DeadLetters",
    "Delivery",
    "Kafka",
    "Route",
    "Supervisor",
    "api_key",
    "check_delivery",
    "load",
    "max_past_years",
    "read_secret",
    "routes",
    "space_id",
    "topics",
]

DEFAULT_FILE = "ingest.toml"


class Config(BaseSettings):
    """All of it. Build one with `load`; the sections are plain frozen values."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        env_prefix="INGEST_",
        env_prefix_target="all",
        env_nested_delimiter="__",
        hide_input_in_errors=True,
    )

    kafka: Kafka = Kafka()
    batch: Batch = Batch()
    arize: Arize = Arize()
    columns: Schema = Field(default=Schema(), alias="schema")
    delivery: Delivery = Delivery()
    dead_letters: DeadLetters = DeadLetters()
    account: Account = Account()
    supervisor: Supervisor = Supervisor()
    topics: Topics = Field(default_factory=dict)
    routes: Routes = Field(default_factory=dict)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  pydantic-settings fixes this signature
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags over environment over file: pydantic-settings merges key by key, the first source wins."""
        return init_settings, env_settings, _File(settings_cls)


class _File(TomlConfigSettingsSource):
    """The file, without the tables that the environment holds as a whole: merged, routes would mix their conditions."""

    def __call__(self) -> dict[str, Any]:
        held = {f"INGEST_{table}".upper() for table in ("topics", "routes")} & {name.upper() for name in os.environ}
        return {key: value for key, value in super().__call__().items() if f"INGEST_{key}".upper() not in held}


@dataclass(frozen=True, slots=True)
class Route:
    """Which messages of a topic go where.

    `when` maps a field's dotted path, `headers.NAME`, `key` or `partition` to the values of which it must have one, of
    the same type; a string may hold the wildcard `*`. All entries must hold. Without `deliver` the messages are left
    out on purpose. `config` is what holds for them.
    """

    name: str
    when: Mapping[str, tuple[Scalar, ...]]
    deliver: bool
    config: Config


def load(file: Path | None = None, flags: Mapping[str, Mapping[str, Any]] | None = None) -> Config:
    """The configuration from `flags` (section -> key -> value), environment and `file`.

    Without `file`, `ingest.toml` of the working directory is read if there is one. With [topics.*], a topic among the
    flags chooses one of them, and partitions are those of the one that is left.
    Raises `ConfigError` with every fault found.
    """
    path = file if file is not None else Path(DEFAULT_FILE)
    if file is not None and not file.is_file():
        raise ConfigError(f"{file}: no such file; --config names a TOML file")
    given: dict[str, Any] = {section: dict(keys) for section, keys in (flags or {}).items() if keys}
    topic = given.get("kafka", {}).pop("topic", None)
    partitions = given.get("supervisor", {}).pop("partitions", None)

    faults = list(strange_variables(os.environ, Config))
    config = _read(path, given, faults)
    if topic is not None and (fault := text_fault(topic)):
        raise ConfigError([f"--topic: {fault}; {OPTION_ADVICE}", *faults])
    if config.topics:
        faults += _of_several_topics(config, topic, partitions)
    config = _narrowed(config, topic, partitions)
    faults += _of_outcomes(config, lambda one: consistency.faults(one.columns, one.arize))
    if faults:
        raise ConfigError(faults)
    return config


def _read(path: Path, given: Mapping[str, Any], faults: Sequence[str]) -> Config:
    """What the sources say. Raises `ConfigError` with what is wrong there, and `faults`."""

    class FromFile(Config):
        model_config = SettingsConfigDict(toml_file=path)

    try:
        found = FromFile(**given)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([f"{path}: not valid TOML: {_without_quotes(error)}", *faults]) from None
    except UnicodeDecodeError:
        raise ConfigError([f"{path}: not valid TOML: it is not UTF-8", *faults]) from None
    except OSError as error:
        raise ConfigError([f"{path}: can't be read: {error.strerror}", *faults]) from None
    except SettingsError as error:
        raise ConfigError(list(faults) or str(error)) from None
    except ValidationError as error:
        raise ConfigError([*sentences(error, path, Config), *faults]) from None
    except (ValueError, RecursionError):
        text = f"{path}: not valid TOML: an integer has thousands of digits, or a value is nested too deep"
        raise ConfigError(list(faults) or text) from None
    # A plain Config travels to the workers; the class above exists only for this file's path.
    return Config.model_construct(**{name: getattr(found, name) for name in Config.model_fields})


def topics(config: Config) -> tuple[Config, ...]:
    """The configuration of each topic, its overlay laid over, in the file's order; without [topics.*], `config`."""
    if not config.topics:
        return (config,)
    return tuple(
        config.model_copy(
            update={
                "kafka": config.kafka.model_copy(update={"topic": name}),
                "supervisor": config.supervisor.model_copy(update={"partitions": topic.partitions}),
                "columns": merge(config.columns, topic.columns),
                "arize": merge(config.arize, topic.arize),
                "batch": merge(config.batch, topic.batch),
                "routes": topic.routes if topic.has_routes else config.routes,
                "topics": {},
            }
        )
        for name, topic in config.topics.items()
    )


def routes(config: Config) -> tuple[Route, ...]:
    """The routes of one topic (of `topics`), in the file's order: the first whose `when` holds takes a message.

    Without [routes.*] there is one, without a name, that takes and delivers everything.
    Raises `ValueError` for a configuration of several topics, each of which may have its own.
    """
    if config.topics:
        raise ValueError("routes are of one topic: ask for those of each of topics(config)")
    if not config.routes:
        return (Route("", {}, deliver=True, config=config),)
    return tuple(
        Route(name, route.when, route.deliver, _of_route(config, route)) for name, route in config.routes.items()
    )


def check_delivery(config: Config) -> None:
    """Everything that delivering needs is there, for every topic and route. Raises `ConfigError` with all missing."""
    faults = _of_outcomes(config, _missing)
    try:
        config.kafka.client_options()
    except ConfigError as unusable:
        faults.extend(unusable.faults)
    if faults:
        raise ConfigError(faults)


def api_key(config: Config) -> SecretStr | None:
    """The Arize key: a key file (read anew at each call, so that it can be rotated), else the environment.

    Raises `ConfigError` for a file that can't be used and for a key that can't be an HTTP header value.
    """
    if (file := config.arize.api_key_file) is not None:
        key = read_secret("[arize] api_key_file", str(file))
        return SecretStr(_header_value(f"[arize] api_key_file = {file}", key))
    key = _header_value("ARIZE_API_KEY", stripped(os.environ.get("ARIZE_API_KEY", "")))
    return SecretStr(key) if key else None


def space_id(config: Config) -> str:
    """The Arize space: the configuration's, else ARIZE_SPACE_ID.

    Raises `ConfigError` for a variable that can't be an HTTP header value.
    """
    if config.arize.space_id:
        return config.arize.space_id
    return _header_value("ARIZE_SPACE_ID", stripped(os.environ.get("ARIZE_SPACE_ID", "")))


def max_past_years() -> int:
    """How old a prediction may be: the SDK's own ARIZE_MAX_PAST_YEARS, else its 5 years. Raises `ConfigError`."""
    value = os.environ.get("ARIZE_MAX_PAST_YEARS", "5")
    if not value.strip().isdecimal() or int(value) < 1:
        raise ConfigError("ARIZE_MAX_PAST_YEARS: not a number of years, 1 or more")
    return int(value)


def _header_value(name: str, value: str) -> str:
    if fault := header_fault(value):
        raise ConfigError(f"{name}: {fault}; {HEADER_ADVICE}")
    return value


def _without_quotes(error: tomllib.TOMLDecodeError) -> str:
    """What is wrong and where, without what it quotes of the file: that may be a secret in the wrong place."""
    return re.sub(r"\('.*'[^)]*\)|'(?:[^'\\]|\\.){2,}'|\"(?:[^\"\\]|\\.){2,}\"", "...", str(error))


def _of_route(config: Config, route: RouteOverlay) -> Config:
    laid = {"columns": merge(config.columns, route.columns), "arize": merge(config.arize, route.arize)}
    return config.model_copy(update={**laid, "routes": {}})


def _of_several_topics(config: Config, topic: str | None, partitions: str | None) -> Iterator[str]:
    """What can't be said beside [topics.*]."""
    if config.kafka.topic:
        yield (
            "[kafka] topic and [topics.*] exclude each other: each [topics.NAME] names a topic. Remove [kafka] topic "
            "(or INGEST_KAFKA__TOPIC from the environment)"
        )
    if "partitions" in config.supervisor.model_fields_set:
        yield (
            "[supervisor] partitions and [topics.*] exclude each other: say each topic's in [topics.NAME] partitions"
        )
    if topic is not None and topic not in config.topics:
        near = difflib.get_close_matches(topic, config.topics, n=1)
        yield f"--topic {topic}: no such [topics.*]; " + (
            f"did you mean {near[0]}?" if near else f"there are {', '.join(config.topics)}"
        )
    if topic is None and partitions is not None and len(config.topics) > 1:
        yield (
            f"--partitions: of which of the topics {', '.join(config.topics)}? Choose one with --topic, or say each "
            "topic's in [topics.NAME] partitions"
        )


def _narrowed(config: Config, topic: str | None, partitions: str | None) -> Config:
    """`config` with what the flags say of its topic."""
    if not config.topics:
        kafka = {} if topic is None else {"topic": topic}
        supervisor = {} if partitions is None else {"partitions": partitions}
        changed: dict[str, Any] = {
            "kafka": config.kafka.model_copy(update=kafka),
            "supervisor": config.supervisor.model_copy(update=supervisor),
        }
        return config.model_copy(update=changed)
    chosen = {name: overlay for name, overlay in config.topics.items() if topic in {None, name}}
    if partitions is not None:
        chosen = {name: overlay.model_copy(update={"partitions": partitions}) for name, overlay in chosen.items()}
    return config.model_copy(update={"topics": chosen or config.topics})


def _of_outcomes(config: Config, judge: Callable[[Config], list[str]]) -> list[str]:
    """The faults that `judge` finds in what topics and routes make of `config`, with where they stand."""
    found = []
    names = [f"[topics.{toml_key(name)}]" for name in config.topics] or [""]
    for section, one in zip(names, topics(config), strict=True):
        own = bool(section) and config.topics[one.kafka.topic].has_routes
        for route in routes(one):
            if route.deliver:
                place = f"[topics.{toml_key(one.kafka.topic)}.routes." if own else "[routes."
                found.append((section, f"{place}{toml_key(route.name)}]" if route.name else "", judge(route.config)))
    return locate(found)


def _missing(config: Config) -> list[str]:
    faults = []
    if not config.kafka.topic:
        faults.append("[kafka] topic is missing: name the topic to read, or set INGEST_KAFKA__TOPIC")
    elif config.kafka.topic == config.dead_letters.topic:
        faults.append("[dead_letters] topic is [kafka] topic: dead letters would be read again for ever; name another")
    if not config.arize.model_name:
        faults.append("[arize] model_name is missing: name the model in Arize, or set INGEST_ARIZE__MODEL_NAME")
    try:
        if not space_id(config):
            faults.append("[arize] space_id is missing: set it, or ARIZE_SPACE_ID in the environment")
    except ConfigError as unusable:
        faults.extend(unusable.faults)
    try:
        if api_key(config) is None:
            faults.append("no Arize API key: set ARIZE_API_KEY in the environment, or [arize] api_key_file")
    except ConfigError as unusable:
        faults.extend(unusable.faults)
    return faults

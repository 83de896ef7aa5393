"""One frozen `Config`, composed of a policy a section.

Sources, the first that says something wins: flags, environment (`INGEST_KAFKA__BROKERS`), `ingest.toml`
(or `--config FILE`), defaults. Every fault is reported at once, each with its section and key, and an
unknown key names the nearest known one.

Secrets come from the environment or from a `*_file` key, never from a flag: `ARIZE_API_KEY` or
`[arize] api_key_file`; any librdkafka option may be given as `"sasl.password_file" = "/run/secrets/kafka"`.
Arize's own variables for the endpoint (`ARIZE_API_HOST`, `ARIZE_API_SCHEME`, `ARIZE_API_PORT`,
`ARIZE_REGION`) are read by the arize SDK itself.
"""

import difflib
import json
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args, get_origin

from pydantic import BaseModel, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from ingest import combinations
from ingest.errors import ConfigError
from ingest.meanings import Environment, ModelType, Schema, Section

DEFAULT_FILE = "ingest.toml"

# Options whose value decides whether something is lost: ours alone.
RESERVED_OPTIONS = {
    "bootstrap.servers": "use [kafka] brokers",
    "metadata.broker.list": "use [kafka] brokers",
    "group.id": "use [kafka] group",
    "enable.auto.commit": "each worker commits by itself, after Arize answered",
    "enable.auto.offset.store": "each worker commits by itself, after Arize answered",
    "auto.offset.reset": "use [kafka] start and [kafka] on_expired",
    "enable.partition.eof": "the end of a partition is needed to commit past trailing control records",
}

# No settings though they have our prefix: those of tests and sandbox, and what Kubernetes sets for a service called
# ingest or ingest-*.
_FOREIGN_VARIABLE = re.compile(
    r"INGEST_REQUIRE_REAL|INGEST_SANDBOX_\w+|"
    r"INGEST(_\w+)?_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_\w+)?)?)"
)

Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Positive = Annotated[int, Field(ge=1)]


class Kafka(Section):
    """Where the messages come from."""

    brokers: str = "localhost:9092"
    topic: str = Field(default="", description="the topic with JSON predictions")
    group: str = "ingest"
    start: Literal["earliest", "latest"] = Field(
        default="earliest", description="where a partition without a committed offset begins"
    )
    on_expired: Literal["stop", "continue"] = Field(
        default="stop", description="retention overtook the committed offset: exit 8, or go on and report the range"
    )
    queue_bytes: Positive = Field(
        default=48 * 2**20, description="fetched bytes a worker holds ahead of decoding, over all its partitions"
    )
    # They may hold a password that came from the environment: kept out of every dump.
    options: dict[str, str | bool | int | float] = Field(default_factory=dict, repr=False)

    @field_validator("options", mode="before")
    @classmethod
    def _ours_stay_ours(cls, options: Any) -> Any:
        faults = []
        for key, value in options.items() if isinstance(options, dict) else ():
            if hint := RESERVED_OPTIONS.get(key.removesuffix("_file")):
                faults.append(f'"{key}" can\'t be set here: {hint}')
            elif not isinstance(value, str | int | float):
                faults.append(f'"{key}" takes a string, a number or true and false')
        if faults:
            raise ValueError("; ".join(faults))
        return options

    def client_options(self) -> dict[str, str | bool | int | float]:
        """The options for librdkafka, with every `*_file` replaced by the file's content.

        Raises `ConfigError` naming a file that can't be read.
        """
        options: dict[str, str | bool | int | float] = {}
        for key, value in self.options.items():
            if key.endswith("_file"):
                options[key.removesuffix("_file")] = read_secret(f"[kafka.options] {key}", str(value))
            else:
                options[key] = value
        return options


class Batch(Section):
    """When a micro-batch is full: whatever comes first."""

    max_events: Positive = 100_000
    max_bytes: Positive = Field(default=64 * 2**20, description="raw bytes of the messages in one batch")
    linger_s: Seconds = 10.0
    chunk_events: Positive = Field(default=5_000, description="messages decoded at a time")


class Arize(Section):
    """What Arize is told, and how patiently. The endpoint itself is set by the SDK's own ARIZE_* variables."""

    space_id: str = ""
    api_key_file: Path | None = None
    model_name: str = ""
    model_version: str = Field(default="1", min_length=1)
    model_type: ModelType = "binary_classification"
    environment: Environment = "production"
    batch_id: str = Field(default="", description="environment validation: the name of its batch")
    timeout_s: Seconds = Field(default=60.0, description="wall-clock limit of one upload attempt, all in all")
    in_flight: Annotated[int, Field(ge=1, le=64)] = 2


class Delivery(Section):
    """The retry policy: full jitter between 0 and min(max_backoff_s, base_backoff_s * 2^attempt), without end."""

    base_backoff_s: Seconds = 0.5
    max_backoff_s: Seconds = 30.0
    commit_interval_s: Seconds = 1.0


class DeadLetters(Section):
    """Where messages go that can't be delivered, and how many of them are too many."""

    directory: Path = Path("dead_letters")
    topic: str = Field(default="", description="a Kafka topic instead of the directory")
    max_share: Annotated[float, Field(gt=0, le=1)] = Field(
        default=0.5, description="stop when more than this share of the last share_events can't be delivered; 1: never"
    )
    share_events: Positive = 10_000
    max_consecutive: Annotated[int, Field(ge=0)] = Field(
        default=10_000, description="stop when so many messages in a row can't be delivered; 0: never"
    )

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if self.topic and "directory" in self.model_fields_set:
            raise ValueError("directory and topic exclude each other: a dead letter has one place. Remove one of them")
        return self


class Supervisor(Section):
    """The pool of workers."""

    workers: Positive = 1
    partitions: str = "all"
    drain_s: Seconds = Field(default=30.0, description="how long a stop waits for acknowledgements")
    hang_s: Seconds = Field(default=30.0, description="no progress of a worker's loop for this long: killed, restarted")
    max_crashes: Positive = Field(default=10, description="crashes of one worker within period_s before it is given up")
    period_s: Seconds = 300.0
    base_backoff_s: Seconds = 0.2
    max_backoff_s: Seconds = 30.0


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
    supervisor: Supervisor = Supervisor()

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
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)


def load(file: Path | None = None, flags: Mapping[str, Mapping[str, Any]] | None = None) -> Config:
    """The configuration from `flags` (section -> key -> value), environment and `file`.

    Without `file`, `ingest.toml` of the working directory is read if there is one.
    Raises `ConfigError` with every fault found.
    """
    path = file if file is not None else Path(DEFAULT_FILE)
    if file is not None and not file.is_file():
        raise ConfigError(f"{file}: no such file; --config names a TOML file")
    given: dict[str, Any] = {section: dict(keys) for section, keys in (flags or {}).items() if keys}

    class FromFile(Config):
        model_config = SettingsConfigDict(toml_file=path)

    faults = _strange_variables()
    try:
        found = FromFile(**given)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([f"{path}: not valid TOML: {error}", *faults]) from None
    except UnicodeDecodeError:
        raise ConfigError([f"{path}: not valid TOML: it is not UTF-8", *faults]) from None
    except OSError as error:
        raise ConfigError([f"{path}: can't be read: {error.strerror}", *faults]) from None
    except SettingsError as error:
        raise ConfigError(faults or str(error)) from None
    except ValidationError as error:
        raise ConfigError([*(_sentence(fault, path) for fault in error.errors()), *faults]) from None
    arize = found.arize
    faults += combinations.faults(found.columns, arize.model_type, arize.environment, arize.batch_id)
    if faults:
        raise ConfigError(faults)
    # A plain Config travels to the workers; the class above exists only for this file's path.
    return Config.model_construct(**{name: getattr(found, name) for name in Config.model_fields})


def check_delivery(config: Config) -> None:
    """Everything that delivering needs is there. Raises `ConfigError` with all that is missing."""
    faults = []
    if not config.kafka.topic:
        faults.append("[kafka] topic is missing: name the topic to read, or set INGEST_KAFKA__TOPIC")
    elif config.kafka.topic == config.dead_letters.topic:
        faults.append("[dead_letters] topic is [kafka] topic: dead letters would be read again for ever; name another")
    if not config.arize.model_name:
        faults.append("[arize] model_name is missing: name the model in Arize, or set INGEST_ARIZE__MODEL_NAME")
    if not space_id(config):
        faults.append("[arize] space_id is missing: set it, or ARIZE_SPACE_ID in the environment")
    try:
        if api_key(config) is None:
            faults.append("no Arize API key: set ARIZE_API_KEY in the environment, or [arize] api_key_file")
    except ConfigError as unusable:
        faults.extend(unusable.faults)
    try:
        config.kafka.client_options()
    except ConfigError as unusable:
        faults.extend(unusable.faults)
    if faults:
        raise ConfigError(faults)


def api_key(config: Config) -> SecretStr | None:
    """The Arize key: a key file (read anew at each call, so that it can be rotated), else the environment."""
    if config.arize.api_key_file is not None:
        return SecretStr(read_secret("[arize] api_key_file", str(config.arize.api_key_file)))
    key = os.environ.get("ARIZE_API_KEY", "")
    return SecretStr(key) if key else None


def space_id(config: Config) -> str:
    """The Arize space: the configuration's, else ARIZE_SPACE_ID."""
    return config.arize.space_id or os.environ.get("ARIZE_SPACE_ID", "")


def max_past_years() -> int:
    """How old a prediction may be: the SDK's own ARIZE_MAX_PAST_YEARS, else its 5 years. Raises `ConfigError`."""
    value = os.environ.get("ARIZE_MAX_PAST_YEARS", "5")
    if not value.strip().isdecimal() or int(value) < 1:
        raise ConfigError("ARIZE_MAX_PAST_YEARS: not a number of years, 1 or more")
    return int(value)


def read_secret(key: str, path: str) -> str:
    """The stripped content of a secret's file. Raises `ConfigError` naming `key` and `path`, never the content."""
    try:
        secret = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise ConfigError(f"{key} = {path}: can't be read: {reason}") from None
    if not secret:
        raise ConfigError(f"{key} = {path}: it is empty")
    return secret


def _strange_variables() -> list[str]:
    """Variables with our prefix that are no setting, or not the JSON that theirs needs.

    pydantic-settings passes over the first in silence; its exception at the second names no variable.
    """
    settings: dict[str, bool] = {}  # name of the variable -> it holds JSON
    for name, info in Config.model_fields.items():
        section, keys = f"INGEST_{info.alias or name}".upper(), type(info.default).model_fields
        settings |= {f"{section}__{key}".upper(): get_origin(i.annotation) in (tuple, dict) for key, i in keys.items()}
        settings[section] = True
    faults = []
    for name, value in os.environ.items():
        upper = name.upper()
        if not upper.startswith("INGEST_") or _FOREIGN_VARIABLE.fullmatch(upper):
            continue
        if upper.split("__")[0] not in settings:
            near = difflib.get_close_matches(upper, [key for key in settings if "__" in key], n=1)
            faults.append(f"{name}: no such setting; did you mean one like {(near or ['INGEST_KAFKA__BROKERS'])[0]}?")
        elif settings.get(upper):
            try:
                json.loads(value)
            except ValueError:
                faults.append(
                    f"{name}: not the JSON that a list or a table needs, as in INGEST_SCHEMA__TAGS='[\"region\"]'"
                )
    return faults


def _sentence(fault: Any, path: Path) -> str:
    where = [str(part) for part in fault["loc"]]
    name = f"[{where[0]}] {'.'.join(where[1:])}" if len(where) > 1 else f"[{where[0]}]"
    if fault["type"] == "extra_forbidden":
        known = _known_keys(where[:-1])
        near = difflib.get_close_matches(where[-1], known, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}"
        return f"{name}: unknown key ({path} or INGEST_* in the environment); {hint}"
    return f"{name}: {fault['msg'].removeprefix('Value error, ')}"


def _known_keys(where: list[str]) -> list[str]:
    known: dict[str, Any] = {info.alias or name: info.annotation for name, info in Config.model_fields.items()}
    for part in where:
        known = _sections(known.get(part, known.get("*")))
    return [key for key in known if key != "*"]


def _sections(annotation: Any) -> dict[str, Any]:
    """The keys of a section by name, or of each section of a table of sections by "*"."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return {name: info.annotation for name, info in annotation.model_fields.items()}
    arguments = get_args(annotation)
    if get_origin(annotation) is dict:
        return {"*": arguments[1]}
    return next((keys for argument in arguments if (keys := _sections(argument))), {})

"""The sections of the configuration, a policy each; [schema] has a room of its own in `ingest.config.schema`.

Secrets come from the environment or from a `*_file` key, never from a flag: `ARIZE_API_KEY` or
`[arize] api_key_file`; any librdkafka option may be given as `"sasl.password_file" = "/run/secrets/kafka"`.
`ingest.config.credentials` says what may stand in them.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import Field, field_validator, model_validator

from ingest.config import credentials, templates
from ingest.config.schema import Environment, ModelType, Section
from ingest.errors import ConfigError

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

    @field_validator("brokers", "topic", "group")
    @classmethod
    def _one_line(cls, text: str) -> str:
        return _usable_text(text)

    @field_validator("brokers")
    @classmethod
    def _no_login(cls, brokers: str) -> str:
        # They are shown wherever Kafka is asked.
        if "@" in brokers:
            raise ValueError(
                "an address has no user and no password; use sasl.username and sasl.password_file in [kafka.options]"
            )
        return brokers

    @field_validator("options", mode="before")
    @classmethod
    def _usable(cls, options: Any) -> Any:
        if not isinstance(options, dict):
            return options
        given = {
            key: credentials.given_option(key, value) if isinstance(value, str) else value
            for key, value in options.items()
        }
        if faults := [fault for key, value in given.items() for fault in _option_faults(key, value)]:
            raise ValueError("; ".join(faults))
        return given

    def client_options(self) -> dict[str, str | bool | int | float]:
        """The options for librdkafka, with every `*_file` replaced by the file's content.

        Raises `ConfigError` naming every file that can't be used.
        """
        options: dict[str, str | bool | int | float] = {}
        faults: list[str] = []
        for key, value in self.options.items():
            option = key.removesuffix("_file")
            options[option] = value
            if key.endswith("_file"):
                try:
                    options[option] = content = credentials.read_secret(f"[kafka.options] {key}", str(value))
                except ConfigError as unusable:
                    faults += unusable.faults
                    continue
                if fault := credentials.option_fault(option, content):
                    faults.append(f"[kafka.options] {key} = {value}: {fault}; {credentials.OPTION_ADVICE}")
        if faults:
            raise ConfigError(faults)
        return options

    def scrubber(self, options: Mapping[str, object]) -> credentials.Scrubber:
        """Removes from texts what `options`, as `client_options` gives them, hold from files and of secrets."""
        from_files = {key.removesuffix("_file") for key in self.options if key.endswith("_file")}
        secrets = [str(value) for name, value in options.items() if name in from_files or credentials.is_secret(name)]
        return credentials.Scrubber(secrets, options)


class Batch(Section):
    """When a micro-batch is full: whatever comes first."""

    max_events: Positive = 100_000
    max_bytes: Positive = Field(default=64 * 2**20, description="raw bytes of the messages in one batch")
    linger_s: Seconds = 10.0
    chunk_events: Positive = Field(default=5_000, description="messages decoded at a time")
    lane: Literal["auto", "orjson"] = Field(
        default="auto", description="decode with the compiled fast lane where it is installed, or with orjson alone"
    )


class Arize(Section):
    """What Arize is told, and how patiently. The endpoint itself is set by the SDK's own ARIZE_* variables."""

    space_id: str = ""
    api_key_file: Path | None = None
    model_name: str = ""
    model_version: str = Field(default="1", min_length=1)
    model_type: ModelType = "binary_classification"
    environment: str = Field(default="production", description="an `Environment`, or a template of one")
    batch_id: str = Field(default="", description="environment validation: the name of its batch")
    timeout_s: Seconds = Field(default=60.0, description="wall-clock limit of one upload attempt, all in all")
    in_flight: Annotated[int, Field(ge=1, le=64)] = Field(
        default=2, description="batches sent and not settled, at most: what memory holds and a crash repeats"
    )
    adaptive: bool = Field(
        default=True, description="1 to in_flight uploads at once, as the answers allow; false: always in_flight"
    )
    acknowledgement: Literal["strict", "status"] = Field(
        default="strict",
        description="strict: a complete 2xx without a body or with JSON acknowledges; status: any complete 2xx",
    )

    @field_validator("space_id", "model_name", "model_version", "environment", "batch_id")
    @classmethod
    def _readable(cls, text: str) -> str:
        templates.parse(text)
        return text

    @field_validator("space_id")
    @classmethod
    def _header_value(cls, space_id: str) -> str:
        space_id = credentials.stripped(space_id)
        if fault := credentials.header_fault(templates.without_placeholders(space_id)):
            raise ValueError(f"{fault}; {credentials.HEADER_ADVICE}")
        return space_id

    @field_validator("environment")
    @classmethod
    def _known_environment(cls, environment: str) -> str:
        known = get_args(Environment)
        if environment not in known and not templates.has_placeholders(environment):
            raise ValueError(f"Input should be {', '.join(map(repr, known[:-1]))} or {known[-1]!r}")
        return environment


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

    @field_validator("topic")
    @classmethod
    def _one_line(cls, topic: str) -> str:
        return _usable_text(topic)

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if self.topic and "directory" in self.model_fields_set:
            raise ValueError("directory and topic exclude each other: a dead letter has one place. Remove one of them")
        return self


class Account(Section):
    """The account of what was consumed, per partition and hour."""

    directory: str = Field(default="account", description='a file a day is kept there; "" keeps none')


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


def _usable_text(text: str) -> str:
    """`text`, which librdkafka is given. Raises `ValueError` with the kind and the position of what can't be there."""
    if fault := credentials.text_fault(text):
        raise ValueError(f"{fault}; {credentials.OPTION_ADVICE}")
    return text


def _option_faults(key: str, value: object) -> Iterator[str]:
    name = json.dumps(key)
    if fault := credentials.text_fault(key):
        yield f"{name}: in its name {fault}; {credentials.OPTION_ADVICE}"
    elif hint := RESERVED_OPTIONS.get(key.removesuffix("_file")):
        yield f"{name} can't be set here: {hint}"
    elif not isinstance(value, str | int | float):
        yield f"{name} takes a string, a number or true and false"
    elif fault := credentials.option_fault(key, str(value)):
        yield f"{name}: {fault}; {credentials.OPTION_ADVICE}"

"""The sections of the configuration, a policy each; [schema] has a module of its own, `ingest.config.schema`.

Every key has a description with its unit, from which the documentation of the configuration is generated.

Secrets come from the environment or from a `*_file` key, never from a flag: `ARIZE_API_KEY` or
`[arize] api_key_file`; any librdkafka option may be given as `"sasl.password_file" = "/run/secrets/kafka"`.
`ingest.config.credentials` has the rules for their values.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import Field, SecretStr, ValidationInfo, field_validator, model_validator

from ingest.config import arize_address, credentials, kafka_options, spellings, templates
from ingest.config.broker_addresses import checked_brokers
from ingest.config.near_names import one_of
from ingest.config.schema import Environment, ModelType, Section
from ingest.config.topic_names import topic_fault
from ingest.errors import ConfigError

LEAST_TOKEN = 16  # characters of the token of the page's actions

Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Positive = Annotated[int, Field(ge=1)]


class Kafka(Section):
    """The source of the messages."""

    brokers: str = Field(
        default="localhost:9092", description="Addresses of one or more brokers, HOST:PORT separated by commas"
    )
    topic: str = Field(default="", description="Topic with JSON predictions; left out where [topics.NAME] name several")
    group: str = Field(
        default="ingest", description="Consumer group whose offsets are committed; workers assign, they don't subscribe"
    )
    start: Literal["earliest", "latest"] = Field(
        default="earliest",
        description=(
            "Where a partition without a committed offset starts; one that was added to the topic since starts at its "
            "first message"
        ),
    )
    on_expired: Literal["stop", "continue"] = Field(
        default="stop",
        description=(
            "What happens if retention removed messages before they were read: stop ends with exit code 8, continue "
            "reads on after the gap and reports its offsets"
        ),
    )
    queue_bytes: Positive = Field(
        default=48 * 2**20,
        description="Approximate bytes that a worker fetches ahead of decoding, over all its partitions",
    )
    # They may hold a password that came from the environment: kept out of every dump.
    options: dict[str, str | bool | int | float] = Field(
        default_factory=dict,
        repr=False,
        description=(
            'Options passed to librdkafka unchanged, such as "security.protocol" = "SASL_SSL"; a name with _file, such '
            'as "sasl.password_file" = "/run/secrets/kafka", reads the value from a file. Options that decide whether '
            "messages are lost can't be set"
        ),
    )

    @field_validator("brokers", "topic", "group")
    @classmethod
    def _one_line(cls, text: str) -> str:
        return _usable_text(text)

    @field_validator("topic")
    @classmethod
    def _a_name(cls, topic: str) -> str:
        return _topic_name(topic)

    @field_validator("brokers")
    @classmethod
    def _addresses(cls, brokers: str) -> str:
        return checked_brokers(brokers)

    @field_validator("group")
    @classmethod
    def _not_empty(cls, group: str) -> str:
        # librdkafka takes a blank group for none, and the binding then ends the process with a C assertion.
        if not group.strip():
            raise ValueError("it is empty: name the consumer group whose offsets are committed")
        return group

    @field_validator("options", mode="before")
    @classmethod
    def _usable(cls, options: Any) -> Any:
        if not isinstance(options, dict):
            return options
        options = kafka_options.flattened(options)
        given = {
            key: credentials.given_option(key, value) if isinstance(value, str) else value
            for key, value in options.items()
        }
        faults = [fault for key, value in given.items() for fault in kafka_options.faults(key, value)]
        twice = [key for key in given if f"{key}_file" in given]
        faults += [f"{json.dumps(key)} and {json.dumps(f'{key}_file')} exclude each other; remove one" for key in twice]
        if faults:
            raise ValueError("; ".join(faults))
        return given

    def with_topic(self, topic: str) -> Self:
        """The same for another topic."""
        return self.model_copy(update={"topic": topic})

    def with_group(self, group: str) -> Self:
        """The same under another consumer group."""
        return self.model_copy(update={"group": group})

    def with_uncommitted(self) -> Self:
        """The same for a consumer that is to see messages of open and aborted transactions, too."""
        return self.model_copy(update={"options": {**self.options, "isolation.level": "read_uncommitted"}})

    def with_queue_bytes(self, queue_bytes: int) -> Self:
        """The same with another limit of fetched bytes."""
        return self.model_copy(update={"queue_bytes": queue_bytes})

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
    """When a micro-batch is full: at the first limit that it reaches."""

    max_events: Positive = Field(default=100_000, description="Rows in one batch, at most")
    max_bytes: Positive = Field(
        default=64 * 2**20, description="Bytes of raw messages at which a batch is full; one chunk may exceed them"
    )
    linger_s: Seconds = Field(
        default=10.0, description="Seconds after its first message at which a batch is full, also when no more arrive"
    )
    chunk_events: Positive = Field(default=5_000, description="Messages polled and decoded at a time, at most")
    lane: Literal["auto", "orjson"] = Field(
        default="auto",
        description=(
            "Decoder: auto takes the compiled fast lane where it is installed, [schema] sets no rename, exclude, hash "
            "or unknown, and there are neither routes nor templates in [arize]; else orjson. orjson never takes the "
            "fast lane. The rows are the same"
        ),
    )


class Arize(Section):
    """The model in Arize, and the uploads to it. The SDK's own ARIZE_* variables set the endpoint as well."""

    space_id: str = Field(default="", description="Arize space; else ARIZE_SPACE_ID. May be a template")
    api_key_file: Path | None = Field(
        default=None,
        description="File with the Arize key, read again when Arize refuses the key; else the variable ARIZE_API_KEY",
    )
    model_name: str = Field(
        default="",
        description="Model in Arize. May be a template: {field.path} and {headers.NAME} are filled by each message",
    )
    model_version: str = Field(default="1", min_length=1, description="Version of the model. May be a template")
    model_type: ModelType = Field(default="binary_classification", description="Type of the model")
    environment: str = Field(
        default="production",
        description="Environment: production, training or validation. May be a template of one of them",
    )
    batch_id: str = Field(
        default="",
        description="Name of the batch in environment validation, which needs one. May be a template",
    )
    sample: Annotated[float, Field(gt=0, le=1)] = Field(
        default=1.0,
        description=(
            "Share of the predictions that are sent, above 0 and up to 1, chosen by a hash of the prediction id, so "
            "that actuals are sent with their predictions; the others are filtered: not sent, not dead letters, counted"
        ),
    )
    timeout_s: Seconds = Field(default=60.0, description="Seconds of wall-clock time for one upload attempt in all")
    in_flight: Annotated[int, Field(ge=1, le=64)] = Field(
        default=2,
        description=(
            "Batches of a route that are sent and not settled, at most: memory holds them, and a crash may repeat "
            "them. Set it higher for small batches with slow answers"
        ),
    )
    adaptive: bool = Field(
        default=True,
        description="Whether 1 to in_flight uploads run concurrently, as the answers allow, or always in_flight",
    )
    endpoint: str = Field(
        default="",
        description=(
            'Address of Arize, "https://HOST" or "https://HOST:PORT", in place of host, port and scheme; else the '
            "SDK's own variables, and its default"
        ),
    )
    host: str = Field(default="", description="Host of Arize, without the address's path; else ARIZE_API_HOST")
    port: Annotated[int, Field(ge=1, le=65535)] | None = Field(
        default=None, description="Port of the host; else ARIZE_API_PORT"
    )
    scheme: Literal["http", "https"] | None = Field(
        default=None, description="Scheme of the host, http or https; else ARIZE_API_SCHEME"
    )
    region: str = Field(
        default="",
        description="Region of Arize, such as eu-west-1a, which has its own hosts; else ARIZE_REGION",
    )
    acknowledgement: Literal["strict", "status"] = Field(
        default="strict",
        description=(
            "Which answer acknowledges a batch: strict takes a complete 2xx whose body is empty or JSON; status takes "
            "any complete 2xx, and over TLS also one without a close_notify, for use behind an odd gateway"
        ),
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
        environment = spellings.word(environment, known)
        if environment not in known and not templates.has_placeholders(environment):
            raise ValueError(one_of(known, environment))
        return environment

    @field_validator("endpoint", "host", "region")
    @classmethod
    def _plain(cls, text: str) -> str:
        if fault := credentials.header_fault(text):
            raise ValueError(f"{fault}; it must be one line of printable ASCII without blanks")
        return text

    @field_validator("endpoint", "host")
    @classmethod
    def _address(cls, text: str, info: ValidationInfo) -> str:
        if "://" in text or (text and info.field_name == "endpoint"):
            arize_address.taken_apart(text)
        return text

    @field_validator("region")
    @classmethod
    def _known_region(cls, region: str) -> str:
        return arize_address.region(region) if region else region

    @model_validator(mode="after")
    def _one_endpoint(self) -> Self:
        others = [key for key in ("host", "port", "scheme", "region") if getattr(self, key)]
        if self.endpoint and others:
            raise ValueError(f"endpoint is a whole address and excludes {' and '.join(others)}: remove one")
        if self.region and others != ["region"]:
            raise ValueError("region has its own hosts and excludes host, port and scheme: remove one of them")
        if "://" not in self.host and ("/" in self.host or "@" in self.host):
            raise ValueError("host is the name of a host, HOST or HOST:PORT, or an address, https://HOST")
        return self

    def in_environment(self, environment: str) -> Self:
        """The same with the environment that a message names, where a template stands for it."""
        return self.filled({"environment": environment})

    def with_sample(self, sample: float) -> Self:
        """The same with another share."""
        return self.model_copy(update={"sample": sample})

    def filled(self, values: Mapping[str, str]) -> Self:
        """The same with these values, by key, in place of the templates."""
        return self.model_copy(update=dict(values))


class Delivery(Section):
    """Retries and commits. A retry waits between 0 and min(max_backoff_s, base_backoff_s * 2^failures), without end."""

    base_backoff_s: Seconds = Field(
        default=0.5,
        description="Seconds; a retry waits a random time of at most base_backoff_s * 2^failures",
    )
    max_backoff_s: Seconds = Field(
        default=30.0,
        description=(
            "Seconds that a retry waits at most, unless Arize asks for longer (Retry-After, up to 300 seconds)"
        ),
    )
    commit_interval_s: Seconds = Field(
        default=1.0, description="Seconds between two commits of a worker; sooner if commits hold uploads back"
    )


class DeadLetters(Section):
    """Where messages go that can't be delivered, and how many of them stop a worker."""

    directory: Path = Field(default=Path("dead_letters"), description="Directory of the files with dead letters")
    topic: str = Field(
        default="",
        description=(
            "Kafka topic for dead letters instead of the directory, written by an idempotent producer: original key "
            "and value, provenance in headers"
        ),
    )
    max_share: Annotated[float, Field(gt=0, le=1)] = Field(
        default=0.5,
        description=(
            "Share of the last window_events messages, above 0 and up to 1, that may be dead letters before the worker "
            "stops; it also stops if none of its first messages can be delivered. 1 never stops it. Tombstones and "
            "filtered messages do not count"
        ),
    )
    window_events: Positive = Field(
        default=10_000,
        description=(
            "Messages over which max_share is measured; before there are as many, 200 messages with 100 dead letters "
            "among them are enough"
        ),
    )
    max_consecutive: Annotated[int, Field(ge=0)] = Field(
        default=10_000,
        description="Dead letters in a row at which the worker stops; 0 never stops it",
    )

    @field_validator("topic")
    @classmethod
    def _a_name(cls, topic: str) -> str:
        return _topic_name(_usable_text(topic))

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if self.topic and "directory" in self.model_fields_set:
            raise ValueError("directory and topic exclude each other: a dead letter has one place. Remove one of them")
        return self


class Account(Section):
    """The account of consumed messages, per partition and hour."""

    directory: str = Field(
        default="account",
        description=(
            'Directory of the account: counts of consumed messages by partition and hour, one file a day; "" keeps none'
        ),
    )


class Supervisor(Section):
    """The pool of workers."""

    workers: Positive = Field(default=1, description="Worker processes; each reads partitions of one topic")
    partitions: str = Field(
        default="all",
        description='Partitions to read: "0-31", "0,3,5-7" or "all"; left out where [topics.NAME] name several topics',
    )
    drain_s: Seconds = Field(
        default=25.0,
        description=(
            "Seconds that a stop waits for acknowledgements; later ones stay uncommitted. Whatever stops ingest must "
            "wait longer: Kubernetes waits 30 seconds by default"
        ),
    )
    hang_s: Seconds = Field(
        default=30.0,
        description=(
            "Seconds without progress of a worker's loop until it is killed and restarted; at its start twice as many, "
            "at least 150"
        ),
    )
    max_crashes: Positive = Field(
        default=10, description="Crashes of one worker within crash_window_s, at most; one more, and it is given up"
    )
    crash_window_s: Seconds = Field(default=300.0, description="Seconds in which max_crashes are counted")
    base_backoff_s: Seconds = Field(
        default=0.2,
        description="Seconds; a restart waits a random time of at most base_backoff_s * 2^(crashes - 1)",
    )
    max_backoff_s: Seconds = Field(default=30.0, description="Seconds that a restart waits at most")

    def with_partitions(self, partitions: str) -> Self:
        """The same for other partitions."""
        return self.model_copy(update={"partitions": partitions})


class Status(Section):
    """The page that shows a run, `/api/status`, `/metrics`, `/livez` and `/readyz`, served by the supervisor."""

    enabled: bool = Field(default=True, description="Whether the supervisor serves them")
    host: str = Field(
        default="127.0.0.1",
        min_length=1,
        description="Address to listen on; anything but this machine's own 127.0.0.1 is announced at start",
    )
    port: Annotated[int, Field(ge=0, le=65535)] = Field(
        default=9410,
        description=(
            "Port to listen on; 0 takes any free one. If it is set and taken, nothing starts; if it is not set and "
            "taken, a free one is used and announced"
        ),
    )
    allowed_hosts: tuple[str, ...] = Field(
        default=(),
        description=(
            "Names under which browsers may reach the page, for example behind a proxy; addresses and this machine's "
            "own name always may. Others are refused, so that a foreign site can't read the page (DNS rebinding)"
        ),
    )
    otel: bool = Field(
        default=False,
        description=(
            "Whether the metrics are sent by OpenTelemetry, too: needs the extra ingest[otel], and is configured by "
            "OTEL_EXPORTER_OTLP_ENDPOINT and its other variables"
        ),
    )
    actions: bool = Field(
        default=False,
        description="Whether the page can drain the run, restart workers and pause partitions; needs the token",
    )
    token_file: Path | None = Field(
        default=None, description="File with the token of the actions, at least 16 characters; else `token`"
    )
    token: SecretStr | None = Field(
        default=None,
        description="The token itself: set it by its environment variable, not in the file",
    )

    @model_validator(mode="after")
    def _one_token(self) -> Self:
        given = self.token is not None and bool(self.token.get_secret_value())
        if given and self.token_file is not None:
            raise ValueError("token and token_file exclude each other; remove one")
        if self.actions and not given and self.token_file is None:
            raise ValueError("actions need a token: set token_file, or INGEST_STATUS__TOKEN in the environment")
        return self

    def action_token(self) -> str:
        """The token of the actions; "" without actions.

        Raises `ConfigError` for a file that can't be used, and for a token that is too short or no header value.
        """
        if not self.actions:
            return ""
        if self.token_file is not None:
            name, token = (
                f"[status] token_file = {self.token_file}",
                credentials.read_secret("[status] token_file", str(self.token_file)),
            )
        else:
            name, token = (
                "INGEST_STATUS__TOKEN",
                credentials.stripped(self.token.get_secret_value() if self.token else ""),
            )
        if fault := credentials.header_fault(token):
            raise ConfigError(f"{name}: {fault}; a token is one line of printable ASCII without blanks")
        if len(token) < LEAST_TOKEN:
            raise ConfigError(f"{name}: it has fewer than {LEAST_TOKEN} characters; make one with openssl rand -hex 16")
        return token


def _usable_text(text: str) -> str:
    """`text`, if librdkafka can take it. Raises `ValueError` with the position and kind of a bad character."""
    if fault := credentials.text_fault(text):
        raise ValueError(f"{fault}; {credentials.OPTION_ADVICE}")
    return text


def _topic_name(topic: str) -> str:
    """`topic`, if Kafka takes it as a name. Raises `ValueError`."""
    if fault := topic_fault(topic):
        raise ValueError(fault)
    return topic

"""The settings of all sources as one frozen `Config`: a policy for each section, and the topics resolved from it.

The values come from `ingest.config.sources`, already merged: a `Config` itself reads neither environment nor files.
"""

from functools import cached_property

from pydantic import Field, PrivateAttr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from ingest.config.format import Format
from ingest.config.overlays import Routes, Topics
from ingest.config.resolve import TopicConfig, resolve
from ingest.config.schema import Schema
from ingest.config.sections import Account, Arize, Batch, DeadLetters, Delivery, Kafka, Status, Supervisor


class Config(BaseSettings):
    """All that is configured, for all topics. Build one with `ingest.config.load.load`."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        env_prefix="INGEST_",
        env_prefix_target="all",
        env_nested_delimiter="__",
        hide_input_in_errors=True,
    )

    kafka: Kafka = Field(default=Kafka(), description="The source of the messages")
    format: Format = Field(
        default=Format(), description="The form of a message's value, and the array of predictions in it"
    )
    batch: Batch = Field(default=Batch(), description="When a micro-batch is full: at the first limit that it reaches")
    arize: Arize = Field(default=Arize(), description="The model in Arize, and the uploads to it")
    columns: Schema = Field(
        default=Schema(), alias="schema", description="The role of each column, and how values become columns"
    )
    delivery: Delivery = Field(default=Delivery(), description="Retries and commits")
    dead_letters: DeadLetters = Field(
        default=DeadLetters(), description="Where messages go that can't be delivered, and how many stop a worker"
    )
    account: Account = Field(default=Account(), description="The account of consumed messages")
    supervisor: Supervisor = Field(default=Supervisor(), description="The pool of workers")
    status: Status = Field(default=Status(), description="The page, the metrics and the health of a run")
    topic_overlays: Topics = Field(
        default_factory=dict,
        alias="topics",
        description=(
            "Several topics by name, each with the keys that differ in it. A worker reads one topic; every topic has "
            "one worker at least, and the next one goes where most partitions share one"
        ),
    )
    route_overlays: Routes = Field(
        default_factory=dict,
        alias="routes",
        description=(
            "Routes by name, in order: the first whose conditions a message meets takes it; a message that no route "
            "takes is a dead letter (no_route). Each route has batches, uploads (in_flight) and memory of its own"
        ),
    )

    # Whether a file, a variable or a flag set anything: without one, the advice is another.
    _anything_set: bool = PrivateAttr(default=False)

    @property
    def anything_set(self) -> bool:
        """A file, a variable or a flag sets something, or there is an empty file."""
        return self._anything_set

    @cached_property
    def topics(self) -> tuple[TopicConfig, ...]:
        """The topics with all that holds for each; one without [topics.*]."""
        base = TopicConfig(
            section="",
            kafka=self.kafka,
            format=self.format,
            batch=self.batch,
            arize=self.arize,
            schema=self.columns,
            delivery=self.delivery,
            dead_letters=self.dead_letters,
            account=self.account,
            supervisor=self.supervisor,
        )
        return resolve(base, self.topic_overlays, self.route_overlays)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003  pydantic-settings fixes this signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what is given: `ingest.config.load` merges the sources, so that each value's place is known."""
        return (init_settings,)

"""The settings of all sources as one frozen `Config`: a policy for each section, and the topics resolved from it.

Rules
1. Of the sources the first that sets a key wins: flags, environment (`INGEST_KAFKA__BROKERS`), the file, defaults.
2. `INGEST_TOPICS` and `INGEST_ROUTES` hold JSON and replace the file's whole table: routes have an order, which two
   sources could not share.
"""

import os
from functools import cached_property
from typing import Any

from pydantic import Field
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from ingest.config.format import Format
from ingest.config.overlays import Routes, Topics
from ingest.config.resolve import TopicConfig, resolve
from ingest.config.schema import Schema
from ingest.config.sections import Account, Arize, Batch, DeadLetters, Delivery, Kafka, Supervisor


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
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  pydantic-settings fixes this signature
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags over environment over file: pydantic-settings merges key by key, the first source wins."""
        return init_settings, env_settings, _File(settings_cls, deep_merge=True)


class _File(TomlConfigSettingsSource):
    """The file, without the tables that the environment holds as a whole: merged, routes would mix their conditions."""

    def __call__(self) -> dict[str, Any]:
        held = {f"INGEST_{table}".upper() for table in ("topics", "routes")} & {name.upper() for name in os.environ}
        return {key: value for key, value in super().__call__().items() if f"INGEST_{key}".upper() not in held}

"""One topic's configuration and one route's: what holds after the overlays are merged.

Rules
1. Without [topics.*] there is one topic: the base itself. Without [routes.*] a topic has one route, without a name,
   that takes and delivers every message.
2. Topics and routes keep the order of the file. The first route whose `when` holds takes a message.
3. `section` is where the file names the topic or the route, in brackets; "" where it names none.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ingest.config.format import Format
from ingest.config.messages import toml_key
from ingest.config.overlays import RouteOverlay, Scalar, TopicOverlay, merge
from ingest.config.schema import Schema
from ingest.config.sections import Account, Arize, Batch, DeadLetters, Delivery, Kafka, Supervisor


@dataclass(frozen=True, slots=True)
class RouteConfig:
    """What holds for the messages of one route.

    `when` maps a field's dotted path, `headers.NAME`, `key` or `partition` to the values of which it must have one, of
    the same type; a string may hold the wildcard `*`. All entries must hold. Messages of a route that does not
    `deliver` are filtered: left out on purpose, and counted.
    """

    section: str
    name: str
    when: Mapping[str, tuple[Scalar, ...]]
    deliver: bool
    kafka: Kafka
    format: Format
    batch: Batch
    arize: Arize
    schema: Schema
    delivery: Delivery
    dead_letters: DeadLetters

    def in_environment(self, environment: str) -> "RouteConfig":
        """The same for messages of one Arize environment, where a template names it."""
        return replace(self, arize=self.arize.in_environment(environment))

    def with_schema(self, schema: Schema) -> "RouteConfig":
        """The same with another [schema]."""
        return replace(self, schema=schema)


@dataclass(frozen=True, slots=True)
class TopicConfig:
    """What holds for one topic. `arize` and `schema` are what its routes are merged into."""

    section: str
    kafka: Kafka
    format: Format
    batch: Batch
    arize: Arize
    schema: Schema
    delivery: Delivery
    dead_letters: DeadLetters
    account: Account
    supervisor: Supervisor
    routes: tuple[RouteConfig, ...] = ()

    def single_route(self) -> RouteConfig:
        """The route of a topic without [routes.*]: it takes and delivers every message."""
        return RouteConfig(
            section="",
            name="",
            when={},
            deliver=True,
            kafka=self.kafka,
            format=self.format,
            batch=self.batch,
            arize=self.arize,
            schema=self.schema,
            delivery=self.delivery,
            dead_letters=self.dead_letters,
        )


def resolve(
    base: TopicConfig, topics: Mapping[str, TopicOverlay], routes: Mapping[str, RouteOverlay]
) -> tuple[TopicConfig, ...]:
    """The topics, each with its routes: `base` with the overlays of [topics.*] and [routes.*] merged into it."""
    if not topics:
        return (_with_routes(base, "", routes),)
    return tuple(_topic(base, name, topic, routes) for name, topic in topics.items())


def _topic(base: TopicConfig, name: str, overlay: TopicOverlay, routes: Mapping[str, RouteOverlay]) -> TopicConfig:
    key = f"topics.{toml_key(name)}"
    topic = replace(
        base,
        section=f"[{key}]",
        kafka=base.kafka.with_topic(name),
        supervisor=base.supervisor.with_partitions(overlay.partitions),
        schema=merge(base.schema, overlay.columns),
        arize=merge(base.arize, overlay.arize),
        batch=merge(base.batch, overlay.batch),
        format=merge(base.format, overlay.format),
    )
    return _with_routes(topic, f"{key}.", overlay.routes) if overlay.has_routes else _with_routes(topic, "", routes)


def _with_routes(topic: TopicConfig, prefix: str, routes: Mapping[str, RouteOverlay]) -> TopicConfig:
    """`prefix` is that of the routes' sections."""
    whole = topic.single_route()
    found = tuple(
        replace(
            whole,
            section=f"[{prefix}routes.{toml_key(name)}]",
            name=name,
            when=route.when,
            deliver=route.deliver,
            schema=merge(topic.schema, route.columns),
            arize=route.merged_arize(topic.arize),
        )
        for name, route in routes.items()
    )
    return replace(topic, routes=found or (whole,))

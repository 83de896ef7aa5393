"""Checks of the merged configuration: of every topic and route that delivers, each fault with its section.

1. `contradictions` is checked by every command, `check_delivery` only by those that send to Arize.
2. Overlays alone are not checked: a topic or a route may complete what the base leaves out.
"""

from collections.abc import Callable

from ingest.config import consistency
from ingest.config import format as message_format
from ingest.config.arize_access import api_key, space_id
from ingest.config.messages import locate
from ingest.config.resolve import RouteConfig
from ingest.config.settings import Config
from ingest.errors import ConfigError


def contradictions(config: Config) -> list[str]:
    """Keys of [schema], [arize] and [format] that can't be combined, for every topic and route."""
    return _of_routes(
        config, lambda route: [*consistency.faults(route.schema, route.arize), *message_format.faults(route.format)]
    )


def check_delivery(config: Config) -> None:
    """Everything that delivering needs is there, for every topic and route. Raises `ConfigError` with all missing."""
    faults = _of_routes(config, _missing)
    try:
        config.kafka.client_options()
    except ConfigError as unusable:
        faults.extend(unusable.faults)
    if faults:
        raise ConfigError(faults)


def _of_routes(config: Config, find: Callable[[RouteConfig], list[str]]) -> list[str]:
    """The faults that `find` finds in the routes that deliver, each with its section."""
    return locate(
        [
            (topic.section, route.section, find(route))
            for topic in config.topics
            for route in topic.routes
            if route.deliver
        ]
    )


def _missing(route: RouteConfig) -> list[str]:
    faults = []
    if not route.kafka.topic:
        faults.append("[kafka] topic is missing: name the topic to read, or set INGEST_KAFKA__TOPIC")
    elif route.kafka.topic == route.dead_letters.topic:
        faults.append("[dead_letters] topic is [kafka] topic: dead letters would be read again for ever; name another")
    if not route.arize.model_name:
        faults.append("[arize] model_name is missing: name the model in Arize, or set INGEST_ARIZE__MODEL_NAME")
    try:
        if not space_id(route.arize):
            faults.append("[arize] space_id is missing: set it, or ARIZE_SPACE_ID in the environment")
    except ConfigError as unusable:
        faults.extend(unusable.faults)
    try:
        if api_key(route.arize) is None:
            faults.append("no Arize API key: set ARIZE_API_KEY in the environment, or [arize] api_key_file")
    except ConfigError as unusable:
        faults.extend(unusable.faults)
    return faults

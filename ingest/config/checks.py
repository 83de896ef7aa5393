"""Checks of the merged configuration: of every topic and route that delivers, each fault with its section.

1. `contradictions` and `without_effect` are checked by every command, `check_delivery` only by those that send to
   Arize.
2. Overlays alone are not checked: a topic or a route may complete what the base leaves out.
"""

from collections.abc import Callable

from ingest.config import consistency, effects
from ingest.config import format as message_format
from ingest.config.arize_access import api_key, endpoint, space_id
from ingest.config.messages import locate, toml_key
from ingest.config.near_files import no_default_file
from ingest.config.overlays import takes_all_of
from ingest.config.resolve import RouteConfig, TopicConfig
from ingest.config.schema import Section
from ingest.config.settings import Config
from ingest.config.sources import DEFAULT_FILE
from ingest.errors import ConfigError

# How the faults begin that only the environment of a run can mend.
CREDENTIALS_MISSING = ("[arize] space_id is missing", "no Arize API key")
NO_TOPIC = "[kafka] topic is missing: name the topic to read, or set INGEST_KAFKA__TOPIC"
NO_MODEL = "[arize] model_name is missing: name the model in Arize, or set INGEST_ARIZE__MODEL_NAME"


def contradictions(config: Config) -> list[str]:
    """Keys of [schema], [arize] and [format] that can't be combined, for every topic and route."""
    return _of_routes(
        config, lambda route: [*consistency.faults(route.schema, route.arize), *message_format.faults(route.format)]
    )


def without_effect(config: Config) -> list[str]:
    """Settings that can never act, each with the section that sets it.

    What the base or a topic sets, and routes inherit, is a fault only if it acts in none of them.
    """
    inherited: dict[tuple[str, tuple[str, ...], str], list[bool]] = {}
    routes = [(topic, route) for topic in config.topics for route in topic.routes if route.deliver]
    found = [list(effects.without_effect(route.schema, route.arize)) for _, route in routes]
    for each in dict.fromkeys(finding for findings in found for finding in findings):
        for (topic, route), findings in zip(routes, found, strict=True):
            section = _setter(config, topic, route, each)
            inherited.setdefault((section, each.path, each.text), []).append(each in findings)
    faults = [
        f"{section}: {text}" if section else text for (section, _, text), never in inherited.items() if all(never)
    ]
    return [*faults, *consistency.limits_without_effect(config), *_routes_without_effect(config)]


def _setter(config: Config, topic: TopicConfig, route: RouteConfig, each: effects.WithoutEffect) -> str:
    """The section that sets what a route has: its own, that of its topic, or "" for the base."""
    overlay = config.topic_overlays.get(topic.kafka.topic)
    routes = overlay.routes if overlay is not None and overlay.has_routes else config.route_overlays
    name = "columns" if each.section == "schema" else each.section
    if (own := routes.get(route.name)) is not None and _sets(getattr(own, name), each.path):
        return route.section
    if overlay is not None and _sets(getattr(overlay, name), each.path):
        return topic.section
    return ""


def _sets(section: Section, path: tuple[str, ...]) -> bool:
    """Whether an overlay sets this key; sub-sections are merged key by key."""
    if path[0] not in section.model_fields_set:
        return False
    inner = getattr(section, path[0])
    return len(path) == 1 or not isinstance(inner, Section) or _sets(inner, path[1:])


def _routes_without_effect(config: Config) -> list[str]:
    """Routes that no message reaches because of those before them."""
    faults = []
    overlays = config.topic_overlays
    if overlays and config.route_overlays and all(topic.has_routes for topic in overlays.values()):
        faults.append("[routes.*] never act: every [topics.NAME] has routes of its own; remove one or the other")
    for topic in config.topics:
        replaced = overlays[topic.kafka.topic].routes if overlays else {}
        for name, overlay in {**config.route_overlays, **replaced}.items():
            if "tombstones" in overlay.columns.model_fields_set:
                faults.append(
                    f"routes.{toml_key(name)}: [schema] tombstones never acts in a route: a message without a value "
                    "has none; set it in [schema] or in a topic"
                )
        for at, route in enumerate(topic.routes):
            before = next((one for one in topic.routes[:at] if takes_all_of(one.when, route.when)), None)
            if before is not None:
                faults.append(f"{route.section} is never reached: {before.section} before it takes all its messages")
    return list(dict.fromkeys(faults))


def check_delivery(config: Config) -> None:
    """Everything that delivering needs is there, for every topic and route. Raises `ConfigError` with all missing."""
    faults = _of_routes(config, _missing)
    if not config.anything_set and not config.model_fields_set:
        faults = [no_default_file(DEFAULT_FILE), *(fault for fault in faults if fault not in {NO_TOPIC, NO_MODEL})]
    for find in (config.kafka.client_options, lambda: endpoint(config.arize)):
        try:
            find()
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
        faults.append(NO_TOPIC)
    elif route.kafka.topic == route.dead_letters.topic:
        faults.append("[dead_letters] topic is [kafka] topic: dead letters would be read again for ever; name another")
    if not route.arize.model_name:
        faults.append(NO_MODEL)
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

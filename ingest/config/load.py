"""Loads the configuration: flags over environment over the files (later over earlier) over defaults.

Every fault is reported in one `ConfigError`, each with its section and key and the place where it was written.

Rules
1. The files are those of `--config`, else those that `INGEST_CONFIG` names, else `ingest.toml` of the working directory
   if there is one. How sources are merged: `ingest.config.sources`.
2. [kafka] topic with several names is [topics.*] without keys of their own. A topic among the flags chooses among
   [topics.*], and partitions among the flags are those of the only topic left.
"""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ingest.config import partition_set, spellings
from ingest.config.checks import contradictions, without_effect
from ingest.config.credentials import OPTION_ADVICE, Scrubber, text_fault
from ingest.config.messages import sentences, toml_key, unknown_variables, with_place
from ingest.config.near_files import near_file
from ingest.config.near_names import near
from ingest.config.settings import Config
from ingest.config.sources import DEFAULT_FILE, Source, Sources, files_of, read_environment, read_file, read_flags
from ingest.config.topic_names import topic_fault
from ingest.errors import ConfigError

Files = Path | Sequence[Path] | None
Flags = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Loaded:
    """A configuration, and where each of its values was written."""

    config: Config
    sources: Sources


def load(file: Files = None, flags: Flags | None = None) -> Config:
    """The configuration from `flags` (section -> key -> value), environment and files: one, several, or the default.

    Raises `ConfigError` with every fault found.
    """
    return load_with_sources(file, flags).config


def load_with_sources(file: Files = None, flags: Flags | None = None) -> Loaded:
    """The same, and where each value was written. Raises `ConfigError` with every fault found."""
    faults = list(unknown_variables(os.environ, Config))
    sources = _sources(file, flags or {}, faults)
    if faults:
        # A value that can't be read has a fault already: its validation would only repeat it.
        told = {f"{fault.split(':')[0]})" for fault in faults} | {_place_of(fault) for fault in faults}
        faults += [fault for fault in _validation_faults(sources) if _place_of(fault) not in told]
        raise ConfigError(_clean(faults, sources))
    topic, partitions = _taken(sources.all[0], ("kafka", "topic")), _taken(sources.all[0], ("supervisor", "partitions"))
    if topic is not None and (fault := text_fault(str(topic))):
        raise ConfigError([f"--topic: {fault}; {OPTION_ADVICE}"])
    tree, topic = _with_topics(sources, topic)
    config, faults = _validated(tree, sources)
    if config is None:
        raise ConfigError(_clean(faults, sources))
    if config.topic_overlays:
        faults += _of_topic_names(config, sources)
        faults += _of_several_topics(config, topic, partitions)
    unused = without_effect(config.model_copy())  # of all topics: what does not act in one may act in another
    config = _narrowed(config, topic, partitions)
    found = [*contradictions(config), *unused, *_partition_faults(config)]
    faults += [with_place(fault, sources) for fault in found]
    if faults:
        raise ConfigError(_clean(faults, sources))
    config._anything_set = sources.anything_set  # noqa: SLF001  set once, before anybody else has it
    return Loaded(config, sources)


def _sources(file: Files, flags: Flags, faults: list[str]) -> Sources:
    """All sources. The faults of reading them are added to `faults`."""
    if not file:
        files, required = files_of(os.environ, DEFAULT_FILE)
        named_by = "INGEST_CONFIG"
    else:
        files, required, named_by = [file] if isinstance(file, Path) else list(file), True, "--config"
    read: list[Source] = []
    for path in files:
        if path.is_dir():
            faults.append(f"{path}: it is a directory; {named_by} names a TOML file")
        elif not path.is_file() and (required or path.is_symlink()):
            meant = near_file(path)
            hint = f"; is {path.with_name(meant)} meant?" if meant else ""
            faults.append(f"{path}: no such file; {named_by} names a TOML file{hint}")
        elif path.is_file():
            try:
                read.append(read_file(path, Config))
            except ConfigError as wrong:
                faults += wrong.faults
    sources = Sources((read_flags(flags, Config), read_environment(Config), *reversed(read)))
    faults += [f"{_key(path)}: {text} ({sources.place(path)})" for path, text in sources.faults()]
    return sources


def _key(path: Sequence[str]) -> str:
    return f"[{'.'.join(path[:-1])}] {path[-1]}" if len(path) > 1 else path[0]


def _taken(flags: Source, path: tuple[str, str]) -> Any:
    """A flag that is not simply a value: rule 2."""
    section, key = path
    value = flags.tree.get(section, {}).get(key)
    return None if value is None or not isinstance(value, list | tuple | str) else value


def _with_topics(sources: Sources, topic: Any) -> tuple[dict[str, Any], Any]:
    """The merged values with rule 2, and the topics that a flag chooses among [topics.*], or None."""
    tree: dict[str, Any] = {**sources.tree}
    lower = Sources(sources.all[1:])
    if tree.get("topics"):
        if topic is not None:
            tree["kafka"] = _without(tree["kafka"], "topic", lower.tree.get("kafka", {}))
        if sources.all[0].tree.get("supervisor", {}).get("partitions") is not None:
            tree["supervisor"] = _without(tree["supervisor"], "partitions", lower.tree.get("supervisor", {}))
        return tree, topic
    kafka: Any = tree.get("kafka")
    if not isinstance(kafka, Mapping):
        return tree, None
    given = kafka.get("topic")
    names = spellings.items(given) if isinstance(given, str) and "," in given else given
    if isinstance(names, list | tuple) and all(isinstance(name, str) for name in names):
        kept = {key: value for key, value in kafka.items() if key != "topic"}
        if len(names) > 1:
            tree |= {"kafka": kept, "topics": {name.strip(): {} for name in names}}
        else:
            tree["kafka"] = {**kept, "topic": names[0] if names else ""}
    return tree, None


def _without(section: Mapping[str, Any], key: str, lower: Mapping[str, Any]) -> dict[str, Any]:
    """`section` with what the sources below the flags have for `key`, if they have it."""
    rest = {name: value for name, value in section.items() if name != key}
    return rest | ({key: lower[key]} if key in lower else {})


def _validated(tree: Mapping[str, Any], sources: Sources) -> tuple[Config | None, list[str]]:
    try:
        return Config(**tree), []
    except ValidationError as error:
        return None, sentences(error, sources, Config)


def _place_of(fault: str) -> str:
    return fault.rpartition(" (")[2] if fault.endswith(")") else ""


def _validation_faults(sources: Sources) -> list[str]:
    return _validated(_with_topics(sources, None)[0], sources)[1]


def _clean(faults: Iterable[str], sources: Sources) -> list[str]:
    """The faults, each once, without what a variable with the name of a secret filled in."""
    scrub = Scrubber(sources.secrets())
    return [scrub(fault) for fault in dict.fromkeys(faults)]


def _names(topic: Any) -> tuple[str, ...]:
    return () if topic is None else tuple(spellings.items(topic))


def _of_several_topics(config: Config, topic: Any, partitions: Any) -> Iterator[str]:
    """Keys and flags that can't be combined with [topics.*]."""
    names = config.topic_overlays
    if config.kafka.topic:
        yield (
            "[kafka] topic and [topics.*] exclude each other: each [topics.NAME] names a topic. Remove [kafka] topic "
            "(or INGEST_KAFKA__TOPIC from the environment)"
        )
    if "partitions" in config.supervisor.model_fields_set and (partitions is None or len(names) > 1):
        yield (
            "[supervisor] partitions and [topics.*] exclude each other: set each topic's in [topics.NAME] partitions"
        )
    for one in _names(topic):
        if one not in names:
            guess = near(one, names)
            yield f"--topic {one}: no such [topics.*]; " + (
                f"did you mean {guess}?" if guess else f"there are {', '.join(names)}"
            )
    if topic is None and partitions is not None and len(names) > 1:
        yield (
            f"--partitions: of which of the topics {', '.join(names)}? Choose one with --topic, or set each "
            "topic's in [topics.NAME] partitions"
        )


def _of_topic_names(config: Config, sources: Sources) -> Iterator[str]:
    """Names in [topics.*], or of a list in [kafka] topic, that no topic can have."""
    for name in config.topic_overlays:
        if fault := topic_fault(name):
            where = f"[topics.{toml_key(name)}]" if sources.has(("topics", name)) else "[kafka] topic"
            yield with_place(f"{where}: {fault}", sources)


def _narrowed(config: Config, topic: Any, partitions: Any) -> Config:
    """`config` with the topics and the partitions that flags choose."""
    if not config.topic_overlays:
        return config
    chosen = {
        name: overlay for name, overlay in config.topic_overlays.items() if topic is None or name in _names(topic)
    }
    if partitions is not None:
        text = partitions if isinstance(partitions, str) else ",".join(map(str, partitions))
        chosen = {name: overlay.model_copy(update={"partitions": text}) for name, overlay in chosen.items()}
    return config.model_copy(update={"topic_overlays": chosen or config.topic_overlays})


def _partition_faults(config: Config) -> Iterator[str]:
    """Partition sets that can't be read, or that name a partition twice."""
    for topic in config.topics:
        try:
            partition_set.parse(topic.supervisor.partitions, f"{topic.section or '[supervisor]'} partitions")
        except ConfigError as wrong:
            yield from wrong.faults

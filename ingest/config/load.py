"""Loads the configuration: flags over environment over `ingest.toml` (or `--config FILE`) over defaults.

Every fault is reported in one `ConfigError`, each with its section and key.
"""

import difflib
import os
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_settings import SettingsConfigDict, SettingsError

from ingest.config.checks import contradictions, without_effect
from ingest.config.credentials import OPTION_ADVICE, text_fault
from ingest.config.messages import sentences, unknown_variables
from ingest.config.settings import Config
from ingest.errors import ConfigError

DEFAULT_FILE = "ingest.toml"


def load(files: Path | Sequence[Path] | None = None, flags: Mapping[str, Mapping[str, Any]] | None = None) -> Config:
    """The configuration from `flags` (section -> key -> value), environment and `files`, of which a later one wins.

    Without `files`, `ingest.toml` of the working directory is read if there is one. With [topics.*], a topic among the
    flags chooses one of them, and partitions are those of the only topic left.
    Raises `ConfigError` with every fault found.
    """
    named = (files,) if isinstance(files, Path) else tuple(files or ())
    if missing := [file for file in named if not file.is_file()]:
        raise ConfigError([f"{file}: no such file; --config names a TOML file" for file in missing])
    paths = named or (Path(DEFAULT_FILE),)
    given: dict[str, Any] = {section: dict(keys) for section, keys in (flags or {}).items() if keys}
    topic = given.get("kafka", {}).pop("topic", None)
    partitions = given.get("supervisor", {}).pop("partitions", None)

    faults = list(unknown_variables(os.environ, Config))
    config = _read(paths, given, faults)
    if topic is not None and (fault := text_fault(topic)):
        raise ConfigError([f"--topic: {fault}; {OPTION_ADVICE}", *faults])
    if config.topic_overlays:
        faults += _of_several_topics(config, topic, partitions)
    unused = without_effect(config.model_copy())  # of all topics: what does not act in one may act in another
    config = _narrowed(config, topic, partitions)
    faults += [*contradictions(config), *unused]
    if faults:
        raise ConfigError(faults)
    return config


def _read(paths: Sequence[Path], given: Mapping[str, Any], faults: Sequence[str]) -> Config:
    """The configuration of all sources. Raises `ConfigError` with the faults found in them, and `faults`."""
    path = Path(" + ".join(map(str, paths)))

    class FromFile(Config):
        model_config = SettingsConfigDict(toml_file=paths)

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
    # The class above exists only for this file's path.
    return Config.model_construct(**{name: getattr(found, name) for name in Config.model_fields})


def _without_quotes(error: tomllib.TOMLDecodeError) -> str:
    """The fault and its position, without the text it quotes from the file: that may be a secret in the wrong place."""
    if str(error).startswith("Cannot overwrite a value"):
        return "a key or a table is set twice" + str(error).removeprefix("Cannot overwrite a value")
    if str(error).startswith("Invalid value"):
        return f"{error}; a text stands in quotes"
    return re.sub(r"\('.*'[^)]*\)|'(?:[^'\\]|\\.){2,}'|\"(?:[^\"\\]|\\.){2,}\"", "...", str(error))


def _of_several_topics(config: Config, topic: str | None, partitions: str | None) -> Iterator[str]:
    """Keys and flags that can't be combined with [topics.*]."""
    names = config.topic_overlays
    if config.kafka.topic:
        yield (
            "[kafka] topic and [topics.*] exclude each other: each [topics.NAME] names a topic. Remove [kafka] topic "
            "(or INGEST_KAFKA__TOPIC from the environment)"
        )
    if "partitions" in config.supervisor.model_fields_set:
        yield (
            "[supervisor] partitions and [topics.*] exclude each other: set each topic's in [topics.NAME] partitions"
        )
    if topic is not None and topic not in names:
        near = difflib.get_close_matches(topic, names, n=1)
        yield f"--topic {topic}: no such [topics.*]; " + (
            f"did you mean {near[0]}?" if near else f"there are {', '.join(names)}"
        )
    if topic is None and partitions is not None and len(names) > 1:
        yield (
            f"--partitions: of which of the topics {', '.join(names)}? Choose one with --topic, or set each "
            "topic's in [topics.NAME] partitions"
        )


def _narrowed(config: Config, topic: str | None, partitions: str | None) -> Config:
    """`config` with the topic and the partitions of the flags."""
    if not config.topic_overlays:
        kafka = config.kafka if topic is None else config.kafka.with_topic(topic)
        supervisor = config.supervisor if partitions is None else config.supervisor.with_partitions(partitions)
        return config.model_copy(update={"kafka": kafka, "supervisor": supervisor})
    chosen = {name: overlay for name, overlay in config.topic_overlays.items() if topic in {None, name}}
    if partitions is not None:
        chosen = {name: overlay.model_copy(update={"partitions": partitions}) for name, overlay in chosen.items()}
    return config.model_copy(update={"topic_overlays": chosen or config.topic_overlays})

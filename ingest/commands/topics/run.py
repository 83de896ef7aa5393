"""`ingest topics`: asks Kafka which topics there are, and compares them with the configuration."""

import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TextIO

from ingest.commands.topics.text import as_json, as_lines
from ingest.config.settings import Config
from ingest.errors import ExitCode
from ingest.pipeline.kafka import first_contact
from ingest.pipeline.kafka.topic_list import is_internal, list_topics


def run(settings: Config, *, like: str | None, internal: bool, json: bool, stream: TextIO) -> ExitCode:
    """List the topics of Kafka on `stream`.

    Returns CONFIGURATION if a configured topic does not exist, or no topic is `like`. Raises FatalError (exit code
    KAFKA).
    """
    configured = tuple(each.kafka.topic for each in settings.topics if each.kafka.topic)
    found = list_topics(settings.kafka, internal=internal or any(map(is_internal, configured)))
    names = [each.name for each in found]
    shown = [each for each in found if matches(each.name, like, names)]
    faults = [missing(topic, names, settings.kafka.brokers) for topic in configured if topic not in names]
    if like is not None and not shown:
        faults.append(f"no topic is like {like}; there are {_some(names)}")
    if json:
        at = datetime.now(UTC)
        stream.write(as_json(shown, settings.kafka.brokers, settings.kafka.group, configured, at) + "\n")
    else:
        lines = as_lines(shown, settings.kafka.group, configured, time.time())
        stream.writelines(f"{line}\n" for line in lines)
    for fault in faults:
        sys.stderr.write(f"{fault}\n")
    return ExitCode.CONFIGURATION if faults else ExitCode.DONE


def matches(name: str, like: str | None, names: Sequence[str]) -> bool:
    """Whether the topic contains `like`, or looks like it where no topic contains it."""
    if like is None:
        return True
    if any(like.lower() in other.lower() for other in names):
        return like.lower() in name.lower()
    return name in first_contact.near(like, names)


def missing(topic: str, names: Sequence[str], brokers: str) -> str:
    """The sentence about a configured topic that Kafka does not have."""
    like = first_contact.near(topic, names)
    hint = f"did you mean {' or '.join(like)}?" if like else f"there are {_some(names)}"
    return f"[kafka] topic = {topic}: there is no such topic at {brokers}, or this user may not see it; {hint}"


def _some(names: Sequence[str]) -> str:
    if not names:
        return "no topics that this user may see"
    return ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")

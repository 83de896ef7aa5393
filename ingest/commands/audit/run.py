"""`ingest audit`: audit the topics, print the result, and return whether everything adds up."""

import json as json_lines
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TextIO

from ingest.commands.audit.text import WIDTH, as_json, as_table, sentences
from ingest.commands.audit.topic_audit import ADDS_UP, DOES_NOT_ADD_UP, audit
from ingest.config.resolve import TopicConfig
from ingest.status.console import BrokenPipeConsole, width_for


def run(
    settings: Sequence[TopicConfig],
    *,
    hours: float | None,
    by_hour: bool,
    dead_letters: bool,
    json: bool,
    stream: TextIO,
) -> int:
    """Print the audit; returns ADDS_UP or DOES_NOT_ADD_UP.

    Raises ConfigError when there is no account, FatalError (exit code KAFKA) when Kafka doesn't answer.
    """
    topics = audit(settings, hours=hours, dead_letters=dead_letters)
    if json:
        stream.write(json_lines.dumps(as_json(topics, datetime.now(UTC)), ensure_ascii=False) + "\n")
    else:
        console = BrokenPipeConsole(file=stream, width=width_for(stream, WIDTH), markup=False, highlight=False)
        for topic in topics:
            console.print(as_table(topic, by_hour=by_hour, width=console.width))
            console.print("\n".join(sentences(topic)), soft_wrap=True)
    return DOES_NOT_ADD_UP if any(topic.alarms for topic in topics) else ADDS_UP

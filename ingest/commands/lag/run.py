"""`ingest lag`: one look, or one every few seconds until Ctrl-C."""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import TextIO

from rich.console import Group
from rich.live import Live

from ingest.commands.lag.measure import Measure, PartitionLag
from ingest.commands.lag.text import as_json, as_table
from ingest.config.resolve import TopicConfig
from ingest.errors import ConfigError, ExitCode
from ingest.status.console import BrokenPipeConsole

WIDTH = 140  # of a table in a file or a pipe
EVERY_S = 2.0


def run(settings: Sequence[TopicConfig], *, json: bool, watch: bool, stream: TextIO) -> ExitCode:
    """Show the lag of each topic of `settings`; with `watch` again and again.

    Raises ConfigError without a topic, FatalError (exit code KAFKA) when Kafka doesn't answer.
    """
    if not all(each.kafka.topic for each in settings):
        raise ConfigError("[kafka] topic is missing: name the topic to read, or set INGEST_KAFKA__TOPIC")
    with ExitStack() as opened:
        measures = []
        for each in settings:
            measures.append((each, Measure(each.kafka)))
            opened.callback(measures[-1][1].close)
        console = BrokenPipeConsole(file=stream, width=None if stream.isatty() else WIDTH)
        live = (
            opened.enter_context(Live(console=console, auto_refresh=False))
            if watch and not json and _alive(console)
            else None
        )
        try:
            while True:
                found = [(each, measure.take()) for each, measure in measures]
                _show(found, console, live, json=json, stream=stream)
                if not watch or console.quiet:
                    return ExitCode.DONE
                time.sleep(EVERY_S)
        except (KeyboardInterrupt, BrokenPipeError):
            return ExitCode.DONE


def _alive(console: BrokenPipeConsole) -> bool:
    return console.is_terminal and not console.is_dumb_terminal and not console.no_color


def _show(
    found: Sequence[tuple[TopicConfig, list[PartitionLag]]],
    console: BrokenPipeConsole,
    live: Live | None,
    *,
    json: bool,
    stream: TextIO,
) -> None:
    if json:
        stream.writelines(as_json(each.kafka, rows, datetime.now(UTC)) + "\n" for each, rows in found)
        stream.flush()
        return
    tables = Group(*(as_table(each.kafka, rows) for each, rows in found))
    if live is not None:
        live.update(tables, refresh=True)
    else:
        console.print(tables)

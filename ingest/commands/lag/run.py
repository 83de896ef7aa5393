"""`ingest lag`: measure and print the lag once, or every few seconds until Ctrl-C."""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import TextIO

from rich.console import Group
from rich.live import Live

from ingest.commands.lag.measure import LagMeter, PartitionLag
from ingest.commands.lag.text import WIDTH, as_json, as_table
from ingest.config.resolve import TopicConfig
from ingest.errors import ExitCode
from ingest.status.console import BrokenPipeConsole, width_for

REFRESH_S = 2.0


def run(settings: Sequence[TopicConfig], *, json: bool, watch: bool, stream: TextIO) -> ExitCode:
    """Print the lag of each topic of `settings`; with `watch` until Ctrl-C or until nobody reads the output.

    Raises FatalError (exit code KAFKA) when Kafka doesn't answer.
    """
    with ExitStack() as opened:
        meters = []
        for each in settings:
            meters.append((each, LagMeter(each.kafka)))
            opened.callback(meters[-1][1].close)
        console = BrokenPipeConsole(file=stream, width=width_for(stream, WIDTH))
        live = (
            opened.enter_context(Live(console=console, auto_refresh=False))
            if watch and not json and _can_redraw(console)
            else None
        )
        try:
            while True:
                found = [(each, meter.measure()) for each, meter in meters]
                _show(found, console, live, json=json, stream=stream)
                if not watch or console.quiet:
                    return ExitCode.DONE
                time.sleep(REFRESH_S)
        except (KeyboardInterrupt, BrokenPipeError):
            return ExitCode.DONE


def _can_redraw(console: BrokenPipeConsole) -> bool:
    return console.is_terminal and not console.is_dumb_terminal


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
    tables = Group(*(as_table(each.kafka, rows, console.width) for each, rows in found))
    if live is not None:
        live.update(tables, refresh=True)
    else:
        console.print(tables)

"""`ingest dead-letters replay`: one replay from the letters that are meant to the account of it."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ingest.commands.dead_letters import originals, text
from ingest.commands.dead_letters.filters import Filter
from ingest.commands.dead_letters.letter import Entry, Store
from ingest.commands.dead_letters.outcome import PIPELINE, Outcome, hold_back
from ingest.commands.dead_letters.outcome import Progress as Advance
from ingest.commands.dead_letters.replay import PipelineReplay
from ingest.commands.dead_letters.republish import send_back
from ingest.commands.dead_letters.session import open_store
from ingest.config.checks import check_delivery
from ingest.config.resolve import TopicConfig
from ingest.config.settings import Config
from ingest.errors import ConfigError, ExitCode
from ingest.events import Emit, Event
from ingest.status import formatting, lines

_REFRESH_A_SECOND = 4


def replay(config: Config, wanted: Filter, *, to: str, max_replays: int, dry_run: bool, json: bool) -> ExitCode:
    """Replay the letters that are meant, and print the account.

    Raises ConfigError or FatalError for what makes a replay impossible; what was acknowledged by then is marked.
    """
    if to == PIPELINE and not dry_run:
        check_delivery(config)
    store = open_store(config.dead_letters, config.kafka)
    if not dry_run:
        store.lock()
    entries = [entry for entry in store.index() if wanted.takes(entry)]
    free, held_back = hold_back(entries, max_replays)
    found = originals.sort(config.kafka, free, to)
    whole = originals.Originals(store, config.kafka, to)
    outcome = Outcome(len(entries), held_back=held_back, gone=found.gone, to=to, dry_run=dry_run)
    try:
        if dry_run:
            _dry_run(config, whole, found, outcome)
            return outcome.exit_code
        with _bar(len(free) - found.gone) as (advance, emit):
            if to == PIPELINE:
                for each in _replays(config, whole, found, emit, advance):
                    each.run(outcome)
            else:
                send_back(config.kafka, whole, found.whole, outcome, advance)
    except KeyboardInterrupt:
        outcome.interrupted = True
    finally:
        store.close()
        if json:
            print(text.outcome_json(outcome, store.place))  # noqa: T201
        else:
            print("\n".join(text.outcome_lines(outcome, store.place)))  # noqa: T201
    return outcome.exit_code


def by_topic(config: Config, entries: Sequence[Entry]) -> list[tuple[TopicConfig, Sequence[Entry]]]:
    """The letters with what holds for the topic they come from; without [topics.*] one configuration is for all.

    Raises ConfigError for letters of a topic that [topics.*] says nothing of.
    """
    if not config.topic_overlays:
        return [(config.topics[0], entries)]
    found: dict[str, list[Entry]] = {}
    for entry in entries:
        found.setdefault(entry.origin.topic, []).append(entry)
    if strangers := sorted(found.keys() - config.topic_overlays.keys()):
        raise ConfigError(
            f"dead letters of {formatting.names('topic', strangers)}: no [topics.*] says how they are delivered. Add "
            "one, or choose others with --topic"
        )
    return [(each, found[each.kafka.topic]) for each in config.topics if each.kafka.topic in found]


def _replays(
    config: Config, store: Store, found: originals.Sorted, emit: Emit, advance: Advance
) -> Iterator[PipelineReplay]:
    for letters, hashed in ((found.whole, False), (found.hashed, True)):
        for settings, own in by_topic(config, letters):
            if own:
                yield PipelineReplay(settings, store, own, emit, advance, hashed=hashed)


def _dry_run(config: Config, store: Store, found: originals.Sorted, outcome: Outcome) -> None:
    if outcome.to == PIPELINE:
        for each in _replays(config, store, found, lambda _: None, lambda _: None):
            each.try_out(outcome)
    else:
        outcome.replayed = len(found.whole)


@contextmanager
def _bar(total: int) -> Iterator[tuple[Callable[[int], None], Callable[[Event], None]]]:
    """A progress bar on a terminal, nothing elsewhere; and where warnings go meanwhile."""
    console = Console(stderr=True)
    columns = (
        TextColumn("replaying"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    began = time.monotonic()
    with Progress(
        *columns, console=console, disable=not console.is_terminal, refresh_per_second=_REFRESH_A_SECOND
    ) as bar:
        task = bar.add_task("replay", total=total, rate="")
        done = 0

        def advance(letters: int) -> None:
            nonlocal done
            done += letters
            rate = done / max(time.monotonic() - began, 0.001)
            bar.update(task, advance=letters, rate=f"{rate:,.0f}/s")

        def emit(event: Event) -> None:
            if event.level in {"warning", "error"}:
                console.print(lines.text_line(event, datetime.now(UTC)), markup=False, highlight=False)

        yield advance, emit

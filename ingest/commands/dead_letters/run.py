"""`ingest dead-letters list`, `show` and `replay`: select dead letters, print them or deliver them again."""

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from ingest.commands.dead_letters import originals, text
from ingest.commands.dead_letters.filters import Filter, check_reasons, histogram
from ingest.commands.dead_letters.index_entry import IndexEntry
from ingest.commands.dead_letters.pipeline_replay import PipelineReplay
from ingest.commands.dead_letters.progress import progress_bar
from ingest.commands.dead_letters.replay_result import PIPELINE, ReplayResult, split_by_replays
from ingest.commands.dead_letters.republish import republish
from ingest.commands.dead_letters.store import Store, open_store
from ingest.commands.dead_letters.unwrapped import UnwrappedValues
from ingest.config.checks import check_delivery
from ingest.config.resolve import TopicConfig
from ingest.config.settings import Config
from ingest.errors import ConfigError, ExitCode
from ingest.events import Emit
from ingest.status import formatting

_READ_AT_ONCE = 500


def list_dead_letters(config: Config, selection: Filter, *, json: bool) -> ExitCode:
    """Print the histogram of the selected dead letters. Raises ConfigError, and FatalError (exit code KAFKA)."""
    store = open_store(config.dead_letters, config.kafka)
    found = histogram(filter(selection.matches, store.index()))
    check_reasons(selection, found.by_reason)
    if json:
        _print(text.histogram_json(found, store.name))
    else:
        _print(*text.histogram_lines(found, store.name))
    return ExitCode.DONE


def show_dead_letters(config: Config, selection: Filter, *, limit: int, value: bool, json: bool) -> ExitCode:
    """Print the newest `limit` of the selected dead letters. Raises ConfigError, and FatalError (exit code KAFKA)."""
    store = open_store(config.dead_letters, config.kafka)
    entries = [entry for entry in store.index() if selection.matches(entry)]
    check_reasons(selection, {entry.reason for entry in entries})
    shown = entries[-limit:]
    unwrapped = UnwrappedValues(config)
    for first in range(0, len(shown), _READ_AT_ONCE):
        # Only the index knows what was replayed.
        indexed = {entry.location: entry for entry in shown[first : first + _READ_AT_ONCE]}
        for letter in store.read(list(indexed.values())):
            known = replace(letter, entry=indexed[letter.entry.location])
            inner = unwrapped.of(known) if value else None
            if json:
                _print(text.dead_letter_json(known, value=value, unwrapped=inner))
            else:
                _print(*text.dead_letter_lines(known, value=value, unwrapped=inner))
    if len(entries) > len(shown):
        sys.stderr.write(f"the newest {len(shown):,} of {len(entries):,}; --limit N shows more\n")
    elif not entries:
        sys.stderr.write(f"{store.name} holds no dead letter that matches\n")
    return ExitCode.DONE


def replay(config: Config, selection: Filter, *, to: str, max_replays: int, dry_run: bool, json: bool) -> ExitCode:
    """Replay the selected dead letters, and print the result.

    Raises ConfigError or FatalError when the replay can't start or can't go on; what was acknowledged by then is
    marked.
    """
    if to == PIPELINE and not dry_run:
        check_delivery(config)
    store = open_store(config.dead_letters, config.kafka)
    if not dry_run:
        store.lock()
    entries = [entry for entry in store.index() if selection.matches(entry)]
    check_reasons(selection, {entry.reason for entry in entries})
    allowed, max_replays_reached = split_by_replays(entries, max_replays)
    found = originals.classify(config.kafka, allowed, to)
    complete_store = originals.OriginalsStore(store, config.kafka, to)
    result = ReplayResult(
        len(entries),
        max_replays_reached=max_replays_reached,
        originals_missing=found.originals_missing,
        to=to,
        dry_run=dry_run,
    )
    try:
        if dry_run:
            _dry_run(config, complete_store, found, result)
            return result.exit_code
        with progress_bar(len(allowed) - found.originals_missing) as (advance, emit):
            if to == PIPELINE:
                for each in _replays(config, complete_store, found, emit, advance):
                    each.run(result)
            else:
                republish(config.kafka, complete_store, found.complete, result, advance)
    except KeyboardInterrupt:
        result.interrupted = True
    finally:
        store.close()
        if json:
            _print(text.result_json(result, store.name))
        else:
            _print(*text.result_lines(result, store.name))
    return result.exit_code


def by_topic(config: Config, entries: Sequence[IndexEntry]) -> list[tuple[TopicConfig, Sequence[IndexEntry]]]:
    """The dead letters with the configuration of the topic they come from; without [topics.*] there is only one.

    Raises ConfigError for dead letters of a topic that has no [topics.*].
    """
    if not config.topic_overlays:
        return [(config.topics[0], entries)]
    found: dict[str, list[IndexEntry]] = {}
    for entry in entries:
        found.setdefault(entry.origin.topic, []).append(entry)
    if unknown := sorted(found.keys() - config.topic_overlays.keys()):
        raise ConfigError(
            f"dead letters of {formatting.names('topic', unknown)}: [topics.*] does not configure their delivery. Add "
            "a section for each, or select other dead letters with --topic"
        )
    return [(each, found[each.kafka.topic]) for each in config.topics if each.kafka.topic in found]


def _replays(
    config: Config, store: Store, found: originals.Replayable, emit: Emit, advance: Callable[[int], None]
) -> Iterator[PipelineReplay]:
    for letters, hashed in ((found.complete, False), (found.hashed, True)):
        for settings, own in by_topic(config, letters):
            if own:
                yield PipelineReplay(settings, store, own, emit, advance, hashed=hashed)


def _dry_run(config: Config, store: Store, found: originals.Replayable, result: ReplayResult) -> None:
    if result.to == PIPELINE:
        for each in _replays(config, store, found, lambda _: None, lambda _: None):
            each.dry_run(result)
    else:
        result.replayed = len(found.complete)


def _print(*printed: str) -> None:
    sys.stdout.write("\n".join([*printed, ""]))

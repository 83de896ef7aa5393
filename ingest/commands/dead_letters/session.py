"""`ingest dead-letters list` and `show`: find the letters that are meant, and print them."""

import sys

from ingest.commands.dead_letters import text
from ingest.commands.dead_letters.files import FileStore
from ingest.commands.dead_letters.filters import Filter, histogram
from ingest.commands.dead_letters.letter import Store
from ingest.commands.dead_letters.topic import TopicStore
from ingest.config.sections import DeadLetters, Kafka
from ingest.config.settings import Config
from ingest.errors import ExitCode

_READ_AT_ONCE = 500


def open_store(dead_letters: DeadLetters, kafka: Kafka) -> Store:
    """The configured dead letters. Raises ConfigError when there is no such directory."""
    if dead_letters.topic:
        return TopicStore(kafka, dead_letters.topic)
    return FileStore(dead_letters.directory)


def list_letters(config: Config, wanted: Filter, *, json: bool) -> ExitCode:
    """Print the histogram of the letters that are meant."""
    store = open_store(config.dead_letters, config.kafka)
    found = histogram(filter(wanted.takes, store.index()))
    if json:
        print(text.histogram_json(found, store.place))  # noqa: T201  the command's output
    else:
        print("\n".join(text.histogram_lines(found, store.place)))  # noqa: T201
    return ExitCode.DONE


def show_letters(config: Config, wanted: Filter, *, limit: int, value: bool, json: bool) -> ExitCode:
    """Print the letters that are meant, the newest `limit` of them."""
    store = open_store(config.dead_letters, config.kafka)
    entries = [entry for entry in store.index() if wanted.takes(entry)]
    shown = entries[-limit:]
    for first in range(0, len(shown), _READ_AT_ONCE):
        replayed = {entry.place: entry for entry in shown[first : first + _READ_AT_ONCE]}
        for letter in store.read(list(replayed.values())):
            known = type(letter)(replayed[letter.entry.place], letter.raw_key, letter.raw_headers, letter.raw_value)
            if json:
                print(text.letter_json(known, value=value))  # noqa: T201
            else:
                print("\n".join(text.letter_lines(known, value=value)))  # noqa: T201
    if len(entries) > len(shown):
        print(f"the newest {len(shown):,} of {len(entries):,}; --limit shows more", file=sys.stderr)  # noqa: T201
    elif not entries:
        print(f"no such dead letter in {store.place}", file=sys.stderr)  # noqa: T201
    return ExitCode.DONE

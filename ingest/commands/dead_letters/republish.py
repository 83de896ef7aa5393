"""Replaying dead letters to the topic they came from, where a running worker reads them again.

Each goes to its own partition with its own key, value, timestamp and headers, and with `ingest.replayed`, which counts
its replays: a message that comes back as a dead letter brings that count along, so a loop is seen and ends.

Letters are marked lot by lot, when Kafka has confirmed the lot: a kill may repeat one lot.
"""

from collections.abc import Sequence

from ingest.commands.dead_letters.replay_result import TOPIC, Advance, ReplayResult
from ingest.commands.dead_letters.store import Store
from ingest.commands.dead_letters.stored import IndexEntry, StoredDeadLetter
from ingest.config.sections import Kafka
from ingest.pipeline.kafka.producer import ConfirmedProducer, Record, confirmed

_LOT = 1_000


def republish(
    kafka: Kafka, store: Store, entries: Sequence[IndexEntry], outcome: ReplayResult, progress: Advance
) -> None:
    """Replay `entries`. Raises FatalError (exit code KAFKA) when Kafka does not take them; `outcome` is up to date."""
    writer = ConfirmedProducer(kafka)
    try:
        for first in range(0, len(entries), _LOT):
            lot = entries[first : first + _LOT]
            confirmed(writer, [_record(letter) for letter in store.read(lot)])
            store.mark(lot, TOPIC)
            outcome.replayed += len(lot)
            progress(len(lot))
    finally:
        writer.close()


def _record(letter: StoredDeadLetter) -> Record:
    origin = letter.entry.origin
    return Record(
        topic=origin.topic,
        value=letter.raw_value,
        key=letter.raw_key,
        headers=letter.replayed_again().raw_headers,
        timestamp_ms=origin.timestamp_ms,
        partition=origin.partition,
    )

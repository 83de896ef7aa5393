"""Bytewax: its Kafka source, batches by `collect`, orjson, a sink of its own, a recovery store.

    .cache/peers/bytewax/bin/python -m benchmarks.peers.bytewax_flow --brokers HOST:PORT --topic T ... --directory D

1. The source reads each partition from its first message (`tail=False` ends it at the end: for a measurement). Bytewax
   keeps offsets in its own recovery store, not in Kafka: what `python -m bytewax.recovery` makes, here in `D`/recovery.
2. `collect` wants a key. One key for all makes batches of the wanted size, of all partitions; it emits what there is
   after the linger of the documented loop, and at the end.
3. The sink decodes by orjson, makes the DataFrame and logs it. Before it, the messages are bytes: what `collect` holds
   is written to the recovery store at each snapshot, and bytes are cheap to write where dicts are dear.
4. The SDK's validation is off, as ingest has it.

What somebody who knows it would set: `arguments.LIBRDKAFKA`; 10,000 messages a poll (1,000 by default); messages mapped
by the batch (`flat_map_batch`), not one by one; snapshots every 10 s, its default.
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import bytewax.operators as op
import orjson
import pandas as pd
from bytewax.connectors.kafka import KafkaSource
from bytewax.dataflow import Dataflow
from bytewax.outputs import DynamicSink, StatelessSinkPartition
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.run import cli_main

from benchmarks.peers import arguments
from benchmarks.peers.upload import Uploads

LINGER = timedelta(seconds=10)
SNAPSHOT = timedelta(seconds=10)
POLL_EVENTS = 10_000

Keyed = tuple[str, bytes]


class ArizePartition(StatelessSinkPartition):
    def __init__(self, uploads: Uploads) -> None:
        self._uploads = uploads

    def write_batch(self, items: list[tuple[str, list[bytes]]]) -> None:
        for _, values in items:
            self._uploads.log(pd.DataFrame([orjson.loads(value) for value in values]))


class ArizeSink(DynamicSink):
    def __init__(self, uploads: Uploads) -> None:
        self._uploads = uploads

    def build(self, step_id: str, worker_index: int, worker_count: int) -> ArizePartition:  # noqa: ARG002  its interface
        return ArizePartition(self._uploads)


def keyed(messages: Iterable[Any]) -> list[Keyed]:
    return [("all", message.value) for message in messages]


def main() -> None:
    given = arguments.parser(__doc__).parse_args()
    recovery = given.directory / "recovery"
    recovery.mkdir()
    init_db_dir(recovery, 1)
    flow = Dataflow("benchmark")
    source = KafkaSource(
        [given.brokers],
        [given.topic],
        tail=False,
        batch_size=POLL_EVENTS,
        add_config={**{name: str(value) for name, value in arguments.LIBRDKAFKA.items()}, "group.id": given.group},
    )
    messages = op.input("kafka", flow, source)
    batches = op.collect("batch", op.flat_map_batch("key", messages, keyed), LINGER, given.batch_events)
    op.output("arize", batches, ArizeSink(Uploads(given.tags, validate=False)))
    cli_main(flow, recovery_config=RecoveryConfig(recovery), epoch_interval=SNAPSHOT)


if __name__ == "__main__":
    main()

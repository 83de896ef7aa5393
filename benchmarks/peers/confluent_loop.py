"""The documented loop with confluent-kafka for a client: consume, json.loads, DataFrame, log, commit.

What a user writes who finds the page's kafka-python too slow. It differs from benchmarks/loop.py in this:

1. `Consumer.consume` brings a list, of up to 10,000 messages here (1 by default), and it has no deserializer:
   json.loads is called on each value.
2. `enable.partition.eof` says when a partition is read to its end: for a measurement.
3. The SDK's validation is off, as ingest has it: so its like is `loop, validate=False`.

What somebody who knows librdkafka would set is `arguments.LIBRDKAFKA`.
"""

import json
import time
from typing import Any

import pandas as pd
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from benchmarks.peers import arguments
from benchmarks.peers.upload import Uploads

LINGER_S = 10.0
CONSUMED_EVENTS = 10_000


def main() -> None:
    given = arguments.parser(__doc__).parse_args()
    uploads = Uploads(given.tags, validate=False)
    consumer = Consumer(
        {
            "bootstrap.servers": given.brokers,
            "group.id": given.group,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "enable.partition.eof": True,
            **arguments.LIBRDKAFKA,
        }
    )
    consumer.assign([TopicPartition(given.topic, partition) for partition in range(given.partitions)])
    reading = given.partitions
    while reading:
        events: list[dict[str, Any]] = []
        deadline = time.monotonic() + LINGER_S
        while reading and len(events) < given.batch_events and time.monotonic() < deadline:
            room = given.batch_events - len(events)
            for message in consumer.consume(min(room, CONSUMED_EVENTS), timeout=1.0):
                error = message.error()
                if error is None:
                    events.append(json.loads(message.value() or b""))
                elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001  its name in the client's own documentation
                    reading -= 1
                else:
                    raise KafkaException(error)
        if events:
            uploads.log(pd.DataFrame(events))
            consumer.commit(asynchronous=False)
    consumer.close()


if __name__ == "__main__":
    main()

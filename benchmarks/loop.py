"""The loop of Arize's Kafka page, repaired: consume, json.loads, DataFrame, log, commit.

    python -m benchmarks.loop --brokers HOST:PORT --topic T --partitions 4 --group G --validate yes

The page (https://arize.com/docs, "Kafka" among the machine learning integrations) polls with kafka-python, up to
100,000 events or 10 s, `value_deserializer` by json.loads, a DataFrame of them, `Client.log` of arize 7.x with its
validation on, then a commit. What had to change, and nothing else:

1. `ArizeClient.ml.log` of arize 8.x, the successor of that client, with the model version it asks for.
2. The page takes each partition of each poll for a batch. kafka-python's poll returns what one fetch brought, so its
   micro-batch of 100,000 never comes about. Here polls are collected until there are 100,000 events, or for 10 s.
3. The page commits one partition by hand with an `OffsetAndMetadata` that today's kafka-python refuses; here `commit()`
   stores the positions, after the answer was seen to be 200. Any other answer ends the loop (in `peers/upload.py`).
4. `auto_offset_reset` is earliest: latest, the client's default, skips what was there before the first commit.
5. Partitions are assigned, and the loop ends at their ends: for a measurement.

And what a user who knows kafka-python would set: fetches of up to 8 MB a partition (1 MB by default) and up to 10,000
records a poll (500), so that no time goes to waiting; no check of CRCs, as in librdkafka's default (kafka-python comes
with it in pure Python).
"""

import argparse
import json
import time
from typing import Any

import pandas as pd
from kafka import KafkaConsumer, TopicPartition

from benchmarks.peers.upload import Uploads

LINGER_S = 10.0
POLL_EVENTS = 10_000
FETCH_BYTES = 8 * 2**20


def run(given: argparse.Namespace) -> None:
    consumer = KafkaConsumer(
        bootstrap_servers=given.brokers,
        value_deserializer=lambda value: json.loads(value.decode("utf-8")),
        group_id=given.group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_poll_records=POLL_EVENTS,
        max_partition_fetch_bytes=FETCH_BYTES,
        check_crcs=False,
    )
    uploads = Uploads(given.tags.split(","), validate=given.validate == "yes")
    assigned = [TopicPartition(given.topic, partition) for partition in range(given.partitions)]
    consumer.assign(assigned)
    ends = consumer.end_offsets(assigned)
    left = sum(ends.values()) - sum(consumer.position(partition) for partition in assigned)
    while left > 0:
        events: list[dict[str, Any]] = []
        deadline = time.monotonic() + LINGER_S
        while len(events) < min(left, given.batch_events) and time.monotonic() < deadline:
            room = given.batch_events - len(events)
            for messages in consumer.poll(timeout_ms=1_000, max_records=min(room, POLL_EVENTS)).values():
                events.extend(message.value for message in messages)
        if not events:
            continue
        uploads.log(pd.DataFrame(events))
        consumer.commit()
        left -= len(events)
    consumer.close()


def main() -> None:
    parser = argparse.ArgumentParser(description="The documented loop, repaired.")
    parser.add_argument("--brokers", required=True)
    parser.add_argument("--topic", required=True)
    parser.add_argument("--partitions", type=int, required=True)
    parser.add_argument("--group", required=True)
    parser.add_argument("--batch-events", type=int, default=100_000)
    parser.add_argument("--tags", default="tag_region,tag_release,kp,seq")
    parser.add_argument("--validate", choices=("yes", "no"), default="yes")
    run(parser.parse_args())


if __name__ == "__main__":
    main()

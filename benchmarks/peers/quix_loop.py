"""Quix Streams 3: a streaming dataframe into a sink of its own, which logs a batch to Arize at each checkpoint.

    .cache/peers/quix/bin/python -m benchmarks.peers.quix_loop --brokers HOST:PORT --topic T ...

1. A checkpoint is due after `commit_every` messages, or after the linger of the documented loop. Quix then flushes the
   sink, and commits the offsets when the flush has returned: at least once.
2. The sink is a `BaseSink`. Quix' `BatchingSink` keeps a batch for each partition and writes them one by one: four
   uploads of a quarter of the size (or four times the memory), and an object a message more.
3. When Arize doesn't take a batch, the sink raises `SinkBackpressureError`: Quix pauses, and reads it again later.
4. `count` ends it after the topic's last event, with a last checkpoint: for a measurement.
5. Values are decoded by Quix' own JSON deserializer, which is orjson. The SDK's validation is off, as ingest has it.

What somebody who knows it would set: `arguments.LIBRDKAFKA`; no topics to make, no changelogs, no log of each commit.
"""

from typing import Any

import pandas as pd
import requests
from arize.exceptions.http import APIError
from quixstreams import Application
from quixstreams.sinks import BaseSink, SinkBackpressureError

from benchmarks.peers import arguments
from benchmarks.peers.upload import Uploads

LINGER_S = 10.0
PAUSE_S = 5.0


class ArizeSink(BaseSink):
    """One batch, of all partitions."""

    def __init__(self, uploads: Uploads) -> None:
        super().__init__()
        self._uploads = uploads
        self._events: list[dict[str, Any]] = []

    def add(self, value: Any, *_: Any, **__: Any) -> None:
        self._events.append(value)

    def flush(self) -> None:
        events, self._events = self._events, []
        if not events:
            return
        try:
            self._uploads.log(pd.DataFrame(events))
        except (APIError, requests.RequestException) as error:
            raise SinkBackpressureError(retry_after=PAUSE_S) from error

    def on_paused(self) -> None:
        self._events = []


def main() -> None:
    given = arguments.parser(__doc__).parse_args()
    application = Application(
        broker_address=given.brokers,
        consumer_group=given.group,
        auto_offset_reset="earliest",
        commit_every=given.batch_events,
        commit_interval=LINGER_S,
        consumer_extra_config=arguments.LIBRDKAFKA,
        state_dir=given.directory / "state",
        auto_create_topics=False,
        use_changelog_topics=False,
        loglevel="WARNING",
    )
    topic = application.topic(given.topic, value_deserializer="json")
    application.dataframe(topic).sink(ArizeSink(Uploads(given.tags, validate=False)))
    application.run(count=given.events, collect=False)


if __name__ == "__main__":
    main()

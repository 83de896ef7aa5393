"""`ingest sandbox arize` and `produce`: run the local endpoint, or produce events and print how many."""

import sys
from pathlib import Path

from ingest.errors import ConfigError
from ingest.sandbox.arize import serve
from ingest.sandbox.codecs import Codec
from ingest.sandbox.generate import Fields, Generator
from ingest.sandbox.produce import create_topic, produce, topic_partitions


def run_arize(*, journal: Path, port: int) -> None:
    """Serve until SIGTERM or SIGINT. Raises ConfigError when the port is taken or `journal` can't be written."""
    try:
        serve(journal=journal, port=port)
    except OSError as error:
        raise ConfigError(f"can't listen on port {port} or write {journal}: {error.strerror}") from None


def run_produce(
    brokers: str,
    topic: str,
    *,
    events: int,
    create_partitions: int,
    bad_share: float,
    seed: int,
    rate_per_s: float | None,
    fields: Fields,
    codec: Codec,
) -> None:
    """Produce `events` events, after creating the topic with `create_partitions` partitions unless that is 0.

    Raises ProduceError when Kafka does not accept them.
    """
    if create_partitions:
        create_topic(brokers, topic, create_partitions)
    generator = Generator(seed=seed, fields=fields, bad_share=bad_share)
    partitions = topic_partitions(brokers, topic)
    done = produce(brokers, topic, partitions, events, generator=generator, rate_per_s=rate_per_s, codec=codec)
    bad = sum(done.bad.values())
    sys.stdout.write(f"{done.events:,} events produced to {topic} in {done.seconds:.1f} s, {bad:,} of them bad\n")

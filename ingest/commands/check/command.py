"""`ingest check`: arguments, help and exit code."""

import sys
from functools import partial

import typer

from ingest.commands.options import (
    Brokers,
    ConfigFiles,
    Group,
    Json,
    Partitions,
    Topic,
    Workers,
    load_config,
)


def check(
    *,
    workers: Workers = None,
    partitions: Partitions = None,
    json: Json = False,
    config: ConfigFiles = None,
    brokers: Brokers = None,
    topic: Topic = None,
    group: Group = None,
) -> None:
    """Check configuration, Kafka, messages, disk and Arize before starting.

    \b
    Examples:
      ingest check --workers 8 --partitions 0-31
      ingest check --config production.toml --json

    No rows are sent and no offsets are committed: a file is written and removed, and Arize gets a request without rows.
    Up to 1,000 of each topic's newest messages are read and judged as a worker would judge them, then discarded: the
    check fails if none of them could be delivered, or so few that a worker would stop. Two things may stay unchecked
    until the first batch: the right to commit, if Kafka does not reveal it to this user, and the API key, if Arize does
    not reveal it.

    Exit codes: 0 everything passed (warnings are allowed), 2 usage, 3 configuration or a directory, 4 Kafka, 5 Arize
    can't be reached or refuses the key, 8 messages expired before they were read, or the topic was recreated,
    9 none of the sampled messages can be delivered, or too few.
    """
    from ingest.commands.check.run import run

    load = partial(
        load_config, config, brokers=brokers, topic=topic, group=group, workers=workers, partitions=partitions
    )
    raise typer.Exit(run(load, json=json, stream=sys.stdout))

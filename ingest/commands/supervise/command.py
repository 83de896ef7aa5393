"""`ingest supervise`: arguments, help and exit code."""

import sys
from enum import StrEnum
from typing import Annotated

import typer

from ingest.commands.options import (
    Brokers,
    ConfigFiles,
    Group,
    LogFormat,
    LogFormatOption,
    Partitions,
    Topic,
    Verbose,
    Workers,
    load_config,
)


class ResumeFrom(StrEnum):
    """Where to continue without a usable committed offset."""

    ACCOUNT = "account"
    EARLIEST = "earliest"
    LATEST = "latest"


def supervise(
    *,
    workers: Workers = None,
    partitions: Partitions = None,
    until_end: Annotated[
        bool,
        typer.Option(
            "--until-end", help="Deliver up to the current end offsets, then exit; open transactions are waited for."
        ),
    ] = False,
    resume_from: Annotated[
        ResumeFrom | None,
        typer.Option(help="Where to continue if Kafka lost the group's committed offsets, or the topic was recreated."),
    ] = None,
    config: ConfigFiles = None,
    brokers: Brokers = None,
    topic: Topic = None,
    group: Group = None,
    log_format: LogFormatOption = LogFormat.TEXT,
    verbose: Verbose = False,
) -> None:
    """Deliver Kafka partitions to Arize with N worker processes.

    \b
    Examples:
      ingest supervise --workers 8 --partitions 0-31
      ingest supervise --workers 4 --partitions all --until-end --log-format json

    All other settings come from ingest.toml or from the environment (INGEST_KAFKA__BROKERS=..., ARIZE_API_KEY=...).

    The first SIGTERM or Ctrl-C drains: the workers stop reading, wait until Arize has acknowledged the rows they hold,
    and commit. The second one stops the workers immediately; what they had not committed is delivered again later.

    Exit codes: 0 done, 2 usage, 3 configuration, 4 Kafka, 5 Arize refused the key, 6 a worker kept crashing,
    7 exited with uncommitted messages, 8 messages expired before they were read, 9 too many dead letters, or with
    --until-end nothing but dead letters.
    """
    settings = load_config(config, brokers=brokers, topic=topic, group=group, workers=workers, partitions=partitions)
    from ingest.commands.supervise.run import run

    raise typer.Exit(
        run(
            settings,
            until_end=until_end,
            resume_from=None if resume_from is None else resume_from.value,
            json=log_format is LogFormat.JSON,
            verbose=verbose,
            stream=sys.stdout,
        )
    )

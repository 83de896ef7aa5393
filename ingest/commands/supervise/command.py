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
    LogLevelOption,
    Partitions,
    Topic,
    Verbose,
    Workers,
    load_sources,
    log_level,
)
from ingest.commands.supervise.edge_lines import EdgeLines


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
    level: LogLevelOption = None,
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
    least = log_level(given=level, verbose=verbose)
    json = log_format is LogFormat.JSON
    edges = EdgeLines(sys.stdout, json=json, least=least)
    edges.start()
    with edges.failures():
        loaded = load_sources(config, brokers=brokers, topic=topic, group=group, workers=workers, partitions=partitions)
        edges.configured(loaded.config.topics)
        from ingest.commands.supervise.run import run

        code = run(
            loaded,
            until_end=until_end,
            resume_from=None if resume_from is None else resume_from.value,
            json=json,
            least=least,
            name=edges.run,
            stream=sys.stdout,
        )
    raise typer.Exit(code)

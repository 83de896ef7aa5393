"""`ingest status`: arguments, help and exit code."""

import sys
from typing import Annotated

import typer

from ingest.commands.options import ConfigFiles, load_config

Url = Annotated[
    str | None,
    typer.Option(
        metavar="URL", help="Address of the run's status page. Default: the runs on this machine, else [status]."
    ),
]


def status(
    *,
    url: Url = None,
    json: Annotated[bool, typer.Option("--json", help="Print the JSON of /api/status, one line for each run.")] = False,
    config: ConfigFiles = None,
) -> None:
    """Ask the running supervisors once how they are.

    \b
    Examples:
      ingest status
      ingest status --json | jq .sentence
      ingest status --url http://worker-1:9410

    The command asks the supervisor's status page and prints its sentence, Kafka, ingest and Arize, workers and
    partitions, and for a run that is not ready, why not. Of the runs on this machine it asks all; with --url or
    --config, that one only.

    Exit codes: 0 every run is ready, 1 a run is not ready, 2 usage, 3 configuration, 4 no run is found or one does not
    answer.
    """
    from ingest.commands.status.run import run

    settings = load_config(config) if config else None
    raise typer.Exit(run(url, settings, load=load_config, json=json, stream=sys.stdout))

"""`ingest test`: arguments, help and exit code."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from ingest.commands.options import ConfigFiles, Json, Topic, load_config


def mapping(
    *,
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Files with messages and what they are to become.")
    ],
    update: Annotated[
        bool, typer.Option("--update", help="Write what the messages become now into the files, where it differs.")
    ] = False,
    json: Json = False,
    config: ConfigFiles = None,
    topic: Topic = None,
) -> None:
    """Test a configuration on example messages, without Kafka and Arize.

    \b
    Examples:
      ingest test mapping.toml
      ingest test --config production.toml tests/*.jsonl
      ingest test --update mapping.toml && git diff mapping.toml

    Each file has messages, and for each of them the row, the route or the dead letter's reason that is expected. The
    messages take the steps of a worker ([format], routes, [schema], Arize's limits, sampling), in both lanes. What a
    file does not name is not compared. A difference PRINTS VALUES of the messages.

    Without --config, the file's own "config" counts, else ingest.toml. With --update, nothing else of the file changes.

    Exit codes: 0 all as expected, or written, 1 something is not as expected, 2 usage, 3 configuration or a file that
    can't be used.
    """

    def load(own: Sequence[Path], lane: str) -> Any:
        return load_config(config or own, topic=topic or None, lane=lane)

    from ingest.commands.test.run import run

    raise typer.Exit(run(files, load, write=update, json=json, stream=sys.stdout))

"""`ingest init`: arguments, help and exit code."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from ingest.commands.init.answers import Given
from ingest.commands.options import Brokers, Group, Topic


def init(
    *,
    brokers: Brokers = None,
    topic: Topic = None,
    group: Group = None,
    option: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help='An option of librdkafka for [kafka.options], such as "security.protocol=SASL_SSL". May be repeated. '
            "A secret is named by its file: sasl.password_file=/run/secrets/kafka.",
        ),
    ] = None,
    model_name: Annotated[str | None, typer.Option(metavar="NAME", help="[arize] model_name.")] = None,
    model_version: Annotated[str | None, typer.Option(metavar="TEXT", help="[arize] model_version.")] = None,
    model_type: Annotated[
        str | None, typer.Option(metavar="TYPE", help="[arize] model_type. Default: what the labels look like.")
    ] = None,
    space_id: Annotated[
        str | None, typer.Option(metavar="ID", help="[arize] space_id. Default: ARIZE_SPACE_ID, when ingest runs.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, metavar="N", help="Maximum messages to read.")] = 1_000,
    sample: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Look at this file of JSON lines instead of the topic; Kafka isn't asked."),
    ] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Ask neither Kafka nor Arize.")] = False,
    output: Annotated[Path, typer.Option(metavar="FILE", help="File to write.")] = Path("ingest.toml"),
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file if it exists.")] = False,
) -> None:
    """Write a commented ingest.toml from what Kafka has and what the messages look like.

    \b
    Examples:
      ingest init
      ingest init --brokers localhost:9092 --topic predictions --model-name fraud
      ingest init --sample messages.jsonl --topic predictions --model-name fraud --offline

    What no option or variable (INGEST_KAFKA__BROKERS, INGEST_KAFKA__TOPIC, INGEST_ARIZE__MODEL_NAME, ARIZE_SPACE_ID)
    tells is asked for in a terminal. The newest messages of the topic are read under a group of their own that commits
    nothing; from them follow the format, the roles of the columns, and the type of the model. Secrets are never asked
    for nor written: the API key comes from ARIZE_API_KEY or a file. Then run: ingest check.

    Exit codes: 0 the file is written, 2 usage, 3 the file exists or something is missing, 4 Kafka.
    """
    given = Given(
        brokers=brokers,
        topic=topic,
        group=group,
        options=tuple(option or ()),
        model_name=model_name,
        model_version=model_version,
        model_type=model_type,
        space_id=space_id,
        offline=offline or sample is not None,
    )
    given.check(output, force=force)
    terminal = sys.stdin.isatty()
    if not terminal:
        given.of_environment().check_complete()
    from ingest.commands.init.run import run

    raise typer.Exit(run(given, limit=limit, sample=sample, output=output, terminal=terminal))

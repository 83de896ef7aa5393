"""`ingest schema infer`: arguments -> what is meant -> exit code.

As in `ingest.cli`, what it needs is imported when it is asked for.
"""

from pathlib import Path
from typing import Annotated

import typer

from ingest.commands.options import Brokers, ConfigFile, Topic, without_none

app = typer.Typer(
    help="The contract of a topic's columns: their types, and which of them mean what.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.callback()
def schema() -> None:
    """Make `infer` a command of its own name, the only one as it is."""


@app.command()
def infer(
    *,
    sample: Annotated[int, typer.Option(min=1, max=1_000_000, metavar="N", help="Read at most so many messages.")] = (
        10_000
    ),
    partitions: Annotated[str | None, typer.Option(metavar="SET", help='"0-31", "0,3,5-7" or "all".')] = None,
    examples: Annotated[
        bool, typer.Option("--examples", help="Write a few values of each column, too: SHOWS PAYLOADS.")
    ] = False,
    output: Annotated[Path | None, typer.Option(metavar="FILE", help="A new file; default: standard output.")] = None,
    config: ConfigFile = None,
    brokers: Brokers = None,
    topic: Topic = None,
) -> None:
    """Read some of a live topic and write the types of its columns as a configuration that pins them.

    \b
    Examples:
      ingest schema infer --topic predictions --sample 20000
      ingest schema infer --topic predictions --partitions 0-3 --output contract.toml
      ingest debug --partition 0 --config contract.toml

    The newest messages of each partition are read, under a group of its own that commits nothing: no supervisor is
    disturbed, nothing is sent. The file pins what most values of a column are; its comments say what was seen: types,
    nulls, ranges of numbers, lengths of strings, and what would become of the same messages. Values themselves are only
    written with --examples. [schema] of the configuration is applied and repeated in the file.

    \b
    Exit codes: 0 done, 2 usage, 3 configuration, 4 Kafka.
    """  # noqa: D301  click reads \b as "keep these lines"
    from ingest.commands.schema.run import run  # noqa: PLC0415
    from ingest.config.load import load  # noqa: PLC0415  see above

    found = load(config, {"kafka": without_none(brokers=brokers, topic=topic)}).topics
    raise typer.Exit(run(found, partitions=partitions, sample=sample, examples=examples, output=output))

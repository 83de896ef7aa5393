"""`ingest sandbox kafka|arize|produce`: arguments, help and exit code."""

from pathlib import Path
from typing import Annotated

import typer

from ingest.commands.help import Command, Group
from ingest.sandbox.codecs import Codec
from ingest.sandbox.generate import Fields

app = typer.Typer(
    cls=Group,
    help="Run a local Kafka and Arize, and produce test events.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command(cls=Command)
def kafka(
    *,
    topic: Annotated[str, typer.Option(metavar="NAME", help="Topic to create.")] = "predictions",
    partition_count: Annotated[int, typer.Option(min=1, metavar="N", help="Number of partitions of the topic.")] = 32,
    broker_count: Annotated[int, typer.Option(min=1, metavar="N", help="Number of brokers in the cluster.")] = 1,
) -> None:
    """Run an embedded Kafka until Ctrl-C.

    \b
    Example:
      ingest sandbox kafka --topic predictions --partition-count 32

    The first line printed is a JSON object with the bootstrap address. All data is kept in memory.
    """
    from ingest.sandbox.kafka import serve

    serve(topics={topic: partition_count}, brokers=broker_count)


@app.command(cls=Command)
def arize(
    *,
    journal: Annotated[
        Path, typer.Option(metavar="DIRECTORY", help="Directory in which accepted rows are stored.")
    ] = Path("journal"),
    port: Annotated[
        int, typer.Option(min=0, max=65535, metavar="PORT", help="Port to listen on; 0 takes a free one.")
    ] = 0,
) -> None:
    """Run a local Arize endpoint until Ctrl-C.

    \b
    Example:
      ingest sandbox arize --port 8443 --journal /tmp/journal
      ARIZE_API_HOST=127.0.0.1 ARIZE_API_SCHEME=http ARIZE_API_PORT=8443 ingest supervise

    The first line printed is a JSON object with the host and the port. If ARIZE_API_KEY or ARIZE_SPACE_ID is set,
    requests must carry the same value; otherwise any value is accepted.
    """
    from ingest.commands.sandbox.run import run_arize

    run_arize(journal=journal, port=port)


@app.command(cls=Command)
def produce(
    *,
    topic: Annotated[str, typer.Option(metavar="NAME", help="Topic to produce to.")] = "predictions",
    brokers: Annotated[str, typer.Option(metavar="HOST:PORT,...", help="Bootstrap addresses of Kafka.")] = (
        "localhost:9092"
    ),
    events: Annotated[int, typer.Option(min=1, metavar="N", help="Number of events, over all partitions.")] = 10_000,
    partition_count: Annotated[
        int, typer.Option(min=0, metavar="N", help="Create the topic with N partitions if it does not exist; 0: don't.")
    ] = 0,
    bad_share: Annotated[
        float,
        typer.Option(min=0, max=1, metavar="SHARE", help="Share of bad messages (not JSON, missing id, ...), 0 to 1."),
    ] = 0.0,
    seed: Annotated[int, typer.Option(metavar="N", help="Seed. The same seed makes the same events.")] = 0,
    rate: Annotated[
        float | None, typer.Option(min=0.001, metavar="N", help="Events per second. Default: as fast as possible.")
    ] = None,
    fields: Annotated[
        Fields,
        typer.Option(help="narrow: 8 fields, usual: 24, wide: 200, embedding: 8 and a vector of 768 numbers."),
    ] = "usual",
    compression: Annotated[Codec, typer.Option(help="Compression of Kafka's record batches.")] = "lz4",
) -> None:
    """Produce generated predictions to a topic.

    \b
    Examples:
      ingest sandbox produce --brokers localhost:9092 --topic predictions --events 100000 --bad-share 0.01
      ingest sandbox produce --topic embeddings --partition-count 8 --fields embedding --compression zstd
    """
    from ingest.commands.sandbox.run import run_produce

    run_produce(
        brokers,
        topic,
        events=events,
        create_partitions=partition_count,
        bad_share=bad_share,
        seed=seed,
        rate_per_s=rate,
        fields=fields,
        codec=compression,
    )

"""`ingest demo`: arguments, help and exit code. What it does is in `ingest.sandbox.demo`."""

from typing import Annotated

import typer


def demo(
    *,
    events: Annotated[
        int, typer.Option(min=20_000, max=3_000_000, metavar="N", help="Number of predictions to produce.")
    ] = 200_000,
    workers: Annotated[
        int, typer.Option(min=1, max=32, metavar="N", help="Number of worker processes. One of them is killed.")
    ] = 4,
) -> None:
    """Run a local demo that kills a worker and loses nothing.

    \b
    Examples:
      ingest demo
      ingest demo --events 500000 --workers 2

    Starts an embedded Kafka and a local Arize, produces predictions, delivers them with `ingest supervise`, kills one
    worker, and compares what Arize stored with what was produced. No other machine is contacted, and all files are
    removed at the end.

    Exit codes: 0 the proof holds, 1 it fails, 2 usage.
    """
    from ingest.sandbox.demo import run

    raise typer.Exit(run(events=events, workers=workers))

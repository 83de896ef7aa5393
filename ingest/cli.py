"""The commands: arguments -> Config -> exit code. What they do is elsewhere, and is imported when it is asked for.

Help and usage errors must not wait for Arrow, Kafka and Arize to load, and a supervisor never loads what only its
workers need.
"""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ingest.commands.audit.command import audit
from ingest.commands.check.command import check
from ingest.commands.dead_letters.command import app as dead_letters
from ingest.commands.lag.command import lag
from ingest.commands.options import Brokers, ConfigFile, Group, Topic, without_none
from ingest.commands.schema.command import app as schema
from ingest.errors import ConfigError, ExitCode, FatalError, IngestError
from ingest.sandbox.codecs import Codec
from ingest.sandbox.generate import Fields
from ingest.tracebacks import keep_texts_out, report

app = typer.Typer(
    name="ingest",
    help="Stream JSON model predictions from Kafka to Arize, and lose nothing.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    # A traceback with its variables would show events and keys.
    pretty_exceptions_enable=False,
)
sandbox = typer.Typer(
    help="A Kafka, an Arize and events to try things with, on this machine alone.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(dead_letters, name="dead-letters")
app.add_typer(schema, name="schema")
app.add_typer(sandbox, name="sandbox")


class Resume(StrEnum):
    """Where to go on without the committed offset."""

    ACCOUNT = "account"
    EARLIEST = "earliest"
    LATEST = "latest"


class LogFormat(StrEnum):
    """How events are written."""

    TEXT = "text"
    JSON = "json"


@app.command()
def supervise(
    *,
    workers: Annotated[int | None, typer.Option(metavar="N", help="Processes, each with its own partitions.")] = None,
    partitions: Annotated[str | None, typer.Option(metavar="SET", help='"0-31", "0,3,5-7" or "all".')] = None,
    until_end: Annotated[bool, typer.Option("--until-end", help="Stop at the ends as they are now, exit 0.")] = False,
    resume_from: Annotated[
        Resume | None,
        typer.Option(help="Where to go on if Kafka lost the group's offsets, or the topic is a new one."),
    ] = None,
    config: ConfigFile = None,
    brokers: Brokers = None,
    topic: Topic = None,
    group: Group = None,
    log_format: Annotated[LogFormat, typer.Option(help="Lines for people, or JSON lines.")] = LogFormat.TEXT,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show every batch and commit, too.")] = False,
) -> None:
    """Deliver partitions to Arize with N workers, for months or until the end.

    \b
    Examples:
      ingest supervise --workers 8 --partitions 0-31
      ingest supervise --workers 4 --partitions all --until-end --log-format json

    Everything else is in ingest.toml or the environment (INGEST_KAFKA__BROKERS=..., ARIZE_API_KEY=...).
    SIGTERM or Ctrl-C drains: what was sent is acknowledged and committed first. A second one leaves at once.

    \b
    Exit codes: 0 done, 3 configuration, 4 Kafka, 5 Arize refused the key, 6 a worker kept crashing,
    7 left with work uncommitted, 8 messages expired before they were read, 9 too many messages can't be delivered.
    """  # noqa: D301  click reads \b as "keep these lines"
    from ingest.config.load import load  # noqa: PLC0415  see above
    from ingest.status.screen import choose  # noqa: PLC0415
    from ingest.supervisor import session  # noqa: PLC0415

    settings = load(
        config,
        {
            "kafka": without_none(brokers=brokers, topic=topic, group=group),
            "supervisor": without_none(workers=workers, partitions=partitions),
        },
    )
    with choose(sys.stdout, json=log_format is LogFormat.JSON, verbose=verbose) as screen:
        accounts = session.run(
            settings,
            until_end=until_end,
            emit=screen.emit,
            tick=screen.tick,
            resume_from=None if resume_from is None else resume_from.value,
        )
    for account in accounts:
        screen.account(account)
    raise typer.Exit(accounts[0].exit_code)


@app.command()
def demo(
    *,
    events: Annotated[int, typer.Option(min=20_000, max=3_000_000, help="Predictions to produce.")] = 200_000,
    workers: Annotated[int, typer.Option(min=1, max=32, help="Workers, one of which is killed.")] = 4,
) -> None:
    """See all of it on this machine alone: Kafka, Arize, workers, a crash, and the proof that nothing was lost.

    \b
    Example:
      ingest demo
      ingest demo --events 500000 --workers 2

    Nothing outside of this machine is reached, and nothing is left behind. Exit code 1 if the proof fails.
    """  # noqa: D301  click reads \b as "keep these lines"
    from ingest.sandbox.demo import run  # noqa: PLC0415

    raise typer.Exit(run(events=events, workers=workers))


@app.command()
def debug(
    *,
    partition: Annotated[int, typer.Option(min=0, metavar="N", help="The one partition to look at.")],
    start: Annotated[
        str,
        typer.Option(
            "--from", metavar="WHERE", help="committed, earliest, latest, an offset, or a time: 2026-07-20T03Z, -15m."
        ),
    ] = "committed",
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="Read at most so many messages.")] = 10,
    follow: Annotated[bool, typer.Option("--follow", help="At the end of the partition, wait for more.")] = False,
    send: Annotated[bool, typer.Option("--send", help="Deliver the accepted rows to Arize, one attempt.")] = False,
    commit: Annotated[
        bool, typer.Option("--commit", help="With --send: dead letters and commit, as a worker. Stop the supervisor.")
    ] = False,
    pdb: Annotated[bool, typer.Option("--pdb", help="Stop in the debugger at the first bad message.")] = False,
    json: Annotated[bool, typer.Option("--json", help="JSON lines instead of text.")] = False,
    config: ConfigFile = None,
    brokers: Brokers = None,
    topic: Topic = None,
    group: Group = None,
) -> None:
    """Show what happens to the messages of one partition, step by step. It SHOWS PAYLOADS, on purpose.

    \b
    Examples:
      ingest debug --partition 7
      ingest debug --partition 7 --from -15m --limit 1000
      ingest debug --partition 7 --from 12345 --limit 1 --pdb
      ingest debug --partition 7 --send --commit

    Nothing is sent and nothing is committed unless you say so, and a supervisor that is running is not disturbed:
    messages are read under a group of its own, and the configured group's offsets are only looked at.

    --send alone delivers rows that a worker will deliver again (Arize counts both). --commit moves the group past them,
    and is only taken where the group stands: from its committed offset on.

    \b
    Exit codes: 0 done, 2 usage, 3 configuration, 4 Kafka, 5 Arize refused the key, 7 rows were not acknowledged
    or not committed, 8 the committed offset is no longer in the log.
    """  # noqa: D301  click reads \b as "keep these lines"
    from ingest.commands.debug.run import run, screen  # noqa: PLC0415
    from ingest.config.load import load  # noqa: PLC0415  see above

    settings = load(config, {"kafka": without_none(brokers=brokers, topic=topic, group=group)})
    show = screen(sys.stdout, json=json, debugger=pdb)
    raise typer.Exit(
        run(
            settings,
            partition=partition,
            start=start,
            limit=limit,
            send=send,
            commit=commit,
            follow=follow,
            debugger=pdb,
            show=show,
        )
    )


app.command()(check)
app.command()(audit)
app.command()(lag)


@sandbox.command("kafka")
def sandbox_kafka(
    *,
    topic: Annotated[str, typer.Option(help="The topic to create.")] = "predictions",
    partitions: Annotated[int, typer.Option(min=1, help="Its partitions.")] = 32,
    brokers: Annotated[int, typer.Option(min=1, help="Brokers of the cluster.")] = 1,
) -> None:
    """Run an embedded Kafka until Ctrl-C; its first line says where it listens. Everything in it is in memory.

    \b
    Example:
      ingest sandbox kafka --topic predictions --partitions 32
    """  # noqa: D301  click reads \b as "keep these lines"
    from ingest.sandbox.kafka import serve  # noqa: PLC0415

    serve(topics={topic: partitions}, brokers=brokers)


@sandbox.command("arize")
def sandbox_arize(
    *,
    journal: Annotated[Path, typer.Option(metavar="DIRECTORY", help="Where accepted rows are kept.")] = Path("journal"),
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 0,
) -> None:
    """Run a local Arize endpoint until Ctrl-C; its first line says where it listens.

    \b
    Example:
      ingest sandbox arize --port 8443 --journal /tmp/journal
      ARIZE_API_HOST=127.0.0.1 ARIZE_API_SCHEME=http ARIZE_API_PORT=8443 ingest supervise

    With ARIZE_API_KEY or ARIZE_SPACE_ID set, requests must carry them; else any will do.
    """  # noqa: D301  click reads \b as "keep these lines"
    from ingest.sandbox.arize import serve  # noqa: PLC0415

    try:
        serve(journal=journal, port=port)
    except OSError as error:
        raise ConfigError(f"can't listen on port {port} or write {journal}: {error.strerror}") from None


@sandbox.command("produce")
def sandbox_produce(
    *,
    topic: Annotated[str, typer.Option(help="Where to.")] = "predictions",
    brokers: Annotated[str, typer.Option(metavar="HOST:PORT,...")] = "localhost:9092",
    events: Annotated[int, typer.Option(min=1, help="How many, over all partitions.")] = 10_000,
    partitions: Annotated[int, typer.Option(min=0, help="Create the topic with so many, if it isn't there.")] = 0,
    bad_share: Annotated[float, typer.Option(min=0, max=1, help="The share of bad messages.")] = 0.0,
    seed: Annotated[int, typer.Option(help="The same seed makes the same events.")] = 0,
    rate: Annotated[float | None, typer.Option(min=0.001, help="Events a second; default: as fast as it goes.")] = None,
    fields: Annotated[Fields, typer.Option(help="8 fields, 24 or 200; 8 and a vector of 768 numbers.")] = "usual",
    compression: Annotated[Codec, typer.Option(help="Of Kafka's record batches.")] = "lz4",
) -> None:
    """Put generated predictions on a topic.

    \b
    Example:
      ingest sandbox produce --brokers localhost:9092 --topic predictions --events 100000 --bad-share 0.01
      ingest sandbox produce --topic embeddings --partitions 8 --fields embedding --compression zstd
    """  # noqa: D301  click reads \b as "keep these lines"
    from ingest.sandbox.generate import Generator  # noqa: PLC0415
    from ingest.sandbox.produce import create_topic, produce, topic_partitions  # noqa: PLC0415

    if partitions:
        create_topic(brokers, topic, partitions)
    generator = Generator(seed=seed, fields=fields, bad_share=bad_share)
    there = topic_partitions(brokers, topic)
    done = produce(brokers, topic, there, events, generator=generator, rate_per_s=rate, codec=compression)
    bad = sum(done.bad.values())
    typer.echo(f"{done.events:,} events on {topic} in {done.seconds:.1f} s, {bad:,} of them bad")


def main() -> None:
    """Run the command line, and leave with its exit code."""
    keep_texts_out()
    try:
        app()
    except ConfigError as error:
        for fault in error.faults:
            typer.echo(fault, err=True)
        sys.exit(ExitCode.CONFIGURATION)
    except FatalError as error:
        typer.echo(str(error), err=True)
        sys.exit(error.exit_code)
    except IngestError as error:
        typer.echo(str(error), err=True)
        sys.exit(ExitCode.CRASHED)
    except Exception as error:  # noqa: BLE001  Python's own traceback would end with a text that may quote a secret
        typer.echo(report(error), err=True, nl=False)
        sys.exit(ExitCode.CRASHED)

"""`ingest debug`: arguments, help and exit code."""

import sys
from datetime import datetime
from typing import Annotated

import typer

from ingest.commands.options import Brokers, ConfigFiles, Group, Topic, load_config


def debug(
    *,
    partition: Annotated[int, typer.Option(min=0, metavar="N", help="Partition to read.")],
    start: Annotated[
        str,
        typer.Option(
            "--from",
            metavar="START",
            help="Where to start: committed, earliest, latest, an offset, or a time (2026-07-20T03Z, -15m).",
        ),
    ] = "committed",
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="Maximum messages to read.")] = 10,
    follow: Annotated[
        bool, typer.Option("--follow", help="Wait for new messages at the end of the partition.")
    ] = False,
    send: Annotated[bool, typer.Option("--send", help="Send the accepted rows to Arize, in one attempt.")] = False,
    commit: Annotated[
        bool,
        typer.Option(
            "--commit",
            help="With --send: also write dead letters and commit, as a worker does. Stop the supervisor first.",
        ),
    ] = False,
    pdb: Annotated[
        bool, typer.Option("--pdb", help="Open the debugger at the first message that is rejected.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object per line instead of text.")] = False,
    config: ConfigFiles = None,
    brokers: Brokers = None,
    topic: Topic = None,
    group: Group = None,
) -> None:
    """Show what happens to the messages of one partition.

    It PRINTS PAYLOADS: keys, headers, values and decoded columns.

    \b
    Examples:
      ingest debug --partition 7
      ingest debug --partition 7 --from -15m --limit 1000
      ingest debug --partition 7 --from 12345 --limit 1 --pdb
      ingest debug --partition 7 --send --commit

    Without --send and --commit nothing is sent and nothing is committed. A running supervisor is not disturbed:
    messages are read under a consumer group of their own, and the configured group's offsets are only read.

    --send without --commit delivers rows that a worker will deliver again, so Arize counts them twice. --commit commits
    the messages that were read; it is only accepted if reading starts where a worker would start.

    Exit codes: 0 done, 2 usage, 3 configuration, 4 Kafka, 5 Arize refused the key, 7 rows were not acknowledged
    or not committed, 8 the committed offset is no longer in the log, 9 with --send: all messages were rejected.
    """
    from ingest.commands.debug.requested_start import check_together, parse

    check_together(send=send, commit=commit, json=json, debugger=pdb)
    parse(start, datetime.now().astimezone())
    settings = load_config(config, brokers=brokers, topic=topic, group=group)
    from ingest.commands.debug.run import open_output, run

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
            output=open_output(sys.stdout, json=json, debugger=pdb),
        )
    )

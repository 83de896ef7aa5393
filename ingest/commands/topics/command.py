"""`ingest topics`: arguments, help and exit code."""

import sys
from typing import Annotated

import typer

from ingest.commands.options import Brokers, ConfigFiles, Group, Json, load_config


def topics(
    *,
    like: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Only topics whose name contains NAME, or looks like it.")
    ] = None,
    internal: Annotated[
        bool, typer.Option("--internal", help="Also list the topics that Kafka keeps for itself.")
    ] = False,
    json: Json = False,
    config: ConfigFiles = None,
    brokers: Brokers = None,
    group: Group = None,
) -> None:
    """List the topics of Kafka: partitions, offsets, retention and newest message.

    \b
    Examples:
      ingest topics
      ingest topics predictions --brokers localhost:9092
      ingest topics --json | jq '.topics[] | select(.configured)'

    The command only asks: it reads no message, joins no group and changes nothing. "offsets" counts from the first to
    the last offset of all partitions; with compaction or transactions there are fewer messages. "newest" is the age of
    the message with the largest timestamp, "commits" the number of partitions of which the group has a commit. A "?"
    is what this user may not ask, or no broker answered. Topics that the configuration names are marked with *.

    Exit codes: 0 done, 2 usage, 3 configuration, or a configured topic that does not exist, 4 Kafka.
    """
    settings = load_config(config, brokers=brokers, group=group)
    from ingest.commands.topics.run import run

    raise typer.Exit(run(settings, like=like, internal=internal, json=json, stream=sys.stdout))

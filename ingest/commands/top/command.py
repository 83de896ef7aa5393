"""`ingest top`: arguments, help and exit code."""

import sys

import typer

from ingest.commands.options import ConfigFiles, load_config
from ingest.commands.status.command import Url


def top(*, url: Url = None, config: ConfigFiles = None) -> None:
    """Show a running supervisor live, as its own terminal does.

    \b
    Examples:
      ingest top
      ingest top --url http://worker-1:9410

    The command asks the supervisor's status page once a second and changes nothing. While nothing answers it says since
    when, shows the last state it had, and tries again. If there are several runs on this machine, it lists them:
    choose one with --url.

    Keys: q quits, s sorts the partitions (worst, lag, number), the arrows, PgUp and PgDn scroll them, g goes to the
    top.

    Exit codes: 0 done, 2 usage, not a terminal or several runs, 3 configuration, 4 no run is found.
    """
    from ingest.commands.top.run import run

    settings = load_config(config) if config else None
    raise typer.Exit(run(url, settings, load=load_config, keys=sys.stdin, stream=sys.stdout))

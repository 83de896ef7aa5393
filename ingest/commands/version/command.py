"""`ingest version` and `ingest --version`: arguments, help and exit code."""

import sys

import typer

from ingest.commands.options import Json


def version(*, json: Json = False) -> None:
    """Print the versions of ingest and of what it works with.

    \b
    Examples:
      ingest version
      ingest version --json | jq .librdkafka
      ingest --version

    "lane" is the decoder that is used: fast, or orjson with what keeps the fast one off. Include the output in a report
    of a defect.

    Exit codes: 0 done, 2 usage.
    """
    from ingest.commands.version.run import run

    raise typer.Exit(run(json=json, stream=sys.stdout))


def print_version(asked: bool) -> None:  # typer's callback has this form
    """Print the same as `ingest version`, and exit, if the option was given."""
    if asked:
        version(json=False)

"""Registers the commands and turns errors into exit codes."""

import os
import sys
from typing import Annotated

import typer

from ingest.commands.audit.command import audit
from ingest.commands.check.command import check
from ingest.commands.completion.command import completion
from ingest.commands.completion.run import PROGRAM, VARIABLE, answer_completions
from ingest.commands.config.command import app as config
from ingest.commands.dead_letters.command import app as dead_letters
from ingest.commands.debug.command import debug
from ingest.commands.demo.command import demo
from ingest.commands.help import Command, Group
from ingest.commands.init.command import init
from ingest.commands.lag.command import lag
from ingest.commands.lint.command import lint
from ingest.commands.sandbox.command import app as sandbox
from ingest.commands.schema.command import app as schema
from ingest.commands.status.command import status
from ingest.commands.supervise.command import supervise
from ingest.commands.test.command import mapping
from ingest.commands.top.command import top
from ingest.commands.topics.command import topics
from ingest.commands.version.command import print_version, version
from ingest.errors import ConfigError, ExitCode, FatalError, IngestError
from ingest.tracebacks import keep_texts_out, report

app = typer.Typer(
    name="ingest",
    cls=Group,
    help="Stream JSON model predictions from Kafka to Arize, and lose nothing.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    # A traceback with its variables would show events and keys.
    pretty_exceptions_enable=False,
)
app.command(cls=Command)(init)
app.command("test", cls=Command)(mapping)
for command in (check, debug, supervise, top, status, lag, topics, audit):
    app.command(cls=Command)(command)
app.add_typer(dead_letters, name="dead-letters")
app.add_typer(schema, name="schema")
app.command(cls=Command)(lint)
app.add_typer(config, name="config")
app.command(cls=Command)(demo)
app.add_typer(sandbox, name="sandbox")
app.command(cls=Command)(completion)
app.command(cls=Command)(version)


@app.callback()
def _options(
    *,
    _version: Annotated[
        bool,
        typer.Option("--version", "-V", is_eager=True, callback=print_version, help="Print versions and exit."),
    ] = False,
) -> None: ...


def main() -> None:
    """Run the command line and exit with its exit code."""
    keep_texts_out()
    if VARIABLE in os.environ:
        answer_completions()
    try:
        app(prog_name=PROGRAM)
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

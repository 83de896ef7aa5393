"""Registers the commands and turns errors into exit codes."""

import sys

import typer

from ingest.commands.audit.command import audit
from ingest.commands.check.command import check
from ingest.commands.config.command import app as config
from ingest.commands.dead_letters.command import app as dead_letters
from ingest.commands.debug.command import debug
from ingest.commands.demo.command import demo
from ingest.commands.lag.command import lag
from ingest.commands.lint.command import lint
from ingest.commands.sandbox.command import app as sandbox
from ingest.commands.schema.command import app as schema
from ingest.commands.status.command import status
from ingest.commands.supervise.command import supervise
from ingest.commands.top.command import top
from ingest.errors import ConfigError, ExitCode, FatalError, IngestError
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
for command in (supervise, top, status, debug, check, lag, audit):
    app.command()(command)
app.add_typer(dead_letters, name="dead-letters")
app.add_typer(schema, name="schema")
app.command()(lint)
app.add_typer(config, name="config")
app.command()(demo)
app.add_typer(sandbox, name="sandbox")


def main() -> None:
    """Run the command line and exit with its exit code."""
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

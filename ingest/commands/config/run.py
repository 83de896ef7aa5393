"""`ingest config`: prints the effective values, or the JSON schema of the file."""

from typing import TextIO

from ingest.commands.config.text import as_json, as_text
from ingest.config.effective import effective
from ingest.config.json_schema import as_text as schema_text
from ingest.config.load import Loaded
from ingest.errors import ExitCode


def run_show(loaded: Loaded, *, json: bool, stream: TextIO) -> ExitCode:
    """Print every effective value with its source, as text or as one JSON object."""
    rows = list(effective(loaded))
    stream.write(as_json(rows) if json else as_text(rows))
    return ExitCode.DONE


def run_schema(*, stream: TextIO) -> ExitCode:
    """Print the JSON schema of the configuration file."""
    stream.write(schema_text())
    return ExitCode.DONE

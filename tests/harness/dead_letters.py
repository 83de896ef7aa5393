"""`ingest dead-letters` beside a rig's ingest.toml."""

from typing import Any

from ingest.errors import ExitCode
from tests.harness.rig import Rig

# [dead_letters] for tests whose dead letters are many on purpose.
NO_LIMIT = {"max_share": 1.0, "max_consecutive": 0}


def dead_letters(main: Rig, action: str, *arguments: str, code: int = ExitCode.DONE) -> Any:
    """Its JSON output: a list of letters for `show`, else one object. Raises AssertionError for another exit code."""
    read = main.command.json_lines if action == "show" else main.command.json
    return read("dead-letters", action, *arguments, code=code)

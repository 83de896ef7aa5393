"""`ingest lint`: arguments, help and exit code."""

import sys
from functools import partial
from typing import Annotated

import typer

from ingest.commands.options import ConfigFiles, Json, load_sources


def lint(
    *,
    deny_warnings: Annotated[bool, typer.Option("--deny-warnings", help="Exit with 3 also for warnings.")] = False,
    json: Json = False,
    config: ConfigFiles = None,
) -> None:
    """Find every fault and every doubtful setting of the configuration, without a network.

    \b
    Examples:
      ingest lint
      ingest lint --config production.toml --deny-warnings
      ingest lint --json | jq -r '.findings[] | "\\(.file):\\(.line): \\(.text)"'

    Nothing is asked of Kafka or Arize, and secrets of the environment need not be there: `ingest check` looks at them.

    Exit codes: 0 no faults (warnings are allowed), 2 usage, 3 a fault, or a warning with --deny-warnings.
    """
    from ingest.commands.lint.run import run

    raise typer.Exit(run(partial(load_sources, config), deny_warnings=deny_warnings, json=json, stream=sys.stdout))

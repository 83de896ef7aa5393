"""docs/reference/exit-codes.md: `ingest.errors.ExitCode`, those of each command, and the supervisor's table."""

import tomllib
from collections.abc import Mapping
from pathlib import Path

from ingest.errors import ExitCode
from ingest.supervisor.restarts import EXIT_KINDS
from scripts.pages import cli
from scripts.pages.markdown import NOTICE, code, table, text

TEXTS = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
# What the supervisor does with a worker that exits so, by the values of its table.
_KIND_TEXTS: Mapping[str, str] = TEXTS["exit_kinds"]


def page() -> str:
    """The page."""
    codes: Mapping[str, Mapping[str, str]] = TEXTS["codes"]
    found = [f"{NOTICE}\n# Exit codes\n", TEXTS["intro"]]
    rows = ((_linked(one), code(one.name), *_described(codes[one.name])) for one in ExitCode)
    found += [table(("code", "name", "what it means", "what to do"), rows)]
    found += ["## Exit codes of each command\n"]
    said = [(name, cli.exit_codes(command)) for name, command in cli.commands()]
    found += [table(("command", "exit codes"), ((code(name), text(words)) for name, words in said if words))]
    found += [TEXTS["workers"]]
    answers = (
        (code(str(int(one))), code(ExitCode(one).name), _KIND_TEXTS[kind.value]) for one, kind in EXIT_KINDS.items()
    )
    found += [table(("worker's exit code", "name", "the supervisor"), answers)]
    return "\n".join(found)


def _linked(one: ExitCode) -> str:
    return f"[{code(str(one.value))}]({anchor(one)})"


def anchor(one: ExitCode) -> str:
    """The link from docs/reference to a code's entry in the runbook."""
    return f"../operations/runbook-exit-codes.md#{one.value}-{one.name.lower()}"


def _described(texts: Mapping[str, str]) -> tuple[str, str]:
    return texts["means"], texts["do"]

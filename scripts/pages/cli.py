"""docs/reference/cli.md: each command with its usage, its help and its options, as `--help` prints them."""

import re
from collections.abc import Iterator
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from ingest.cli import app
from scripts.pages.markdown import NOTICE, code, text

_INTRO = """\
`ingest COMMAND --help` prints the same. Flags override the environment, which overrides the file: see
[Configuration](configuration.md). [Exit codes](exit-codes.md) explains the codes.
"""
_WIDTH = 100  # of a usage line: independent of the terminal that the page is written in
_KEPT = "\b\n"  # click's mark before a paragraph whose lines are kept
_EXAMPLES = re.compile(r"Examples?:\n")
_EXIT_CODES = "Exit codes: "


def page() -> str:
    """The page."""
    found = [f"{NOTICE}\n# Commands\n", _INTRO]
    for name, command in commands():
        found += [f"## {name}\n", *_section(name, command)]
    return "\n".join(found)


def commands() -> Iterator[tuple[str, Any]]:
    """Each command that does something, with its full name: `ingest dead-letters list`."""
    yield from _commands("ingest", get_command(app))


def exit_codes(command: Any) -> str:
    """The sentence about exit codes in a command's help; empty without one."""
    return next((part.removeprefix(_EXIT_CODES) for part in _paragraphs(command) if _tells_exit_codes(part)), "")


def summary(name: str) -> str:
    """The first paragraph of the help of a command or of a group of commands. Raises KeyError if there is none."""
    group = get_command(app)
    if not isinstance(group, TyperGroup):
        raise KeyError(name)
    return next(_paragraphs(group.commands[name]))


def _commands(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    if not isinstance(command, TyperGroup):
        yield name, command
        return
    for part, inner in command.commands.items():
        yield from _commands(f"{name} {part}", inner)


def _section(name: str, command: Any) -> Iterator[str]:
    context = typer.Context(command, info_name=name, terminal_width=_WIDTH, max_content_width=_WIDTH)
    summary, *others = _paragraphs(command)
    usage = " ".join(command.get_usage(context).removeprefix("Usage: ").split())
    yield f"{text(summary)}\n"
    yield f"```text\n{usage}\n```\n"
    for part in others:
        if _EXAMPLES.match(part):
            examples = "\n".join(line.strip() for line in part.splitlines()[1:])
            yield f"```sh\n{examples}\n```\n"
        elif _tells_exit_codes(part):
            yield f"**Exit codes**: {text(part.removeprefix(_EXIT_CODES))}\n"
        else:
            yield f"{text(part)}\n"
    records = [parameter.get_help_record(context) for parameter in command.get_params(context)]
    yield "\n".join(f"- {code(record[0])}: {text(' '.join(record[1].split()))}" for record in records if record) + "\n"


def _paragraphs(command: Any) -> Iterator[str]:
    """The paragraphs of a command's help, on one line each unless they are examples."""
    for part in (command.help or "").split("\n\n"):
        kept = part.removeprefix(_KEPT)
        yield kept if _EXAMPLES.match(kept) else " ".join(kept.split())


def _tells_exit_codes(paragraph: str) -> bool:
    return paragraph.startswith(_EXIT_CODES)

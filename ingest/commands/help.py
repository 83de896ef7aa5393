"""Help and usage errors, for every command the same.

Rules
1. No line is longer than the terminal is wide, nor than `_MOST_COLUMNS`, and nothing is cut: texts wrap, an example
   goes on after a backslash, as a shell takes it, and a word that is too long is broken.
2. `-h` is `--help`.
3. A wrong option names those like it, and one that had another name before names the new one. A wrong command names the
   one that is meant: by its letters, as the subcommand of a group, or by the word that other tools have for it.
4. A wrong value is told in the words that a key of the configuration has for it.
"""

import re
import shutil
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from ingest.config.near_names import near, nearest

_MOST_COLUMNS = 80
_LEAST_COLUMNS = 20
_STACKED_BELOW = 60  # columns: below, a description stands under its option
_KEPT = "\b\n"  # click's mark before a paragraph whose lines are kept
_WIDEST_NAME = 26

# Former spellings of options by the command's path below `ingest`.
FORMER_OPTIONS = {
    ("dead-letters list", "--partition"): "--partitions",
    ("dead-letters show", "--partition"): "--partitions",
    ("dead-letters replay", "--partition"): "--partitions",
    ("dead-letters list", "--offset"): "--offsets",
    ("dead-letters show", "--offset"): "--offsets",
    ("dead-letters replay", "--offset"): "--offsets",
    ("schema infer", "--sample"): "--limit",
    ("sandbox kafka", "--partitions"): "--partition-count",
    ("sandbox kafka", "--brokers"): "--broker-count",
    ("sandbox produce", "--partitions"): "--partition-count",
}
# The words of other tools.
_MEANT = {
    "run": "supervise",
    "start": "supervise",
    "consume": "supervise",
    "validate": "check",
    "tail": "debug",
    "dlq": "dead-letters",
    "help": "--help",
}


class _Guided:
    """What `Command` and `Group` have in common; the class of Typer's comes after it."""

    def __init__(self, *arguments: Any, **attributes: Any) -> None:
        settings = {"help_option_names": ["-h", "--help"], **(attributes.get("context_settings") or {})}
        super().__init__(*arguments, **{**attributes, "context_settings": settings})

    def get_help(self, ctx: Any) -> str:
        """The whole help for this terminal."""
        return help_text(self, ctx, shutil.get_terminal_size().columns)

    def get_short_help_str(self, limit: int = 0) -> str:  # noqa: ARG002  click cuts at it
        """The first sentence whole, for shells that show it beside a completion."""
        return _summary(self)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """As click does, with rule 3."""
        try:
            return super().parse_args(ctx, args)  # type: ignore[misc, no-any-return]  # it is Typer's
        except typer.TyperException as error:
            _name_the_option(error, ctx, self)
            _name_what_is_expected(error)
            raise


class Command(_Guided, TyperCommand):
    """A command whose help and usage errors follow the rules above."""


class Group(_Guided, TyperGroup):
    """A group of commands, or `ingest` itself, whose help and usage errors follow the rules above."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """As click does, with rule 3."""
        try:
            return super().resolve_command(ctx, args)
        except typer.TyperException as error:
            if "Did you mean" not in error.message and (meant := self._meant(args[0])):
                error.message = f"{error.message.rstrip('.')}. Did you mean {' or '.join(map(repr, meant))}?"
            raise

    def _meant(self, typed: str) -> list[str]:
        inner = {
            f"{name} {part}": part
            for name, group in self.commands.items()
            if isinstance(group, TyperGroup)
            for part in group.commands
        }
        if found := [path for path, part in inner.items() if part == typed]:
            return found
        if "supervise" in self.commands and (word := near(typed, _MEANT, cutoff=0.8)):
            return [_MEANT[word]]
        guess = near(typed, inner.values())
        return [path for path, part in inner.items() if part == guess]


def _name_the_option(error: typer.TyperException, ctx: Any, command: Any) -> None:
    """Name the option that is meant, if `error` is about one that does not exist."""
    if not hasattr(error, "possibilities"):
        return
    typed = str(getattr(error, "option_name", ""))
    error.possibilities = None  # click's own list of them
    path = ctx.command_path.partition(" ")[2]
    if new := FORMER_OPTIONS.get((path, typed)):
        error.message += f". It is called {new} now"
        return
    known = [option for parameter in command.get_params(ctx) for option in parameter.opts]
    starting = [option for option in known if len(typed) > 2 and option.startswith(typed)]
    plain = {option.lstrip("-"): option for option in known}
    alike = [plain[name] for name in nearest(typed.lstrip("-"), plain, most=2)]
    if meant := starting or alike:
        error.message += f". Did you mean {' or '.join(meant)}?"


def _name_what_is_expected(error: typer.TyperException) -> None:
    """Say of a wrong value what the same value in a file is told: Typer has the words of pydantic."""
    if (errors := getattr(error.__cause__, "errors", None)) is None:
        return
    from ingest.config.messages import expectation  # noqa: PLC0415  only here, where pydantic is loaded already

    error.message = expectation(next(iter(errors())))


# --- the text -------------------------------------------------------------------------------------


def help_text(command: Any, ctx: Any, columns: int) -> str:
    """The help of a command, or of a group of commands, for a terminal of this width."""
    width = max(min(columns, _MOST_COLUMNS), _LEAST_COLUMNS)
    usage = " ".join([ctx.command_path, *command.collect_usage_pieces(ctx)])
    lines = [*_filled(f"Usage: {usage}", width, "", "       ")]
    for paragraph in (command.help or "").strip().split("\n\n"):
        lines += ["", *_paragraph(paragraph, width)]
    records = [parameter.get_help_record(ctx) for parameter in command.get_params(ctx)]
    lines += _definitions("Options", [record for record in records if record], width)
    if isinstance(command, TyperGroup):
        shown = [(name, inner) for name, inner in command.commands.items() if not inner.hidden]
        lines += _definitions("Commands", [(name, _summary(inner)) for name, inner in shown], width)
    return "\n".join(lines)


def _summary(command: Any) -> str:
    return " ".join((command.help or "").split("\n\n", 1)[0].split())


def _paragraph(text: str, width: int) -> Iterator[str]:
    if not text.startswith(_KEPT):
        yield from _filled(" ".join(text.split()), width, "  ", "  ")
        return
    for line in text.removeprefix(_KEPT).splitlines():
        indent = len(line) - len(line.lstrip())
        yield from folded(line.strip(), width - 2 - indent, "  " + " " * indent)


def folded(command: str, width: int, indent: str = "") -> Iterator[str]:
    """A shell's command on lines of at most `width` characters after `indent`, each but the last with a backslash.

    An option stays with its value.
    """
    pieces: list[str] = []
    for word in re.findall(r"(?:[^\s'\"]|'[^']*'|\"[^\"]*\")+", command):
        fits = bool(pieces) and len(pieces[-1]) + len(word) + 7 <= width
        if fits and re.fullmatch(r"--?[\w-]+", pieces[-1]) and not word.startswith(("-", "|")):
            pieces[-1] += f" {word}"
        else:
            pieces.append(word)
    line = ""
    for number, piece in enumerate(pieces, 1):
        room = width - 2 * (number < len(pieces))
        if line and len(line) + 1 + len(piece) > room:
            yield from _filled(f"{line} \\", width + len(indent), indent, indent)
            line = f"    {piece}"
        else:
            line = f"{line} {piece}" if line else piece
    yield from _filled(line, width + len(indent), indent, indent)


def _definitions(title: str, records: Sequence[tuple[str, str]], width: int) -> Iterator[str]:
    if not records:
        return
    yield ""
    yield f"{title}:"
    stacked = width < _STACKED_BELOW
    names = [len(name) for name, _ in records if len(name) <= _WIDEST_NAME]
    column = 6 if stacked else max(names, default=_WIDEST_NAME) + 4
    for name, text in records:
        described = list(_filled(" ".join(text.split()), width, " " * column, " " * column))
        if stacked or len(name) + 4 > column:
            yield from _filled(name, width, "  ", "      ")
            yield from described
            continue
        first, *rest = described or [""]
        yield f"  {name:{column - 2}}{first.strip()}".rstrip()
        yield from rest


def _filled(text: str, width: int, first: str, others: str) -> Iterator[str]:
    """`text` wrapped, its leading spaces kept on each line."""
    lead = text[: len(text) - len(text.lstrip())]
    yield from textwrap.wrap(
        text.strip(),
        width,
        initial_indent=first + lead,
        subsequent_indent=others + lead,
        break_on_hyphens=False,
    )

"""`ingest completion`: arguments, help and exit code."""

from enum import StrEnum
from typing import Annotated

import typer


class Shell(StrEnum):
    """A shell that completes commands and options."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def completion(*, shell: Annotated[Shell, typer.Argument(help="The shell.")]) -> None:
    """Print the script with which a shell completes ingest's commands and options.

    \b
    Examples:
      ingest completion bash > ~/.local/share/bash-completion/completions/ingest
      ingest completion zsh > ~/.zfunc/_ingest
      ingest completion fish > ~/.config/fish/completions/ingest.fish

    zsh reads ~/.zfunc if .zshrc has "fpath+=~/.zfunc; autoload -Uz compinit; compinit". The shell then asks ingest for
    each completion; it reads no file and asks no Kafka.

    Exit codes: 0 done, 2 usage.
    """
    from ingest.commands.completion.run import run

    run(shell.value)

"""`ingest completion`: the script of a shell, and the answers to what it asks, both as Typer makes them."""

import typer

PROGRAM = "ingest"
VARIABLE = "_INGEST_COMPLETE"  # by which a shell's script asks for completions


def run(shell: str) -> None:
    """Print the script of `shell`: bash, zsh or fish."""
    from typer._completion_shared import get_completion_script  # noqa: PLC0415  needed for this alone

    typer.echo(get_completion_script(prog_name=PROGRAM, complete_var=VARIABLE, shell=shell))


def answer_completions() -> None:
    """Make Typer know the shells, in a process that was started by a shell's script."""
    from typer.completion import get_completion_inspect_parameters  # noqa: PLC0415  needed for this alone

    get_completion_inspect_parameters()

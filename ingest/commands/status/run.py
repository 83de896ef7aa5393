"""`ingest status`: ask each run once, print what it says, and return whether all are ready."""

from collections.abc import Callable, Sequence
from typing import Any, TextIO

from ingest.commands.status.text import report
from ingest.config.settings import Config
from ingest.errors import ConfigError, ExitCode, FatalError
from ingest.status import remote
from ingest.status.console import BrokenPipeConsole, width_for

READY, NOT_READY = 0, 1
WIDTH = 120  # characters of the tables in a file or a pipe


def run(url: str | None, settings: Config | None, *, load: Callable[[None], Any], json: bool, stream: TextIO) -> int:
    """Print the state of the run at `url`, else of that of `settings`, else of those that are found.

    Returns READY or NOT_READY. Raises FatalError with exit code KAFKA when none is found, or one does not answer, and
    USAGE for an address that is none; ConfigError for [status] that tells no address.
    """
    unanswered: list[str] = []
    all_ready = True
    bases = addresses(url, settings, load=load)
    for base in bases:
        try:
            answer, verdict = remote.ask(base), remote.ready(base)
        except remote.NoAnswerError as error:
            unanswered.append(f"{base}: {error}")
            continue
        all_ready = all_ready and verdict.ok
        if json:
            stream.write(answer.content + "\n")
        else:
            console = BrokenPipeConsole(file=stream, width=width_for(stream, WIDTH))
            console.print(report(answer.snapshot, verdict, base, console.width), soft_wrap=True)
    stream.flush()
    if unanswered:
        raise FatalError(
            "no answer from\n  " + "\n  ".join(unanswered) + "\n" + remote.NOTHING, exit_code=ExitCode.KAFKA
        )
    return READY if all_ready else NOT_READY


def addresses(url: str | None, settings: Config | None, *, load: Callable[[None], Any]) -> Sequence[str]:
    """The addresses to ask, by rule 1 of `ingest.status.remote`. Raises as `run` does."""
    if url is not None:
        return [remote.address(url)]
    if settings is None:
        found = remote.running()
        if found:
            return [remote.address(one.url) for one in found]
        settings = load(None)
    policy = settings.status
    if not policy.enabled:
        raise ConfigError("[status] enabled = false: the run serves no page that could be asked")
    if not policy.port:
        raise ConfigError("[status] port = 0: the address is in the first lines of the run; give it with --url")
    return [remote.of_config(policy.host, policy.port)]

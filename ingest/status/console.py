"""A console that a closed terminal or pipe only silences; rich's own would end the process, and the workers with it."""

from rich.console import Console


class BrokenPipeConsole(Console):
    """A console that writes nothing more after a broken pipe."""

    def on_broken_pipe(self) -> None:
        """Called by rich within the failed write."""
        self.quiet = True

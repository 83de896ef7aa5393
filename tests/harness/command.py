"""The command `ingest` in a process of its own, with a directory and an environment that the test chooses."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
WITHIN_S = 150.0

# What configures the command, or measures the tests, and is not the test's own. In a process of xdist the window has
# 80 columns, and tables would be cut to that.
_FOREIGN = ("INGEST_", "ARIZE_", "COVERAGE", "PYTEST", "COLUMNS", "LINES")


def argv(*arguments: str) -> list[str]:
    """The command's line for `subprocess`."""
    return [sys.executable, "-m", "ingest", *arguments]


def clean_environment(**added: str) -> dict[str, str]:
    """This process's environment without what configures the command, and with `added`; it runs this checkout."""
    mine = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
    return {**mine, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1", "PYTHONPATH": str(ROOT), **added}


@dataclass(frozen=True, slots=True)
class Command:
    """The command in one directory, with one environment."""

    directory: Path
    environment: Mapping[str, str]

    def with_environment(self, **added: str) -> "Command":
        """This command with `added` in its environment."""
        return Command(self.directory, {**self.environment, **added})

    def run(
        self,
        *arguments: str,
        code: int | None = 0,
        stdin: str = "",
        within_s: float = WITHIN_S,
    ) -> subprocess.CompletedProcess[str]:
        """Run it to its end; `stdin` is the text of its standard input.

        Raises AssertionError with its output if it does not exit with `code` (None: any code is accepted).
        """
        done = subprocess.run(
            argv(*arguments),
            cwd=self.directory,
            env=self.environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=within_s,
            check=False,
        )
        assert code is None or done.returncode == code, f"exit code {done.returncode}: {done.stdout}{done.stderr}"
        return done

    def json(self, *arguments: str, code: int = 0) -> Any:
        """Run it with --json; its one JSON value. Raises AssertionError as `run` does."""
        return json.loads(self.run(*arguments, "--json", code=code).stdout)

    def json_lines(self, *arguments: str, code: int = 0) -> list[dict[str, Any]]:
        """Run it with --json; the JSON object of each line. Raises AssertionError as `run` does."""
        return [json.loads(line) for line in self.run(*arguments, "--json", code=code).stdout.splitlines()]

    @contextmanager
    def started(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """Start it with a pipe for its standard output; it is killed when the block ends, if it still runs."""
        with subprocess.Popen(
            argv(*arguments),
            cwd=self.directory,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                yield process
            finally:
                process.kill()

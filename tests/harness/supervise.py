"""The real `ingest supervise` in a process of its own, with the events it emits and the signals a test sends."""

import json
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil

from ingest.events import Event
from tests.harness.command import argv

PATIENCE_S = 90.0
WORKER = re.compile(r"ingest-worker(\d+)")

# Every event's name in a JSON line: a test that asks for another one would find none, and mean that none came.
EVENTS = {re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower() for kind in Event.__subclasses__()} | {"account"}


def wait_until(condition: Callable[[], bool], within_s: float = PATIENCE_S, what: Callable[[], str] = str) -> float:
    """Return the seconds it took until `condition` held. Raises AssertionError with `what()` when it doesn't come."""
    start = time.monotonic()
    while not condition():
        waited = time.monotonic() - start
        assert waited < within_s, f"not within {within_s:g} s: {what()}"
        time.sleep(0.01)
    return time.monotonic() - start


def family_of(pid: int) -> list[psutil.Process]:
    """The forkserver, the workers and whatever else belongs to the supervisor `pid`."""
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def kill_with_family(process: subprocess.Popen[bytes]) -> None:
    """Kill the supervisor and whatever belongs to it, and wait for its end."""
    for member in family_of(process.pid):
        member.kill()
    process.kill()
    process.wait()


def workers_of(pid: int) -> dict[int, psutil.Process]:
    """The living workers of the supervisor `pid` by their number."""
    found = {}
    for member in family_of(pid):
        try:
            named = WORKER.match(member.name())
            if named is not None and member.status() != psutil.STATUS_ZOMBIE:
                found[int(named[1])] = member
        except psutil.NoSuchProcess:
            continue
    return found


class Supervise:
    """A running command. `events` are its JSON lines so far, `errors` what it wrote to stderr.

    A killed worker is replaced by the product, a killed supervisor is not: start another `Supervise`.
    """

    def __init__(
        self,
        directory: Path,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        launcher: Sequence[str] | None = None,
    ) -> None:
        """`launcher` runs the command in another way than by its name."""
        given = ("supervise", "--log-format", "json", "--verbose", *arguments)
        self.command = argv(*given) if launcher is None else [*launcher, *given]
        self.events: list[dict[str, Any]] = []
        self.output = ""
        self.errors = ""
        self.started_at = time.monotonic()
        self._process = subprocess.Popen(
            self.command,
            cwd=directory,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,  # a Ctrl-C at the terminal is for the tests
        )
        self.pid = self._process.pid
        self._threads = [threading.Thread(target=self._read_events), threading.Thread(target=self._read_errors)]
        for thread in self._threads:
            thread.start()

    def _read_events(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.output += line
            if line.startswith("{"):
                event = json.loads(line)
                self.events.append(event)
                if event["event"] == "run_failed":  # the last words, wherever they are written
                    self.errors += f"{event['error']}\n"

    def _read_errors(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self.errors += line

    def all(self, event: str, **fields: Any) -> list[dict[str, Any]]:
        """The events of this name, and with these values, so far."""
        assert event in EVENTS, f"the product has no event {event}"
        return [
            found
            for found in self.events.copy()
            if found["event"] == event and all(found.get(name) == value for name, value in fields.items())
        ]

    def until(self, condition: Callable[[], bool], within_s: float = PATIENCE_S) -> float:
        """Wait for `condition`; fails at once when the command has left and it still does not hold."""

        def holds() -> bool:
            if condition():
                return True
            assert self.running or condition(), f"it has left with {self._process.returncode}: {self.last_words()}"
            return False

        return wait_until(holds, within_s, self.last_words)

    def until_event(self, event: str, count: int = 1, within_s: float = PATIENCE_S, **fields: Any) -> dict[str, Any]:
        """The `count`-th event of this name and these values."""
        self.until(lambda: len(self.all(event, **fields)) >= count, within_s)
        return self.all(event, **fields)[count - 1]

    @property
    def running(self) -> bool:
        """The command has not left."""
        return self._process.poll() is None

    @property
    def account(self) -> dict[str, Any]:
        """The final account."""
        return self.all("account")[-1]

    def last_words(self) -> str:
        """For the message of a failed test."""
        told = [event for event in self.events if event["event"] not in {"progress", "committed", "upload_started"}]
        return "\n".join([*(json.dumps(event)[:400] for event in told[-12:]), self.errors[-2000:]])

    def family(self) -> list[psutil.Process]:
        """The forkserver, the workers and whatever else belongs to it."""
        return family_of(self.pid)

    def workers(self) -> dict[int, psutil.Process]:
        """The living workers by their number."""
        return workers_of(self.pid)

    def signal(self, number: signal.Signals) -> None:
        """Tell the supervisor."""
        os.kill(self.pid, number)

    def wait(self, within_s: float = PATIENCE_S) -> int:
        """Its exit code, once it has left and its output is read."""
        try:
            code = self._process.wait(within_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {within_s:g} s: {self.last_words()}") from None
        for thread in self._threads:
            thread.join(within_s)
        for pipe in (self._process.stdout, self._process.stderr):
            assert pipe is not None
            pipe.close()
        return code

    def kill(self) -> None:
        """SIGKILL to the supervisor alone; returns when its whole family is gone."""
        family = self.family()
        self._process.kill()
        self.wait()
        _, alive = psutil.wait_procs(family, timeout=PATIENCE_S)
        assert not alive, f"outlived the supervisor: {alive}"

    def clean_up(self) -> None:
        """Leave nothing running, whatever the test did."""
        if self.running:
            for member in self.family():
                member.kill()
            self._process.kill()
        if self._process.stdout is not None and not self._process.stdout.closed:
            self.wait()

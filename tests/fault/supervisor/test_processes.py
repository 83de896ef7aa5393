"""Real processes and signals: no worker outlives the supervisor, hung workers are replaced, stops take effect."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.harness.supervisor.bodies import CANARY

ROOT = Path(__file__).parents[3]
PATIENCE_S = 60.0


class Program:
    """`tests.harness.supervisor.program` in a process group of its own."""

    def __init__(self, body: str, workers: int = 2, **settings: float) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.harness.supervisor.program", str(workers), json.dumps(settings)],
            cwd=ROOT,
            env={**os.environ, "BODY": body},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.events: list[dict[str, Any]] = []
        self.errors = ""
        self._family: list[psutil.Process] = []
        self._threads = [threading.Thread(target=self._read), threading.Thread(target=self._read_errors)]
        for thread in self._threads:
            thread.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.events.append(json.loads(line))

    def _read_errors(self) -> None:
        assert self.process.stderr is not None
        self.errors = self.process.stderr.read()

    def all(self, event: str) -> list[dict[str, Any]]:
        return [found for found in self.events if found["event"] == event]

    def until(self, condition: Callable[[], bool], within_s: float = PATIENCE_S) -> float:
        """Wait for `condition`; how long it took."""
        start = time.monotonic()
        while not condition():
            waited = time.monotonic() - start
            told = f"events: {self.events[-5:]} {self.errors}"
            assert waited < within_s, f"not within {within_s} s; {told}"
            assert waited < 1 or self.process.poll() in {None, -signal.SIGKILL}, f"it has left; {told}"
            time.sleep(0.005)
        return time.monotonic() - start

    def until_started(self, count: int) -> list[int]:
        self.until(lambda: len(self.all("WorkerStarted")) >= count)
        return [event["pid"] for event in self.all("WorkerStarted")]

    def family(self) -> list[psutil.Process]:
        self._family = psutil.Process(self.process.pid).children(recursive=True)
        return self._family

    def end(self, within_s: float = PATIENCE_S) -> int:
        code = self.process.wait(within_s)
        for thread in self._threads:
            thread.join(within_s)
        for pipe in (self.process.stdout, self.process.stderr):
            assert pipe is not None
            pipe.close()
        return code

    def clean_up(self) -> None:
        """Leave nobody, whatever a failed test has left: who lives on holds the pipes that `end` reads."""
        if self.process.poll() is None:
            self.family()
            self.process.kill()
        for member in self._family:
            with contextlib.suppress(psutil.NoSuchProcess):
                member.kill()
        self.end()


@pytest.fixture
def program() -> Iterator[Callable[..., Program]]:
    made: list[Program] = []

    def make(body: str, workers: int = 2, **settings: float) -> Program:
        made.append(Program(body, workers, **settings))
        return made[-1]

    yield make
    for one in made:
        one.clean_up()


def gone(member: psutil.Process) -> bool:
    try:
        return not member.is_running() or member.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.mark.parametrize("body", ["idle", "stuck"])
def test_no_worker_outlives_a_killed_supervisor(program: Callable[..., Program], body: str) -> None:
    running = program(body)
    running.until_started(2)
    family = running.family()
    assert len(family) >= 3  # the forkserver and two workers
    running.process.kill()
    assert running.until(lambda: all(gone(member) for member in family)) < 1.0


def test_a_stopped_worker_does_not_outlive_its_supervisor_either(program: Callable[..., Program]) -> None:
    running = program("idle")
    pids = running.until_started(2)
    family = running.family()
    os.kill(pids[0], signal.SIGSTOP)
    running.process.kill()
    assert running.until(lambda: all(gone(member) for member in family)) < 1.0


@pytest.mark.parametrize("body", ["idle", "stuck"])
def test_a_hung_worker_is_killed_and_replaced(program: Callable[..., Program], body: str) -> None:
    running = program(body, workers=1, hang_s=1.0, base_backoff_s=0.01)
    (pid,) = running.until_started(1)
    if body == "idle":
        os.kill(pid, signal.SIGSTOP)
    running.until(lambda: bool(running.all("WorkerHung")), within_s=15.0)
    assert running.all("WorkerHung")[0]["pid"] == pid
    replacement = running.until_started(2)[1]
    assert replacement != pid
    assert not psutil.pid_exists(pid)  # the forkserver has reaped it
    assert running.all("WorkerExited")[0]["exit_code"] == -signal.SIGKILL


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP], ids=lambda stop: stop.name)
def test_a_stop_of_the_whole_group_drains(program: Callable[..., Program], stop: signal.Signals) -> None:
    running = program("idle")
    running.until_started(2)
    os.killpg(running.process.pid, stop)
    assert running.end() == 0
    assert running.all("DrainStarted")[0]["reason"] == stop.name
    assert running.all("WorkerExited") == []
    assert running.errors == ""


def test_a_second_stop_kills_immediately(program: Callable[..., Program]) -> None:
    running = program("stubborn")
    running.until_started(2)
    running.process.send_signal(signal.SIGTERM)
    running.until(lambda: bool(running.all("DrainStarted")))
    draining = time.monotonic()
    while time.monotonic() - draining < 0.5:
        assert running.process.poll() is None
        time.sleep(0.01)
    running.process.send_signal(signal.SIGTERM)
    asked = time.monotonic()
    assert running.end() == 7
    assert time.monotonic() - asked < 2.0


def test_a_drain_ends_at_its_deadline(program: Callable[..., Program]) -> None:
    running = program("stubborn", workers=1, drain_s=0.5)
    running.until_started(1)
    running.process.send_signal(signal.SIGTERM)
    assert running.end(within_s=15.0) == 7


def test_a_worker_that_gets_two_signals_exits_immediately(program: Callable[..., Program]) -> None:
    running = program("stubborn", workers=1, base_backoff_s=0.01)
    (pid,) = running.until_started(1)

    def tell_and_look() -> bool:
        if running.all("WorkerExited"):
            return True
        with contextlib.suppress(ProcessLookupError):  # it has just left, and its end is not told yet
            os.kill(pid, signal.SIGTERM)
        return False

    assert running.until(tell_and_look, within_s=10.0) >= 0.9
    assert running.all("WorkerExited")[0]["exit_code"] == 7
    running.until_started(2)


def test_a_killed_forkserver_is_replaced_with_its_workers(program: Callable[..., Program]) -> None:
    running = program("idle", base_backoff_s=0.01)
    first = [psutil.Process(pid) for pid in running.until_started(2)]
    psutil.Process(first[0].ppid()).kill()
    second = [psutil.Process(pid) for pid in running.until_started(4)[2:]]
    assert all(gone(member) for member in first)
    assert not any(gone(member) for member in second)


@pytest.mark.parametrize("body", ["broken", "broken_thread"])
def test_a_failure_is_reported_without_the_values_of_an_event(program: Callable[..., Program], body: str) -> None:
    running = program(body, workers=1, max_crashes=1, base_backoff_s=0.01)
    assert running.end() == 6
    failures = running.all("WorkerFailed")
    assert len(failures) == 2
    assert "ValueError" in failures[0]["error"]
    assert "bodies.py:" in failures[0]["error"]
    assert running.all("WorkerExited")[0]["exit_code"] == 1
    assert len(running.all("WorkerGivenUp")) == 1
    assert CANARY not in running.errors + json.dumps(running.events)

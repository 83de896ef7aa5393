"""What systemd's socket receives of a run: a real one, with a path or an abstract name."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.status.sd_notify import SystemdNotifier
from ingest.status.snapshot import State
from tests.harness.run_snapshots import snapshot, worker


class Systemd:
    """The receiving end, and the clock of the notifier."""

    def __init__(self, address: str, bound: str) -> None:
        self.address = address
        self.now = 100.0
        self.notifiers: list[SystemdNotifier] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.settimeout(0)
        self._socket.bind(bound)

    def notifier(self, **environment: str) -> SystemdNotifier:
        made = SystemdNotifier.from_environment({"NOTIFY_SOCKET": self.address, **environment}, lambda: self.now)
        assert made is not None
        self.notifiers.append(made)
        return made

    def received(self) -> list[str]:
        found = []
        while True:
            try:
                found.append(self._socket.recv(4096).decode())
            except BlockingIOError:
                return found

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(params=["path", "abstract"])
def systemd(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Systemd]:
    name = f"{tmp_path}/notify" if request.param == "path" else f"@ingest-test-{os.getpid()}"
    made = Systemd(name, name if request.param == "path" else "\0" + name[1:])
    yield made
    for notifier in made.notifiers:
        notifier.close()
    made.close()


def test_a_run_from_start_to_end(systemd: Systemd) -> None:
    notifier = systemd.notifier()
    notifier.tick(snapshot(workers=(), sentence="Asking Kafka."))
    assert systemd.received() == ["STATUS=Asking Kafka."]
    systemd.now += 1
    notifier.tick(snapshot(workers=(worker(), worker(1, State.STARTING)), sentence="Starting."))
    assert systemd.received() == ["STATUS=Starting."], "a worker has not started"
    systemd.now += 1
    notifier.tick(snapshot(sentence="All is\nwell."))
    assert systemd.received() == ["READY=1\nSTATUS=All is well."]
    notifier.tick(snapshot(sentence="All is\nwell."))
    assert systemd.received() == []
    notifier.tick(snapshot(sentence="Draining.", draining=True))
    assert systemd.received() == ["STOPPING=1\nSTATUS=Draining."]
    notifier.tick(snapshot(sentence="Draining.", draining=True, ended=True))
    notifier.close()
    assert systemd.received() == []


def test_a_run_whose_last_worker_has_ended_stops(systemd: Systemd) -> None:
    notifier = systemd.notifier()
    notifier.tick(snapshot())
    notifier.tick(snapshot(workers=(worker(state=State.DONE, pid=None),)))
    assert systemd.received() == ["READY=1\nSTATUS=All is well.", "STOPPING=1"]


def test_a_run_that_ends_without_a_drain_tells_it(systemd: Systemd) -> None:
    notifier = systemd.notifier()
    notifier.close()
    assert systemd.received() == ["STOPPING=1"]


def test_a_changing_sentence_is_sent_once_a_second(systemd: Systemd) -> None:
    notifier = systemd.notifier()
    for number in range(10):
        notifier.tick(snapshot(sentence=f"waits for {number} s"))
        systemd.now += 0.25
    assert systemd.received() == ["READY=1\nSTATUS=waits for 0 s", "STATUS=waits for 4 s", "STATUS=waits for 8 s"]


def test_the_watchdog_is_fed_by_ticks_alone(systemd: Systemd) -> None:
    notifier = systemd.notifier(WATCHDOG_USEC="4000000", WATCHDOG_PID=str(os.getpid()))
    for _ in range(9):
        notifier.tick(snapshot())
        systemd.now += 0.5
    fed = [text for text in systemd.received() if "WATCHDOG=1" in text]
    assert len(fed) == 5, "each second of 4, at ticks each half of one"
    systemd.now += 60.0  # a loop that hangs
    assert systemd.received() == []


@pytest.mark.parametrize(
    "environment",
    [{}, {"WATCHDOG_USEC": "0"}, {"WATCHDOG_USEC": "soon"}, {"WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "1"}],
)
def test_without_a_watchdog_of_this_process_nobody_feeds_it(systemd: Systemd, environment: dict[str, str]) -> None:
    systemd.notifier(**environment).tick(snapshot())
    assert systemd.received() == ["READY=1\nSTATUS=All is well."]


@pytest.mark.parametrize("address", ["", "notify", "vsock:2:1234", "@", "/"])
def test_without_a_socket_of_systemd_there_is_no_notifier(address: str) -> None:
    assert SystemdNotifier.from_environment({"NOTIFY_SOCKET": address}, lambda: 0.0) is None


def test_a_systemd_that_does_not_read_holds_nothing_up(systemd: Systemd) -> None:
    notifier = systemd.notifier(WATCHDOG_USEC="1")
    for _ in range(2_000):  # far more than a socket holds
        systemd.now += 1
        notifier.tick(snapshot())
    systemd.close()
    notifier.tick(snapshot())

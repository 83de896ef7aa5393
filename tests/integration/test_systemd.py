"""A real run tells systemd's socket when it is ready, that its loop turns, what it does, and that it stops."""

import signal
import socket
from collections.abc import Callable
from pathlib import Path

from ingest.errors import ExitCode
from tests.harness.rig import Rig


def test_a_run_notifies_systemd_from_ready_to_stopping(rig: Callable[..., Rig], tmp_path: Path) -> None:
    main = rig(partitions=2)
    main.produce(200)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(30)
        run = main.start(
            until_end=False,
            environment={"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "2000000"},
            status={"enabled": False},
        )
        told: list[str] = []

        def until(line: str) -> None:
            while line not in told:
                told.extend(systemd.recv(4096).decode().splitlines())

        until("READY=1")
        assert any(line.startswith("STATUS=") for line in told)
        del told[:]
        for _ in range(3):
            until("WATCHDOG=1")
            told.remove("WATCHDOG=1")
        run.signal(signal.SIGTERM)
        until("STOPPING=1")
        assert run.wait() == ExitCode.DONE

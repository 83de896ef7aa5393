"""Runs a real Apache Kafka without Docker: one node with KRaft, by `scripts/kafka start|stop|status` or `RealKafka`.

`RealKafka` is for tests and benchmarks: it runs during its `with` block, ends with the process that started it, and
can be killed and restarted on the same ports and data. The command starts a broker that keeps running, and finds it
again by the file `broker.json` in its data directory.
"""

import argparse
import json
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from ingest.errors import IngestError
from ingest.sandbox.jars import cache_directory
from ingest.sandbox.node import await_answer, command, prepare
from ingest.sandbox.tethered_process import TetheredProcess

STOP_S = 20.0


class RealKafka:
    """One real broker, as a context manager.

    `bootstrap` is its address; `pid` the Java process. Without `data`, a temporary directory is made and removed.
    `settings` are added to those of server.properties, or replace them.
    """

    def __init__(self, data: Path | None = None, port: int = 0, settings: Mapping[str, str] | None = None) -> None:
        self._temporary = data is None
        self.data = Path(tempfile.mkdtemp(prefix="ingest-kafka-")) if data is None else data
        self._port = port
        self._settings = dict(settings or {})
        self._tethered: TetheredProcess | None = None
        self.bootstrap = ""
        self.pid = 0

    def __enter__(self) -> Self:
        try:
            self.bootstrap = prepare(self.data, self._port, self._settings)
            self.start()
        except BaseException:
            self._end_and_clean()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end_and_clean()

    @property
    def alive(self) -> bool:
        """Whether the Java process runs."""
        return self._tethered is not None and self._tethered.code is None

    def start(self) -> None:
        """Start the process on its data and wait until it answers. Raises `BrokerError`."""
        if self.alive:
            return
        with (self.data / "console.log").open("ab") as console:
            self._tethered = TetheredProcess(
                command(self.data), output=console, directory=self.data if self._temporary else None
            )
        self.pid = self._tethered.pid
        await_answer(self.bootstrap, self.data, lambda: self.alive)

    def kill(self) -> None:
        """Send SIGKILL. The data stays; `start` starts the broker on it again."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Send SIGTERM: a clean shutdown. The data stays; `start` starts the broker on it again."""
        self._end(signal.SIGTERM)

    def restart(self) -> None:
        """Kill it and start it on the same ports and data; returns when it answers."""
        self.kill()
        self.start()

    def _end(self, how: signal.Signals) -> None:
        if self._tethered is None:
            return
        self._tethered.end(how, STOP_S)
        self._tethered = None

    def _end_and_clean(self) -> None:
        self.kill()
        if self._temporary:
            shutil.rmtree(self.data, ignore_errors=True)


# --- the command ----------------------------------------------------------------------------------


def _running(data: Path) -> tuple[psutil.Process, str] | None:
    """The broker that `start` started on `data`, if it still runs; the process id alone may have been reused."""
    try:
        state = json.loads((data / "broker.json").read_text())
        process = psutil.Process(state["pid"])
        if process.create_time() == state["created"] and process.status() != psutil.STATUS_ZOMBIE:
            return process, state["bootstrap"]
    except (FileNotFoundError, psutil.NoSuchProcess):
        pass
    return None


def _start(data: Path, port: int) -> str:
    if (running := _running(data)) is not None:
        return running[1]
    bootstrap = prepare(data, port, {})
    with (data / "console.log").open("ab") as console:
        broker = subprocess.Popen(
            command(data), stdin=subprocess.DEVNULL, stdout=console, stderr=console, start_new_session=True
        )
    state = {"pid": broker.pid, "created": psutil.Process(broker.pid).create_time(), "bootstrap": bootstrap}
    (data / "broker.json").write_text(json.dumps(state))
    try:
        await_answer(bootstrap, data, lambda: broker.poll() is None)
    except BaseException:
        broker.kill()
        raise
    return bootstrap


def _stop(data: Path) -> bool:
    running = _running(data)
    if running is not None:
        process = running[0]
        process.terminate()
        try:
            process.wait(STOP_S)
        except psutil.TimeoutExpired:
            process.kill()
            process.wait(STOP_S)
    (data / "broker.json").unlink(missing_ok=True)
    return running is not None


def main() -> int:
    """Start, stop or find a broker that keeps running; returns 1 when there is none or it failed."""
    parser = argparse.ArgumentParser(
        prog="scripts/kafka",
        description=__doc__,
        epilog="example: scripts/kafka start --port 0; scripts/kafka stop --delete",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", type=Path, default=cache_directory() / "broker", help="the node's own directory")
    commands = parser.add_subparsers(dest="command", required=True)
    start = commands.add_parser("start", help="start it, wait until it answers, print the bootstrap address")
    start.add_argument("--port", type=int, default=9092, help="0 takes a free one")
    stop = commands.add_parser("stop", help="stop it; its topics are kept")
    stop.add_argument("--delete", action="store_true", help="remove its topics too")
    commands.add_parser("status", help="print the bootstrap address of a running broker")
    given = parser.parse_args()
    data: Path = given.data.absolute()
    try:
        if given.command == "start":
            print(_start(data, given.port))
            return 0
        if given.command == "stop":
            print("stopped" if _stop(data) else "not running")
            if given.delete:
                shutil.rmtree(data, ignore_errors=True)
            return 0
    except IngestError as error:
        print(error, file=sys.stderr)
        return 1
    running = _running(data)
    print(running[1] if running else "not running")
    return 0 if running else 1


if __name__ == "__main__":
    sys.exit(main())

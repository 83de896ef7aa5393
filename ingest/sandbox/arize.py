"""A local Arize endpoint in a process of its own: `python -m ingest.sandbox.arize --journal DIRECTORY`.

It accepts uploads of the arize SDK, rejects what Arize would reject, writes every row to disk before it answers, and
can inject faults. `ArizeEndpoint` starts one and controls it.
"""

import argparse
import contextlib
import json
import os
import signal
import tempfile
import threading
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ingest.config.credentials import stripped
from ingest.sandbox.endpoint import Endpoint
from ingest.sandbox.fault_injection import Fault, Kind
from ingest.sandbox.journal import Journal
from ingest.sandbox.receive import Handler
from ingest.sandbox.service_process import SandboxError, ServiceProcess, announce

HOST = "127.0.0.1"
API_KEY = "sandbox-key"
SPACE_ID = "sandbox-space"
CONTROL_S = 30.0


class ArizeEndpoint:
    """A running endpoint, as a context manager. Without `journal` its rows are deleted when it stops.

    Raises `SandboxError` when it can't start or doesn't answer.
    """

    def __init__(
        self, journal: Path | None = None, *, port: int = 0, api_key: str = API_KEY, space_id: str = SPACE_ID
    ) -> None:
        self._cleanup = contextlib.ExitStack()
        if journal is None:
            journal = Path(self._cleanup.enter_context(tempfile.TemporaryDirectory(prefix="ingest-arize-")))
        self.journal = Journal(journal)
        self.api_key = api_key
        self.space_id = space_id
        try:
            # A key never goes into an argument list.
            self._process = ServiceProcess(
                "ingest.sandbox.arize",
                ["--port", str(port), "--journal", str(journal)],
                {"ARIZE_API_KEY": api_key, "ARIZE_SPACE_ID": space_id},
            )
        except SandboxError:
            self._cleanup.close()
            raise
        self.port = int(self._process.announcement["port"])
        self.pid = self._process.pid

    def environment(self) -> dict[str, str]:
        """The environment variables that direct the arize SDK to this endpoint."""
        return {
            "ARIZE_API_HOST": HOST,
            "ARIZE_API_SCHEME": "http",
            "ARIZE_API_PORT": str(self.port),
            "ARIZE_API_KEY": self.api_key,
            "ARIZE_SPACE_ID": self.space_id,
        }

    def inject_faults(self, kind: Kind | Fault | Sequence[Fault], **conditions: Any) -> None:
        """Replace the faults in force: from now on the first that applies is played.

        `inject_faults("status", status=503, retry_after_s=2, count=3)`; see `Fault` for all there is.
        """
        if isinstance(kind, str):
            faults: list[Fault] = [Fault(kind=kind, **conditions)]
        else:
            faults = [kind] if isinstance(kind, Fault) else list(kind)
        self.control(faults=[fault.to_json() for fault in faults])

    def clear_faults(self) -> None:
        """Remove all faults."""
        self.control(faults=[])

    def control(self, **wanted: Any) -> dict[str, Any]:
        """POST /control: `faults`, `seed` of the random numbers, `api_key` that is accepted from now on."""
        return self._ask("/control", json.dumps(wanted).encode())

    def stats(self) -> dict[str, Any]:
        """The endpoint's counters: requests, stored_rows, duplicates, answers by status and more."""
        return self._ask("/stats", None)

    def stop(self) -> None:
        """End the process; a journal directory that was given stays."""
        self._process.stop()
        self._cleanup.close()

    def kill(self) -> None:
        """Send SIGKILL: the journal is as after a crash."""
        self._process.kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _ask(self, path: str, body: bytes | None) -> dict[str, Any]:
        # Without a proxy, also if the environment names one.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(f"http://{HOST}:{self.port}{path}", body, CONTROL_S) as response:
                answer: dict[str, Any] = json.load(response)
                return answer
        except urllib.error.HTTPError as error:
            raise SandboxError(f"the Arize endpoint refused: {json.load(error)['message']}") from None
        except OSError as error:
            raise SandboxError(f"the Arize endpoint on port {self.port} doesn't answer: {error}") from None


def serve(*, journal: Path, port: int = 0, host: str = HOST) -> None:
    """Run an endpoint in this process until SIGTERM or SIGINT. Port 0 takes a free one; the first line is its address.

    If ARIZE_API_KEY or ARIZE_SPACE_ID is set, requests must carry it; otherwise any value is accepted.
    Raises `OSError` when the port is taken or `journal` can't be written.
    """
    endpoint = Endpoint(
        (host, port),
        Handler,
        journal=journal,
        api_key=stripped(os.environ.get("ARIZE_API_KEY", "")),
        space_id=stripped(os.environ.get("ARIZE_SPACE_ID", "")),
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        # shutdown() waits for the loop that this signal interrupts, so another thread asks for it.
        signal.signal(number, lambda *_: threading.Thread(target=endpoint.shutdown).start())
    announce(host=host, port=endpoint.port, journal=str(journal))
    with contextlib.closing(endpoint.journal), contextlib.closing(endpoint.socket):
        endpoint.serve_forever(poll_interval=0.1)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line of the endpoint's process."""
    parser = argparse.ArgumentParser(prog="python -m ingest.sandbox.arize", description="A local Arize endpoint.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--host", default=HOST)
    parser.add_argument("--journal", type=Path, required=True)
    given = parser.parse_args(arguments)
    try:
        serve(journal=given.journal, port=given.port, host=given.host)
    except OSError as error:
        parser.exit(1, f"can't listen on {given.host}:{given.port} or write {given.journal}: {error}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

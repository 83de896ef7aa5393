"""The status page of one run: what `ingest supervise` makes, starts, feeds and ends.

Rules
1. It is made before anything starts, and raises `ConfigError` for a port that can't be had and a token that can't be
   used. `start` comes after the forkserver.
2. It is a watcher of the run: `tick` runs in the supervisor's loop and only replaces a value. Everything else is the
   thread's.
3. A fault of the page never ends the run. `tick` raises it once the snapshot is published, for whoever reports the
   faults of watchers.
4. The file by which others find the run is removed at the end. Where it can't be written, the run goes on.
"""

import contextlib
import os
import time
from collections import deque
from pathlib import Path
from types import TracebackType
from typing import Self

from ingest.accounting.run_account import RunAccount
from ingest.config.sections import Status
from ingest.errors import IngestError
from ingest.events import Emit, Event, Notice, StatusServed
from ingest.status.snapshot import Snapshot
from ingest.status.web import runtime_file
from ingest.status.web.actions import Action, Actions
from ingest.status.web.app import Probes, application
from ingest.status.web.guard import is_loopback
from ingest.status.web.listener import listener_of
from ingest.status.web.published import ConfigView, Published
from ingest.status.web.server import Server
from ingest.status.web.stream import Stream
from ingest.tracebacks import describe

LINGER_S = 0.3  # at the end: time for open pages to get the last snapshot


class StatusPage:
    """A context: its server listens from the beginning, serves from `start` on, and ends with the context."""

    def __init__(self, policy: Status, config: ConfigView, probes: Probes | None = None) -> None:
        self._policy = policy
        self.published = Published(config)
        self.actions = Actions(policy.action_token(), lambda: self.published.snapshot)
        self._stream = Stream(self.published)
        self._faults: deque[str] = deque(maxlen=16)
        self._file: Path | None = None
        self._started = self._findable = False
        listener = listener_of(policy)
        self.port: int = listener.getsockname()[1]
        self._taken = policy.port if policy.port not in (0, self.port) else None
        self._server = Server(
            application(
                self.published,
                stream=self._stream,
                actions=self.actions,
                host=policy.host,
                allowed_hosts=policy.allowed_hosts,
                probes=probes,
                on_fault=lambda error: self._faults.append(describe(error)),
            ),
            listener,
        )

    @property
    def url(self) -> str:
        """The address of the page."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self._policy.host, self._policy.host)  # noqa: S104
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}/"

    def start(self, emit: Emit) -> None:
        """Serve, and announce it."""
        self._server.start()
        self._started = True
        emit(
            StatusServed(
                url=self.url,
                listen_host=self._policy.host,
                port=self.port,
                port_taken=self._taken,
                actions=self.actions.enabled,
            )
        )
        if not is_loopback(self._policy.host):
            emit(
                Notice(
                    text=f"the page listens on {self._policy.host}: whoever reaches port {self.port} of this machine "
                    "can read topics, offsets, errors and the configuration without its secrets"
                )
            )

    def emit(self, event: Event, at: float) -> None:
        """Nothing: the snapshots have the events."""

    def tick(self, snapshot: Snapshot) -> None:
        """Publish `snapshot`. Raises `IngestError` with a fault that the page has had since the last call."""
        self.published.publish(snapshot)
        if self._started and not self._findable:
            self._findable = True
            self._write_file(snapshot)
        if (failure := self._server.failure) is not None:
            self._server.failure = None
            raise IngestError(f"the page is not served any more: {failure}")
        if self._faults:
            raise IngestError(self._faults.popleft())

    def requested(self) -> list[Action]:
        """The actions that were requested since the last call."""
        return self.actions.take()

    def finish(self, accounts: tuple[RunAccount, ...]) -> None:
        """The run has ended: show its accounts until the process exits. The last snapshot comes after this."""
        self.published.publish_accounts(accounts)

    def _write_file(self, snapshot: Snapshot) -> None:
        running = runtime_file.Running(
            pid=os.getpid(),
            started=runtime_file.process_started(os.getpid()) or snapshot.started_at,
            url=self.url,
            run=snapshot.run,
            group=snapshot.group,
            topics=snapshot.topics,
            version=snapshot.version,
        )
        try:
            self._file = runtime_file.write(running)
        except OSError as error:
            where = runtime_file.directory()
            raise IngestError(
                f"{where} can't be written ({error.strerror or error}), so other commands must be given the address "
                f"{self.url}"
            ) from None

    def __str__(self) -> str:
        return "the status page"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        watched = self._stream.clients > 0
        self._stream.closing.set()
        if watched:
            time.sleep(LINGER_S)
        self._server.stop()
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.unlink()

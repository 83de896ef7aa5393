"""The socket of the status page: bound before anything starts, and by `ingest check` for a moment.

Rules
1. If the port is the default and not configured, a free one takes its place.
2. A port that is configured and taken is a fault of the configuration. It names the run of this user that has it.
"""

import errno
import os
import socket
from typing import Any
from urllib.parse import urlsplit

from ingest.config.sections import Status
from ingest.errors import ConfigError
from ingest.status import formatting
from ingest.status.web import runtime_file
from ingest.status.web.runtime_file import Running

BACKLOG = 32


def listener_of(policy: Status) -> socket.socket:
    """The listening socket of [status]. Raises `ConfigError` if it can't be had."""
    try:
        return listen(policy.host, policy.port, fallback="port" not in policy.model_fields_set)
    except OSError as error:
        holder = holder_of(policy.port) if error.errno == errno.EADDRINUSE else None
        by = f" by {described(holder)}" if holder else ""
        raise ConfigError(
            f"[status] host = {policy.host}, port = {policy.port}: can't be listened on: "
            f"{error.strerror or error}{by}; set another port, or 0 for any free one, or [status] enabled = false"
        ) from None


def holder_of(port: int) -> Running | None:
    """The run of this user, other than this process, whose page has the port."""
    return next(
        (one for one in runtime_file.find() if urlsplit(one.url).port == port and one.pid != os.getpid()),
        None,
    )


def described(running: Running) -> str:
    """The run in a few words."""
    topics = formatting.names("topic", running.topics)
    return f"the supervisor with pid {running.pid} (group {running.group}, {topics})"


def listen(host: str, port: int, *, fallback: bool) -> socket.socket:
    """A listening socket; with `fallback`, on any free port if `port` is taken. Raises `OSError`."""
    family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    try:
        return _listening(family, kind, proto, address)
    except OSError as error:
        if not fallback or error.errno != errno.EADDRINUSE:
            raise
    free: Any = (address[0], 0, *address[2:])
    return _listening(family, kind, proto, free)


def _listening(family: int, kind: int, proto: int, address: Any) -> socket.socket:
    listener = socket.socket(family, kind, proto)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        # With SO_REUSEADDR, two that begin at the same time can both bind; the second is told here.
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener

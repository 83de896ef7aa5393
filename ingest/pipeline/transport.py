"""The HTTP under the arize SDK, so that an answer is only ever an answer to our own POST.

The SDK calls `requests.post` once a batch (arize 8.61, utils/arrow.py), and that call alone would
- follow a redirect, turn the POST into a GET that carries the key, and report its 200 as success with nothing stored;
- read `.netrc` and replace the `authorization` header with what it finds there;
- open a connection, with a TLS handshake, for each batch;
- wait for ever on a dripping answer: its timeout is per read;
- lose `Retry-After` on the way.

`post` has the signature of `requests.post` and takes its place in a worker's process. Certificates are always verified
as the SDK asks, proxies and REQUESTS_CA_BUNDLE count as ever.
"""

import socket
import threading
import time
from email.utils import parsedate_to_datetime
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

_CONNECT_S = 10.0
_SEND_BLOCK_BYTES = 1024 * 1024  # http.client's 16 KiB would be thousands of writes a batch


class Attempt:
    """One upload attempt as its own thread runs it; another thread may `cut` it at its deadline."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._over = False
        self.cut_off = False
        self.retry_after: str | None = None
        self.location: str | None = None
        self.answered_s: float | None = None  # from sending the request until the answer was there

    def cut(self) -> None:
        """Break the connection under the attempt: it fails at once, whatever it is waiting for."""
        with self._lock:
            self.cut_off = True
            self._shut()

    def over(self) -> None:
        """The attempt has ended; from now on `cut` touches nothing."""
        with self._lock:
            self._over = True
            self._socket = None

    def uses(self, sock: socket.socket | None) -> None:
        """The attempt sends through this socket."""
        with self._lock:
            if not self._over:
                self._socket = sock
                if self.cut_off:
                    self._shut()

    def _shut(self) -> None:
        if self._socket is not None:
            try:
                # The plain socket's shutdown, also under TLS: SSLSocket's own drops its state under the reader's feet.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
            except OSError:
                return  # already gone


class _Current(threading.local):
    attempt: Attempt | None = None
    session: requests.Session | None = None


_current = _Current()


class _Observed:
    """Tells the thread's attempt which socket it is on."""

    sock: socket.socket | None

    def connect(self) -> None:
        super().connect()  # type: ignore[misc]
        self._tell()

    def putrequest(self, *args: Any, **kwargs: Any) -> None:
        self._tell()
        super().putrequest(*args, **kwargs)  # type: ignore[misc]

    def _tell(self) -> None:
        if _current.attempt is not None and self.sock is not None:
            _current.attempt.uses(self.sock)


class _ObservedHTTP(_Observed, HTTPConnection):
    pass


class _ObservedHTTPS(_Observed, HTTPSConnection):
    pass


class _HTTPPool(HTTPConnectionPool):
    ConnectionCls = _ObservedHTTP


class _HTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _ObservedHTTPS


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, blocksize=_SEND_BLOCK_BYTES, **kwargs)
        self._observe(self.poolmanager)

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> urllib3.ProxyManager:
        manager: urllib3.ProxyManager = super().proxy_manager_for(*args, blocksize=_SEND_BLOCK_BYTES, **kwargs)
        self._observe(manager)
        return manager

    @staticmethod
    def _observe(manager: urllib3.PoolManager) -> None:
        manager.pool_classes_by_scheme = {"http": _HTTPPool, "https": _HTTPSPool}


class _OurHeaderStays(requests.auth.AuthBase):
    """An authentication that changes nothing: with it, requests does not look into `.netrc`."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


def _session() -> requests.Session:
    if _current.session is None:
        session = requests.Session()
        session.auth = _OurHeaderStays()
        session.mount("http://", _Adapter())
        session.mount("https://", _Adapter())
        _current.session = session
    return _current.session


def begin(attempt: Attempt) -> None:
    """The calling thread's next `post` belongs to `attempt`."""
    _current.attempt = attempt


def end() -> None:
    """The calling thread's attempt has ended."""
    if _current.attempt is not None:
        _current.attempt.over()
        _current.attempt = None


def post(url: str, *, timeout: float | None = None, **kwargs: Any) -> requests.Response:
    """`requests.post` with a kept connection, no redirect, no `.netrc`; notes its time, Retry-After and Location."""
    kwargs["allow_redirects"] = False
    began = time.monotonic()
    response = _session().post(url, timeout=(_CONNECT_S, timeout), **kwargs)
    if _current.attempt is not None:
        _current.attempt.answered_s = time.monotonic() - began
        _current.attempt.retry_after = response.headers.get("Retry-After")
        _current.attempt.location = response.headers.get("Location")
    return response


def retry_after_s(header: str | None, now_epoch_s: float) -> float | None:
    """Seconds that a Retry-After header asks for, None if it says nothing.

    It holds a number or an HTTP date (RFC 9110, 10.2.3).
    """
    if header is None:
        return None
    if header.strip().isdecimal():
        return float(header)
    try:
        return max(parsedate_to_datetime(header).timestamp() - now_epoch_s, 0.0)
    except (TypeError, ValueError, OverflowError):
        return None

"""The HTTP under the arize SDK, so that an answer is only ever an answer to our own POST.

The SDK calls `requests.post` once a batch (arize 8.61, utils/arrow.py), and that call alone would
- follow a redirect, turn the POST into a GET that carries the key, and report its 200 as success with nothing stored;
- read `.netrc` and replace the `authorization` header with what it finds there;
- open a connection, with a TLS handshake, for each batch;
- wait for ever on a dripping answer: its timeout is per read;
- lose `Retry-After` on the way;
- take half a head, the page of a portal or the answer to an earlier request for success.

`post` has the signature of `requests.post` and takes its place in a worker's process. Certificates are always verified
as the SDK asks, proxies and REQUESTS_CA_BUNDLE count as ever. `acknowledgement` decides what an acknowledgement
is, and `answer` reads one; this module makes sure that it answers this very POST:

1. A kept connection is used again only if nothing has come on it since the last answer, and for KEPT_S at most.
2. Before the last piece of a request is sent, what has arrived is marked as early: a 2xx that begins there acknowledges
   nothing.
3. A 2xx to a request that could not be sent whole acknowledges nothing.
"""

import socket
import ssl
import threading
import time
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util.ssl_ import create_urllib3_context, resolve_cert_reqs

from ingest.pipeline.arize.acknowledgement import Evidence, Mode, doubt
from ingest.pipeline.arize.answer import Answer, Exchange
from ingest.pipeline.arize.answer_stream import AnswerStream

KEPT_S = 300.0  # the longest use of a connection: addresses, certificates and balancers change
_CONNECT_S = 10.0
_SEND_BLOCK_BYTES = 1024 * 1024  # http.client's 16 KiB would be thousands of writes a batch


class Attempt:
    """One upload attempt as its own thread runs it; another thread may `cut` it at its deadline."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._over = False
        self.cut_off = False
        self.asked = False  # some of the request was sent: without an acknowledgement the rows may be stored or not
        self.status: int | None = None  # of the answer, whatever became of it
        self.retry_after: str | None = None
        self.location: str | None = None
        self.answered_s: float | None = None  # from sending the request until the answer was there

    def cut(self) -> None:
        """Break the connection under the attempt: it fails immediately, also while it waits."""
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
    mode: Mode = "strict"
    host_setting = "ARIZE_API_HOST"
    session: requests.Session | None = None
    evidence: Evidence | None = None

    def cut_off(self) -> bool:
        """The thread's attempt was cut."""
        return self.attempt is not None and self.attempt.cut_off

    def take_evidence(self) -> Evidence:
        """The evidence of the thread's last answer."""
        evidence, self.evidence = self.evidence, None
        assert evidence is not None, "an answer that no connection of ours has read"
        return evidence


_current = _Current()


class UnprovenError(requests.RequestException):
    """A complete 2xx, the `response`, that is no acknowledgement; the text is the reason."""

    response: requests.Response

    def __init__(self, why: str, response: requests.Response) -> None:
        super().__init__(why, response=response)


class UnsendableError(requests.RequestException):
    """The request can't be made of its address and headers. Without a text: it would quote them."""


class _Observed:
    """A connection that knows what of a request it has sent, and gives out no answer to another one.

    It tells the thread's attempt which socket it is on.
    """

    sock: socket.socket | None
    response_class: Any
    _stream: AnswerStream | None = None
    _exchange: Exchange | None = None
    _connected_at = 0.0

    def connect(self) -> None:
        self._exchange, pending = None, self._exchange  # a CONNECT to a proxy is sent meanwhile, and answered
        super().connect()  # type: ignore[misc]
        self._exchange = pending
        self._connected_at = time.monotonic()
        if self.sock is not None:
            self._stream = AnswerStream(self.sock)
        self._tell()

    @property
    def is_connected(self) -> bool:
        """urllib3 asks it before it uses a connection again."""
        return (
            super().is_connected  # type: ignore[misc]  # nothing is readable, an end neither
            and self._stream is not None
            and not self._stream.holds_more
            and time.monotonic() - self._connected_at < KEPT_S
        )

    def putrequest(self, *args: Any, **kwargs: Any) -> None:
        self._tell()
        self._exchange = Exchange()
        super().putrequest(*args, **kwargs)  # type: ignore[misc]

    def putheader(self, header: Any, *values: Any) -> None:
        super().putheader(header, *values)  # type: ignore[misc]
        name = header.lower()
        if self._exchange is not None and name in ("content-length", "transfer-encoding"):
            self._exchange.due_bytes = int(values[0]) if name == "content-length" else None

    def send(self, data: Any) -> None:
        exchange = self._exchange
        if exchange is None:
            super().send(data)  # type: ignore[misc]
            return
        if self.sock is None:
            self.connect()
        if _current.attempt is not None:
            _current.attempt.asked = True
        last = exchange.is_last(data)
        if last and self._stream is not None:
            self._stream.take_early()
        super().send(data)  # type: ignore[misc]
        exchange.sent_whole = last

    def getresponse(self) -> Any:
        exchange, self._exchange = self._exchange, None
        if exchange is None or self._stream is None:
            return super().getresponse()  # type: ignore[misc]  # it raises: nothing was asked
        exchange.bears_ragged_end = _current.mode == "status"
        self.response_class = partial(Answer, exchange, self._stream, _current.cut_off)
        try:
            response = super().getresponse()  # type: ignore[misc]
        finally:
            del self.response_class  # a CONNECT to a proxy is read by http.client's own
        _current.evidence = exchange.evidence
        return response

    def _tell(self) -> None:
        if _current.attempt is not None and self.sock is not None:
            _current.attempt.uses(self.sock)


class _ObservedHTTP(_Observed, HTTPConnection):
    pass


class _ObservedHTTPS(_Observed, HTTPSConnection):
    def connect(self) -> None:
        # As urllib3 makes one, but without an option that Python sets: it hides an end without close_notify.
        # A new one each time, as the certificates may be others by now.
        context = create_urllib3_context(cert_reqs=resolve_cert_reqs(self.cert_reqs))
        context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
        if not (self.ca_certs or self.ca_cert_dir or self.ca_cert_data):
            context.load_default_certs()
        self.ssl_context = context
        super().connect()


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
        session.headers["Accept-Encoding"] = "identity"
        session.mount("http://", _Adapter())
        session.mount("https://", _Adapter())
        _current.session = session
    return _current.session


def begin(attempt: Attempt, mode: Mode = "strict", host_setting: str = "ARIZE_API_HOST") -> None:
    """The calling thread's next `post` belongs to `attempt`; `mode` decides what acknowledges it.

    `host_setting` is what sets the address: what to check when it is wrong.
    """
    _current.attempt = attempt
    _current.host_setting = host_setting
    _current.mode = mode


def end() -> None:
    """The calling thread's attempt has ended."""
    _current.mode, _current.host_setting = "strict", "ARIZE_API_HOST"
    if _current.attempt is not None:
        _current.attempt.over()
        _current.attempt = None


def close_connections() -> None:
    """Close the calling thread's kept connections; its next `post` makes another."""
    if _current.session is not None:
        _current.session.close()


def post(url: str, *, timeout: float | None = None, **kwargs: Any) -> requests.Response:
    """`requests.post` with a kept connection, no redirect, no `.netrc`; notes its time, Retry-After and Location.

    Each answer is complete, and a 2xx is an acknowledgement. Raises `UnprovenError` for any other 2xx, and
    `requests.RequestException` as ever, also for an answer that is incomplete or not HTTP; `OSError` when there are no
    certificates to verify with.
    """
    kwargs["allow_redirects"] = False
    began = time.monotonic()
    _current.evidence = None
    try:
        response = _session().post(url, timeout=(_CONNECT_S, timeout), **kwargs)
    except requests.RequestException:
        raise
    except (ValueError, urllib3.exceptions.HTTPError):
        raise UnsendableError from None
    if _current.attempt is not None:
        _current.attempt.answered_s = time.monotonic() - began
        _current.attempt.status = response.status_code
        _current.attempt.retry_after = response.headers.get("Retry-After")
        _current.attempt.location = response.headers.get("Location")
    if 200 <= response.status_code < 300:
        why = doubt(_current.take_evidence(), _current.mode, _current.host_setting)
        if why is not None:
            close_connections()
            raise UnprovenError(why, response=response)
    return response


def retry_after_s(header: str | None, now_epoch_s: float) -> float | None:
    """Seconds that a Retry-After header asks for, None if it can't be read.

    It holds a number or an HTTP date (RFC 9110, 10.2.3).
    """
    if header is None:
        return None
    text = header.strip()
    if text.isascii() and text.isdecimal():
        return float(text)
    try:
        return max(parsedate_to_datetime(header).timestamp() - now_epoch_s, 0.0)
    except (TypeError, ValueError, OverflowError):
        return None

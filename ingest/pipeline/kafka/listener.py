"""Asks an address what it is: a Kafka listener with or without TLS and SASL, another server, or nothing.

It is asked only to explain why a client gets no answer: librdkafka then often reports no more than that a broker is
down. Two requests that need no login are sent, ApiVersions and SaslHandshake; no user, password or token is.

Rules
1. Without TLS first if the client has none, with TLS first if it has: what the client does is judged.
2. A certificate is verified as the client would: by ssl.ca.location, else by the system's authorities, and by the name.
   A listener whose certificate fails is still asked, without verification, what it wants.
3. A server that closes without an answer is asked whether it is ZooKeeper.
4. An address is asked for a few seconds at most: each wait has its limit.
"""

import contextlib
import socket
import ssl
import struct
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from ingest.pipeline.kafka.faults import Answer, Listener, shown_bytes
from ingest.pipeline.kafka.login import Login

_CONNECT_S = 2.0
_ANSWER_S = 1.0
_API_VERSIONS, _SASL_HANDSHAKE, _METADATA = 18, 17, 3
_MOST_BYTES = 2**16
_CLIENT = b"ingest"
_NO_SASL = 34  # ILLEGAL_SASL_STATE
_ALERT = b"\x15\x03"


class _Closed(Exception):  # noqa: N818  an answer, too
    """The server closed, before it sent a whole answer."""


def ask(host: str, port: int, how: Login, options: Mapping[str, object]) -> Listener:
    """What answers at `host` and `port` to a client with the login `how`, that `options` of librdkafka describe."""
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    if (absent := _absent(address, host, port)) is not None:
        return absent
    if how.tls:
        found = _with_tls(address, host, port, _context(how, options))
        if found.tls and found.detail:
            return replace(found, mechanisms=_with_tls(address, host, port, _unverified()).mechanisms)
        return found if found.tls else _without_tls(address, host, port)
    found = _without_tls(address, host, port)
    if found.answer in {"closed", "tls"} and (over_tls := _with_tls(address, host, port, _unverified())).tls:
        # A certificate that is missing is told by its own words once TLS is set.
        return replace(over_tls, detail="")
    if found.answer == "closed" and _is_zookeeper(host, port):
        return Listener(address, "zookeeper")
    return found


def _absent(address: str, host: str, port: int) -> Listener | None:
    """Why no connection can be made; None if one can."""
    try:
        socket.create_connection((host, port), timeout=_CONNECT_S).close()
    except socket.gaierror as unknown:
        return Listener(address, "unknown", (unknown.strerror or "no address").lower())
    except ConnectionRefusedError:
        return Listener(address, "refused", "connection refused")
    except TimeoutError:
        return Listener(address, "failed", f"no answer within {_CONNECT_S:g} s")
    except (OSError, UnicodeError) as failed:
        return Listener(address, "failed", str(getattr(failed, "strerror", None) or failed).lower())
    return None


def _without_tls(address: str, host: str, port: int) -> Listener:
    try:
        with socket.create_connection((host, port), timeout=_CONNECT_S) as connection:
            connection.settimeout(_ANSWER_S)
            return _asked(address, connection, tls=False)
    except OSError:
        return Listener(address, "closed")


def _with_tls(address: str, host: str, port: int, context: ssl.SSLContext) -> Listener:
    try:
        with (
            socket.create_connection((host, port), timeout=_CONNECT_S) as plain,
            _handshake(context, plain, host) as connection,
        ):
            connection.settimeout(_ANSWER_S)
            return _asked(address, connection, tls=True)
    except ssl.SSLCertVerificationError as refused:
        return Listener(address, "tls", refused.verify_message, tls=True)
    except ssl.SSLError as failed:
        reason = (failed.reason or str(failed)).lower().replace("_", " ")
        # An alert is an answer in TLS; anything else is none.
        return Listener(address, "tls", reason, tls=True) if "alert" in reason else Listener(address, "closed")
    except (OSError, ValueError):
        return Listener(address, "closed")


def _handshake(context: ssl.SSLContext, plain: socket.socket, host: str) -> ssl.SSLSocket:
    plain.settimeout(_ANSWER_S)
    return context.wrap_socket(plain, server_hostname=host)


def _asked(address: str, connection: socket.socket, *, tls: bool) -> Listener:
    """What the server on an open connection is."""
    try:
        answer = _request(connection, _API_VERSIONS, 0, b"")
    except TimeoutError:
        return Listener(address, "silent", tls=tls)
    except ssl.SSLError as alert:  # with TLS 1.3 a refused certificate is told after the handshake
        return Listener(address, "tls", (alert.reason or str(alert)).lower().replace("_", " "), tls=tls)
    except (_Closed, OSError) as closed:
        first = closed.args[0] if isinstance(closed, _Closed) else b""
        return Listener(address, _kind(first), shown_bytes(first) if _kind(first) == "other" else "", tls=tls)
    if answer is None:
        return Listener(address, "other", '"...."', tls=tls)
    if _METADATA not in _offered(answer):
        return Listener(address, "controller", tls=tls)
    return Listener(address, "kafka", tls=tls, mechanisms=_mechanisms(connection))


def _kind(first: bytes) -> Answer:
    if first.startswith(b"HTTP"):
        return "http"
    if first.startswith(b"SSH-"):
        return "ssh"
    if first.startswith(_ALERT):
        return "tls"
    return "other" if first else "closed"


def _request(connection: socket.socket, api: int, version: int, body: bytes) -> bytes | None:
    """The body of the answer; None if the answer is not of Kafka's form. Raises _Closed with what came instead."""
    head = struct.pack(">hhih", api, version, api, len(_CLIENT)) + _CLIENT
    message = head + body
    connection.sendall(struct.pack(">i", len(message)) + message)
    first = _receive(connection, 4)
    (length,) = struct.unpack(">i", first)
    if not 4 <= length <= _MOST_BYTES:
        raise _Closed(first)
    answer = _receive(connection, length)
    return answer[4:] if answer[:4] == struct.pack(">i", api) else None


def _receive(connection: socket.socket, length: int) -> bytes:
    found = b""
    while len(found) < length:
        more = connection.recv(length - len(found))
        if not more:
            raise _Closed(found)
        found += more
    return found


def _offered(answer: bytes) -> set[int]:
    """The keys of the requests in an answer to ApiVersions, version 0."""
    if len(answer) < 6:
        return set()
    error, count = struct.unpack_from(">hi", answer)
    if error or not 0 <= count <= (len(answer) - 6) // 6:
        return {_METADATA}
    return {struct.unpack_from(">hhh", answer, 6 + 6 * place)[0] for place in range(count)}


def _mechanisms(connection: socket.socket) -> tuple[str, ...] | None:
    """The mechanisms that a listener has; empty if it has no SASL, None if it does not tell."""
    try:
        # A mechanism that no broker has: it answers with those that it has.
        answer = _request(connection, _SASL_HANDSHAKE, 1, struct.pack(">h", 4) + b"NONE")
        if answer is None:
            return None
        error, count = struct.unpack_from(">hi", answer)
        if error == _NO_SASL:
            return ()
        found, place = [], 6
        for _ in range(count):
            (length,) = struct.unpack_from(">h", answer, place)
            found.append(answer[place + 2 : place + 2 + length].decode("ascii", "replace"))
            place += 2 + length
    except (_Closed, OSError, struct.error):
        return None
    return tuple(sorted(found)) or None


def _is_zookeeper(host: str, port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=_CONNECT_S) as connection:
        connection.settimeout(_ANSWER_S)
        connection.sendall(b"srvr")
        return b"ookeeper" in connection.recv(256)
    return False


def _unverified() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _context(how: Login, options: Mapping[str, object]) -> ssl.SSLContext:
    """Verifies as the client does, as far as it can be told from the options."""
    if not how.verifies:
        context = _unverified()
    else:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = how.checks_name
        pem = str(options.get("ssl.ca.pem", ""))
        try:
            if pem:
                context.load_verify_locations(cadata=pem)
            elif how.ca and how.ca != "probe":
                where = "capath" if Path(how.ca).is_dir() else "cafile"
                context.load_verify_locations(**{where: how.ca})
            else:
                context.load_default_certs()
        except (OSError, ssl.SSLError):  # a form that only librdkafka reads
            context = _unverified()
    certificate, key = options.get("ssl.certificate.location"), options.get("ssl.key.location")
    if certificate:
        password = str(options.get("ssl.key.password", ""))
        with contextlib.suppress(OSError, ssl.SSLError):
            context.load_cert_chain(str(certificate), str(key) if key else None, lambda: password)
    return context

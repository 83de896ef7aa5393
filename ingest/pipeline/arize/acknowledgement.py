"""Decides whether an answer is an acknowledgement.

Rules
1. Only a 2xx can be one, and only if it is complete by RFC 9112, section 8; `answer` makes sure of that.
2. It answers this very POST: the request was sent to its last byte, and the status came after all but its last piece.
3. "strict": its body is empty or complete JSON, whatever its Content-Type; white space and a byte order mark around it
   do not count. Nothing more is known of Arize's answers, and the SDK takes any JSON, and an empty body, for success
   too. Anything else is the page of a proxy or a portal.
4. "status": the body does not matter.
5. Everything else is ambiguous: the rows may be stored or not, so they are sent again.
6. No text here quotes the body.
"""

import json
import zlib
from dataclasses import dataclass
from typing import Literal

Mode = Literal["strict", "status"]

BODY_BYTES_MOST = 2**20  # on the wire, and decoded
_CODINGS_MOST = 3
_MEMBERS_MOST = 100
_BYTE_ORDER_MARK = "\ufeff"


class UndecodableError(Exception):
    """The body can't be decoded as its Content-Encoding says; the text says why."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of a complete answer.

    `sent_whole`: the request was sent to its last byte. `early`: its status arrived before the request's last piece was
    sent. `body` is decoded, or `undecodable` says why it is not.
    """

    status: int
    body: bytes
    sent_whole: bool = True
    early: bool = False
    undecodable: str = ""


def doubt(seen: Evidence, mode: Mode, host_setting: str = "ARIZE_API_HOST") -> str | None:
    """Why this 2xx is no acknowledgement, or None: then it is one. `host_setting` is what sets the address."""
    status = f"HTTP {seen.status}"
    if not seen.sent_whole:
        return f"{status} though the request could not be sent whole; that is no acknowledgement"
    if seen.early:
        return f"{status} that came before the request was sent; it can't answer it, that is no acknowledgement"
    if mode == "status":
        return None
    what = seen.undecodable and f"body is not readable: {seen.undecodable}"
    if not what and not _is_empty_or_json(seen.body):
        what = f"body is {_content_of(seen.body)}, neither empty nor JSON: a proxy or portal answered, not Arize"
    if not what:
        return None
    return (
        f"{status} whose {what}; that is no acknowledgement. Check {host_setting} and the proxies; if this gateway "
        'stores what it answers so, set [arize] acknowledgement = "status"'
    )


def _is_empty_or_json(body: bytes) -> bool:
    # Where a byte is not of the encoding, JSON is still JSON: only strings can hold such a byte.
    text = body.decode(json.detect_encoding(body), errors="replace").strip().strip(_BYTE_ORDER_MARK).strip()
    if not text:
        return True
    try:
        json.loads(text, parse_int=str, parse_float=str)  # Python refuses to convert 5,000 digits
    except (ValueError, RecursionError):
        return False
    return True


def _content_of(body: bytes) -> str:
    start = body[:1024].lower()
    if b"<html" in start or b"<!doctype html" in start:
        return "HTML"
    return "text or binary"


def decoded(body: bytes, content_encoding: str) -> bytes:
    """The body without its Content-Encoding. Raises `UndecodableError`; never holds more than BODY_BYTES_MOST."""
    codings = [coding.strip().lower() for coding in content_encoding.split(",")]
    codings = [coding for coding in codings if coding not in ("", "identity")]
    if len(codings) > _CODINGS_MOST:
        raise UndecodableError(f"it is encoded more than {_CODINGS_MOST} times")
    for coding in reversed(codings):
        if not body:
            break
        if coding in ("gzip", "x-gzip"):
            body = _inflated(body, 16 + zlib.MAX_WBITS)
        elif coding == "deflate":
            # By the standard it has zlib's header; some servers leave it away.
            has_header = body[0] & 0x0F == 8 and int.from_bytes(body[:2]) % 31 == 0
            body = _inflated(body, zlib.MAX_WBITS if has_header else -zlib.MAX_WBITS)
        else:
            raise UndecodableError("it has a Content-Encoding that was not asked for, other than gzip and deflate")
    return body


def _inflated(body: bytes, window_bits: int) -> bytes:
    found = b""
    for _ in range(_MEMBERS_MOST):
        inflater = zlib.decompressobj(window_bits)
        try:
            found += inflater.decompress(body, BODY_BYTES_MOST + 1 - len(found))
        except zlib.error:
            raise UndecodableError("its compressed data is damaged") from None
        if len(found) > BODY_BYTES_MOST:
            raise UndecodableError(f"it is longer than {BODY_BYTES_MOST // 1024} KiB when it is decoded")
        if not inflater.eof:
            raise UndecodableError("its compressed data is cut off")
        body = inflater.unused_data.lstrip(b"\0")  # padding
        if not body:
            return found
    raise UndecodableError(f"its compressed data has more than {_MEMBERS_MOST} members")

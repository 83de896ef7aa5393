"""Asks a running supervisor for its snapshot over HTTP, and finds out which ones run.

Rules
1. An address that is given is asked and no other. Else those of the runs of this user on this machine, by the files of
   `web.runtime_file`; else that of [status].
2. Nothing is sent but the request: no cookie, no token. A proxy of the environment is not used, as a status page is
   near. Redirects are not followed.
3. An answer of a newer or older version is read as far as the fields are known; one that is no snapshot is no answer.
"""

import http.client
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from urllib.parse import urlsplit

from pydantic import TypeAdapter, ValidationError

from ingest.errors import ExitCode, FatalError, IngestError
from ingest.status import formatting
from ingest.status.health import Verdict
from ingest.status.snapshot import Snapshot
from ingest.status.web import runtime_file
from ingest.status.web.runtime_file import Running

TIMEOUT_S = 3.0
STARTING = "the run is starting"
NOTHING = (
    "Is ingest supervise running, with [status] enabled? Its first lines have the address of its page: give it with "
    "--url. Runs of other users and in containers are found by their address only."
)
_MOST_BYTES = 64 * 2**20


class NoAnswerError(IngestError):
    """Nothing at the address answers as a supervisor of this version does; the text says why, in a few words."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A snapshot, and the JSON it was read from."""

    snapshot: Snapshot
    content: str


def address(url: str) -> str:
    """The base of a page's address; `host:9410` is `http://host:9410`. Raises FatalError (USAGE)."""
    base = url if "://" in url else f"http://{url}"
    try:
        split = urlsplit(base)
        if split.scheme in {"http", "https"} and split.hostname and split.port != 0:
            return base.rstrip("/")
    except ValueError:
        pass
    raise FatalError(f"--url {url}: write it as http://HOST:PORT", exit_code=ExitCode.USAGE)


def of_config(host: str, port: int) -> str:
    """The address of [status]. A port of 0 is known by the runtime file alone."""
    near = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    return f"http://{f'[{near}]' if ':' in near else near}:{port}"


def running() -> tuple[Running, ...]:
    """The runs of this user on this machine."""
    return runtime_file.find()


def named(found: Sequence[Running]) -> str:
    """A line for each run."""
    return "\n".join(
        f"  {one.url}  pid {one.pid}, group {one.group}, {formatting.names('topic', one.topics)}" for one in found
    )


def ask(base: str, timeout_s: float = TIMEOUT_S) -> Answer:
    """The newest snapshot of the run at `base`. Raises NoAnswerError."""
    status, content = _get(base, "/api/status", timeout_s)
    if status == http.client.SERVICE_UNAVAILABLE:
        raise NoAnswerError(STARTING)
    if status != http.client.OK:
        raise NoAnswerError(f"HTTP {status}: it is not the page of a run, or it refuses this address")
    try:
        return Answer(_adapter().validate_json(content), content.decode())
    except (ValidationError, UnicodeDecodeError):
        raise NoAnswerError("what answers there is not the page of a run") from None


def ready(base: str, timeout_s: float = TIMEOUT_S) -> Verdict:
    """What the run itself says to `/readyz`. Raises NoAnswerError."""
    status, content = _get(base, "/readyz", timeout_s)
    try:
        found = json.loads(content)
        ok = status == http.client.OK and bool(found["ok"])
        return Verdict(ok, *(tuple(map(str, found.get(name, ()))) for name in ("reasons", "notes")))
    except (ValueError, KeyError, TypeError):
        raise NoAnswerError(f"HTTP {status} from /readyz") from None


@cache
def _adapter() -> TypeAdapter[Snapshot]:
    return TypeAdapter(Snapshot)


def _get(base: str, path: str, timeout_s: float) -> tuple[int, bytes]:
    split = urlsplit(base)
    kind = http.client.HTTPSConnection if split.scheme == "https" else http.client.HTTPConnection
    connection = kind(split.hostname or "", split.port, timeout=timeout_s)
    try:
        connection.request("GET", split.path + path, headers={"accept": "application/json"})
        answer = connection.getresponse()
        return answer.status, answer.read(_MOST_BYTES)
    except TimeoutError:
        raise NoAnswerError(f"nothing came within {timeout_s:g} s") from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise NoAnswerError(str(reason)) from None
    finally:
        connection.close()

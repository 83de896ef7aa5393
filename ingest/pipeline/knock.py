"""One request to Arize that holds no row: whether it is there, and whether it refuses the key, before anything is sent.

The request is an upload's in everything but its body, which is empty: nothing in it can be stored. Arize does not
document whether it looks at the key before the rows, so an answer other than 401 and 403 is no proof of the key.
"""

from dataclasses import dataclass

import requests
from pydantic import SecretStr

from ingest.errors import RetryableError
from ingest.pipeline import transport
from ingest.pipeline.log import address

_TIMEOUT_S = 15.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What the endpoint said: an HTTP status, where a redirect leads to, and its own time (a Date header)."""

    endpoint: str
    status: int
    location: str | None
    date: str | None


def knock(key: SecretStr, space_id: str) -> Answer:
    """Ask the endpoint of the SDK's settings.

    Raises ConfigError when the SDK refuses its settings, RetryableError when nobody answers.
    """
    url, headers, verify = address(key.get_secret_value())
    said = {"arize-space-id": space_id, "arize-interface": "batch", "number-of-rows": "0"}
    try:
        response = transport.post(url, timeout=_TIMEOUT_S, data=b"", headers={**headers, **said}, verify=verify)
    except requests.RequestException as failed:
        raise RetryableError(f"{url}: {_cause(failed)}") from None
    return Answer(url, response.status_code, response.headers.get("Location"), response.headers.get("Date"))


def _cause(failed: requests.RequestException) -> str:
    cause: BaseException = failed
    while (inner := cause.__cause__ or cause.__context__) is not None and inner is not cause:
        cause = inner
    return f"{type(failed).__name__}: {cause}"[:300]

"""A request to Arize without rows: is the endpoint there, and does it refuse the key?

The request is that of an upload with an empty body: nothing in it can be stored. Arize does not document whether it
checks the key before the rows, so an answer other than 401 and 403 is no proof of the key.

It has a connection of its own. One that was kept from the request before may just be ended by the other side, which
looks like a fault of the endpoint: an upload is repeated then, a check has only one answer.
"""

import threading
from dataclasses import dataclass

import requests
from pydantic import SecretStr

from ingest.config.arize_access import address_settings
from ingest.config.sections import Arize
from ingest.errors import RetryableError
from ingest.pipeline.arize import transport
from ingest.pipeline.arize.failure_text import cleaned, failure_text, without_url_logins
from ingest.pipeline.arize.uploader import address

_TIMEOUT_S = 15.0
_GRACE_S = 1.0  # the request's own timeout comes first


@dataclass(frozen=True, slots=True)
class ProbeAnswer:
    """The endpoint's answer: its HTTP status, the target of a redirect, and its own time (the Date header).

    `unproven` is why its 2xx would not acknowledge a batch, and is empty otherwise.
    """

    endpoint: str
    status: int
    location: str | None
    date: str | None
    unproven: str = ""


def probe(key: SecretStr, space_id: str, arize: Arize) -> ProbeAnswer:
    """Send one empty request to the endpoint of [arize] and the SDK's settings.

    Raises ConfigError when the SDK refuses its settings, RetryableError when there is no answer.
    """
    url, headers, verify = address(key.get_secret_value(), arize)
    secrets = (key.get_secret_value(), space_id)
    own_headers = {"arize-space-id": space_id, "arize-interface": "batch", "number-of-rows": "0"}
    attempt = transport.Attempt()
    deadline = threading.Timer(_TIMEOUT_S + _GRACE_S, attempt.cut)
    deadline.daemon = True
    deadline.start()
    settings = address_settings(arize)
    transport.begin(attempt, arize.acknowledgement, settings.host)
    unproven = ""
    try:
        response = transport.post(url, timeout=_TIMEOUT_S, data=b"", headers={**headers, **own_headers}, verify=verify)
    except transport.UnprovenError as answered:
        response, unproven = answered.response, str(answered)
    except (requests.RequestException, OSError) as failed:
        why = f"no complete answer within {_TIMEOUT_S:g} s"
        if not attempt.cut_off:
            why = failure_text(failed, secrets, url, settings)
        raise RetryableError(f"{without_url_logins(url)}: {why}") from None
    finally:
        transport.end()
        transport.close_connections()
        deadline.cancel()
    location = response.headers.get("Location")
    return ProbeAnswer(
        without_url_logins(url),
        response.status_code,
        None if location is None else cleaned(location, secrets),
        response.headers.get("Date"),
        unproven,
    )

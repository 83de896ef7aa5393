"""Settings of Arize that may come from the environment: the key, the space, and the age of predictions.

Secrets come from the environment or from a `*_file` key, never from a flag. Arize's own variables for the endpoint
(`ARIZE_API_HOST`, `ARIZE_API_SCHEME`, `ARIZE_API_PORT`, `ARIZE_REGION`) are read by the arize SDK itself.
"""

import os

from pydantic import SecretStr

from ingest.config.credentials import HEADER_ADVICE, header_fault, read_secret, stripped, without_logins
from ingest.config.sections import Arize
from ingest.errors import ConfigError

REGIONS = ("ca-central-1a", "eu-west-1a", "us-central-1a", "us-east-1b")  # the SDK's, which takes a second to import


def api_key(arize: Arize) -> SecretStr | None:
    """The Arize key: a key file (read anew at each call, so that it can be rotated), else the environment.

    Raises `ConfigError` for a file that can't be used and for a key that can't be an HTTP header value.
    """
    if (file := arize.api_key_file) is not None:
        key = read_secret("[arize] api_key_file", str(file))
        return SecretStr(_header_value(f"[arize] api_key_file = {file}", key))
    key = _header_value("ARIZE_API_KEY", stripped(os.environ.get("ARIZE_API_KEY", "")))
    return SecretStr(key) if key else None


def space_id(arize: Arize) -> str:
    """The Arize space: the configured one, else ARIZE_SPACE_ID.

    Raises `ConfigError` for a variable that can't be an HTTP header value.
    """
    if arize.space_id:
        return arize.space_id
    return _header_value("ARIZE_SPACE_ID", stripped(os.environ.get("ARIZE_SPACE_ID", "")))


def max_past_years() -> int:
    """The maximum age of a prediction: the SDK's own ARIZE_MAX_PAST_YEARS, else its 5 years. Raises `ConfigError`."""
    value = os.environ.get("ARIZE_MAX_PAST_YEARS", "5")
    if not value.strip().isdecimal() or int(value) < 1:
        raise ConfigError("ARIZE_MAX_PAST_YEARS: not a number of years, 1 or more")
    return int(value)


def endpoint_faults() -> list[str]:
    """ARIZE_* variables that name no endpoint: a host with a scheme or a path, a region that does not exist."""
    faults = []
    if (region := os.environ.get("ARIZE_REGION", "")) and region not in REGIONS:
        faults.append(f'ARIZE_REGION="{region}" is not a region: set it to one of {", ".join(REGIONS)}')
    for name in ("ARIZE_API_HOST", "ARIZE_SINGLE_HOST"):
        value = os.environ.get(name, "").strip()
        scheme, found, rest = value.partition("://")
        host = rest if found else value
        if found or "/" in host:
            bare, _, port = without_logins(host).partition("/")[0].partition(":")
            more = [f'ARIZE_API_SCHEME="{scheme.lower()}"'] if found else []
            more += [f'ARIZE_API_PORT="{port}"'] if port else []
            also = f", and {' and '.join(more)}" if more else ""
            faults.append(
                f'{name} is the host alone, without {"a scheme" if found else "a path"}: set {name}="{bare}"{also}'
            )
    return faults


def _header_value(name: str, value: str) -> str:
    if fault := header_fault(value):
        raise ConfigError(f"{name}: {fault}; {HEADER_ADVICE}")
    return value

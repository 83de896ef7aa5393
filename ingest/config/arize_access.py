"""Settings of Arize that may come from the environment: the key, the space, and the age of predictions.

Secrets come from the environment or from a `*_file` key, never from a flag. For the endpoint, [arize] and Arize's own
variables: `ingest.config.arize_endpoint`.
"""

import os

from pydantic import SecretStr

from ingest.config import arize_endpoint
from ingest.config.arize_address import Endpoint
from ingest.config.arize_endpoint import AddressSettings
from ingest.config.credentials import HEADER_ADVICE, header_fault, read_secret, stripped
from ingest.config.sections import Arize
from ingest.errors import ConfigError


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


def endpoint(arize: Arize) -> Endpoint:
    """The endpoint of the uploads; what is empty in it, the SDK has. Raises `ConfigError` with every fault."""
    return arize_endpoint.endpoint(arize, os.environ)


def address_settings(arize: Arize) -> AddressSettings:
    """What sets the endpoint, to be named where it is wrong."""
    return arize_endpoint.address_settings(arize, os.environ)


def credential_settings(arize: Arize) -> str:
    """What sets the key and the space, to be named where they are refused."""
    key = "ARIZE_API_KEY" if arize.api_key_file is None else "[arize] api_key_file"
    return f"{key} and {'[arize] space_id' if arize.space_id else 'ARIZE_SPACE_ID'}"


def max_past_years() -> int:
    """The maximum age of a prediction: the SDK's own ARIZE_MAX_PAST_YEARS, else its 5 years. Raises `ConfigError`."""
    value = os.environ.get("ARIZE_MAX_PAST_YEARS", "5")
    if not value.strip().isdecimal() or int(value) < 1:
        raise ConfigError("ARIZE_MAX_PAST_YEARS: not a number of years, 1 or more")
    return int(value)


def _header_value(name: str, value: str) -> str:
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        raise ConfigError(f"{name}: it stands in quotation marks, which a shell removes and an env file keeps")
    if fault := header_fault(value):
        raise ConfigError(f"{name}: {fault}; {HEADER_ADVICE}")
    return value

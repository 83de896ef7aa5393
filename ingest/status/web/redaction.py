"""The effective configuration for people to look at, without a secret.

Rules
1. A secret value, and an option of librdkafka whose name holds a secret, is shown as `***`: that it is set is visible.
2. Every other option of librdkafka is shown, but not a value of several lines: certificates and keys may stand in them.
3. Names of files are shown, their content is not.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, SecretStr

from ingest.config.credentials import is_secret
from ingest.config.settings import Config
from ingest.status.web.published import ConfigView

REMOVED = "***"


def redacted(config: Config) -> ConfigView:
    """Section -> key -> value of `config`, as the file would have it."""
    view: dict[str, Mapping[str, Any]] = {}
    for name, info in type(config).model_fields.items():
        section = getattr(config, name)
        shown = (
            _model(section) if isinstance(section, BaseModel) else {key: _plain(one) for key, one in section.items()}
        )
        view[info.alias or name] = shown
    return view


def _model(model: BaseModel) -> dict[str, Any]:
    return {name: _value(name, getattr(model, name)) for name in type(model).model_fields}


def _value(name: str, value: Any) -> Any:
    return _options(value) if name == "options" and isinstance(value, Mapping) else _plain(value)


def _options(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: REMOVED if is_secret(name) or "\n" in str(value) else value for name, value in options.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, SecretStr):
        return REMOVED if value.get_secret_value() else ""
    if isinstance(value, BaseModel):
        return _model(value)
    if isinstance(value, Mapping):
        return {str(key): _value(str(key), one) for key, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(one) for one in value]
    return value if isinstance(value, str | int | float | bool) or value is None else str(value)

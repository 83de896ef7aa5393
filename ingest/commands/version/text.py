"""The versions as text and as JSON."""

import json
from collections.abc import Mapping

_NAMES = {"confluent_kafka": "confluent-kafka", "arize": "arize SDK", "fast_lane": "fast lane"}


def as_json(versions: Mapping[str, str]) -> str:
    """One object."""
    return json.dumps(versions)


def as_text(versions: Mapping[str, str]) -> str:
    """A line for each, `ingest VERSION` first. The lanes are one line."""
    shown = {_NAMES.get(name, name): version for name, version in versions.items() if name != "orjson_reason"}
    del shown["lane"]
    reason = versions["orjson_reason"]
    shown["fast lane"] = f"off: {reason}" if reason else f"{versions['fast_lane']} (in use)"
    width = max(map(len, shown)) + 1
    return "\n".join(f"{name:{width if name != 'ingest' else 0}} {version}" for name, version in shown.items())

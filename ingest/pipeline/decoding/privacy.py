"""Excluded keys are dropped and hashed ones replaced, before anything is sent or written to the dead letters.

Rules
1. `exclude` and `hash` are patterns of paths (`user.*`, `*.email`), applied to the leaves of a message.
2. A hash is keyed (BLAKE2b with a secret key, 128 bits, hexadecimal) and stable: equal values stay equal, across
   workers, runs and types of storage, so joins and cardinalities survive. Without the key, values can't be tried
   against it. A value is hashed as its JSON text, so 1, 1.0 and "1" have different hashes.
3. Dead letters get the same treatment: the message is parsed, its leaves dropped or replaced. A message that can't be
   parsed is written without its value; the dead letter has the topic, partition and offset where the value still is.
4. Kafka keys and headers are no leaves of the message: they are sent only where [schema.kafka] asks for them.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import SecretStr

from ingest.config.credentials import read_secret
from ingest.config.patterns import MATCHES_NOTHING, matcher
from ingest.config.schema import Schema
from ingest.pipeline.decoding.flatten import Row


class Privacy:
    """Applies `exclude` and `hash`. `key` is needed as soon as anything is hashed."""

    def __init__(self, exclude: Iterable[str] = (), hashed: Iterable[str] = (), key: SecretStr | None = None) -> None:
        self._exclude = matcher(exclude)
        self._hash = matcher(hashed)
        self._key = key.get_secret_value().encode()[:64] if key is not None else b""
        self._actions: dict[str, str] = {}
        self.hashes = self._hash.pattern != MATCHES_NOTHING
        self.active = self.hashes or self._exclude.pattern != MATCHES_NOTHING

    def replaces(self, path: str) -> bool:
        """The values under `path` are hashed."""
        return self.hashes and self._action(path) == "hash"

    def digest(self, value: object) -> str | None:
        """The stable, keyed hash of one JSON value; None stays None."""
        if value is None:
            return None
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
        return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), key=self._key, digest_size=16).hexdigest()

    def redact(self, row: Mapping[str, Any]) -> Row:
        """A copy of a parsed message, its excluded keys dropped and its hashed values replaced."""
        return self._redact(row, "")

    def _redact(self, row: Mapping[str, Any], prefix: str) -> Row:
        kept: Row = {}
        for key, value in row.items():
            path = prefix + key
            action = self._action(path)
            if action == "exclude":
                continue
            if isinstance(value, dict) and value:
                kept[key] = self._redact(value, path + ".")
            elif action == "hash":
                kept[key] = self.digest(value)
            else:
                kept[key] = value
        return kept

    def _action(self, path: str) -> str:
        action = self._actions.get(path)
        if action is None:
            action = "exclude" if self._exclude.fullmatch(path) else "hash" if self._hash.fullmatch(path) else "send"
            if len(self._actions) >= 10_000:
                self._actions.clear()
            self._actions[path] = action
        return action


def privacy_of(schema: Schema) -> Privacy:
    """The privacy settings of [schema]. Raises ConfigError when the key of the hashes can't be read."""
    key = None
    if schema.hash_key_file is not None:
        key = SecretStr(read_secret("[schema] hash_key_file", str(schema.hash_key_file), keep_bom=True))
    return Privacy(schema.exclude, schema.hash, key)

"""What the page's thread may read of a run: frozen values that the supervisor's loop replaces.

Rules
1. The supervisor's loop writes, the page's thread reads. A value is replaced as a whole and never changed, so neither
   side takes a lock or waits.
2. The JSON of a snapshot is made once, by whoever asks first, however many clients read it.
3. An account is made at the end, as Kafka is asked for it. Until then there is what workers have reported as committed,
   of the newest snapshot: it is a part of the account, and never more.
"""

import dataclasses
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ingest.accounting.run_account import RunAccount
from ingest.status.account import as_json
from ingest.status.snapshot import Snapshot

ConfigView = Mapping[str, Mapping[str, Any]]
"""Section -> key -> value, with every secret removed."""


class Published:
    """The newest state of a run. `config` is shown as it is: it holds no secret."""

    def __init__(self, config: ConfigView | None = None) -> None:
        self.config: ConfigView = config or {}
        self._snapshot: Snapshot | None = None
        self._accounts: tuple[RunAccount, ...] = ()
        self._accounts_at = datetime.now(UTC)
        self._encoded: tuple[Snapshot, bytes] | None = None

    @property
    def snapshot(self) -> Snapshot | None:
        """The newest snapshot; None before the first one."""
        return self._snapshot

    @property
    def accounts(self) -> tuple[RunAccount, ...]:
        """The final account of each topic; empty while the run goes on."""
        return self._accounts

    def publish(self, snapshot: Snapshot) -> None:
        """Replace the snapshot."""
        self._snapshot = snapshot

    def publish_accounts(self, accounts: tuple[RunAccount, ...]) -> None:
        """The run has ended with these."""
        self._accounts, self._accounts_at = accounts, datetime.now(UTC)

    def status(self) -> bytes | None:
        """The JSON of the newest snapshot; None before the first one."""
        snapshot, encoded = self._snapshot, self._encoded
        if snapshot is None:
            return None
        if encoded is None or encoded[0] is not snapshot:
            encoded = self._encoded = (snapshot, encode(snapshot))
        return encoded[1]

    def account(self) -> bytes:
        """The JSON of the accounts, and while the run goes on of what is confirmed so far: rule 3."""
        accounts = [as_json(account, self._accounts_at) for account in self._accounts]
        snapshot = self._snapshot
        so_far = [] if accounts or snapshot is None else [_so_far(topic, snapshot) for topic in snapshot.topics]
        return encode({"final": bool(accounts), "accounts": accounts, "so_far": so_far})


def _so_far(topic: str, snapshot: Snapshot) -> dict[str, Any]:
    partitions = [
        {
            "partition": one.partition,
            "acknowledged": one.acknowledged,
            "dead_lettered": one.dead_lettered,
            "lag": one.lag,
            "next_offset": one.next_offset,
        }
        for one in snapshot.partitions
        if one.topic == topic
    ]
    lags = [one["lag"] for one in partitions]
    totals = {
        "acknowledged": sum(one["acknowledged"] or 0 for one in partitions),
        "dead_lettered": sum(one["dead_lettered"] or 0 for one in partitions),
        "lag": sum(lag for lag in lags if lag is not None) if None not in lags else None,
    }
    return {"topic": topic, "at": snapshot.at, "totals": totals, "partitions": partitions}


_names: dict[type, tuple[str, ...]] = {}


def encode(value: object) -> bytes:
    """The JSON of dataclasses, mappings and plain values; much quicker than `asdict` for 1,000 partitions."""
    return json.dumps(value, default=_fields, ensure_ascii=False, separators=(",", ":")).encode()


def _fields(value: Any) -> dict[str, Any]:
    kind = type(value)
    if kind not in _names:
        if not dataclasses.is_dataclass(kind):
            raise TypeError(f"{kind.__name__} has no JSON")
        _names[kind] = tuple(field.name for field in dataclasses.fields(kind))
    return {name: getattr(value, name) for name in _names[kind]}

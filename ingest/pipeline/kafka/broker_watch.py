"""Whether brokers answer, from the statistics of Kafka's client: a broker that is stopped keeps its connection.

Rules
1. A broker is silent for as long as a request to it has been out and nothing has come from it: from the last request on
   that was sent before this was first seen, so it may be a little longer, never shorter.
2. Kafka is away when no connection is up, or when a broker has been silent for longer than a fetch may take and no
   other one has answered in that time. A broker that is asked nothing says nothing.
3. Statistics that can't be read change nothing.

Theory: a consumer that reads always has a fetch out, which a broker answers within `fetch.wait.max.ms`, also without a
message. The statistics of brokers come first in the text, so that those of a thousand partitions are not parsed.
"""

import json
from dataclasses import dataclass, field
from typing import Any

STATISTICS_MS = 500
SLACK_S = 0.3
DOWN_S = 1.0  # without a connection for this long; a start takes a moment
_TOPICS = '"topics":'
_LOGICAL = "logical"


@dataclass(slots=True)
class _Broker:
    received: int = 0
    silent_since: float | None = None


@dataclass(slots=True)
class BrokerWatch:
    """One client's brokers. Times are monotonic seconds; `fetch_wait_s` is how long a broker may hold a fetch."""

    fetch_wait_s: float = 0.5
    _brokers: dict[str, _Broker] = field(default_factory=dict)
    _down_since: float | None = None
    _away_since: float | None = None
    _reason: str = ""
    _error: str = ""

    def error(self, text: str) -> None:
        """Kafka's client has reported a fault that it deals with itself."""
        self._error = text

    def take(self, statistics: str, now: float) -> None:
        """The client's statistics, as of now."""
        try:
            brokers = _brokers(statistics)
        except ValueError:
            return
        for name, found in brokers.items():
            self._note(self._brokers.setdefault(name, _Broker()), found, now)
        up = any(found["state"] == "UP" for found in brokers.values())
        self._down_since = None if up else now if self._down_since is None else self._down_since
        self._judge(brokers, now)

    def silent_s(self, now: float) -> float | None:
        """Rule 2: for how long no broker has answered; None while one does, or nothing is asked."""
        return None if self._away_since is None else now - self._away_since

    @property
    def reason(self) -> str:
        """Which broker does not answer, or why there is no connection; also if it is only one of several."""
        return self._reason

    def _note(self, broker: _Broker, found: dict[str, Any], now: float) -> None:
        received = int(found["rx"])
        if not found["waitresp_cnt"] or found["state"] != "UP":
            broker.silent_since = None
        elif broker.silent_since is None or received != broker.received:
            idle = [found[name] / 1e6 for name in ("txidle", "rxidle") if found[name] >= 0]
            broker.silent_since = now - min(idle, default=0.0)
        elif found["rxidle"] >= 0:  # `rx` counts whole answers: of a large one, parts come
            broker.silent_since = max(broker.silent_since, now - found["rxidle"] / 1e6)
        broker.received = received

    def _judge(self, brokers: dict[str, dict[str, Any]], now: float) -> None:
        limit_s = self.fetch_wait_s + SLACK_S
        since = {
            name: state.silent_since
            for name, state in self._brokers.items()
            if name in brokers and state.silent_since is not None
        }
        silent = {name: moment for name, moment in since.items() if now - moment >= limit_s}
        answered = any(
            name not in silent and found["state"] == "UP" and 0 <= found["rxidle"] / 1e6 < limit_s
            for name, found in brokers.items()
        )
        if self._down_since is not None and now - self._down_since >= DOWN_S:
            self._away_since, self._reason = self._down_since, self._error or "no broker can be connected to"
        elif silent:
            names = sorted({_address(name, brokers[name]) for name in silent})
            self._away_since = None if answered else min(silent.values())
            self._reason = f"{' and '.join(name for name in names if name) or 'a broker'} does not answer"
        else:
            self._away_since, self._reason = None, ""


def _brokers(statistics: str) -> dict[str, dict[str, Any]]:
    end = statistics.find(_TOPICS)
    text = statistics if end < 0 else statistics[:end].rstrip().rstrip(",") + "}"
    found: dict[str, dict[str, Any]] = json.loads(text).get("brokers", {})
    return found


def _address(name: str, found: dict[str, Any]) -> str:
    return "" if found.get("source") == _LOGICAL else name.partition("/")[0]

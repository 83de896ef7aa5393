"""Values of a snapshot as the page shows them. `static/page.js` has the same formats, for what changes.

Rules
1. What is not known is `UNKNOWN`, never 0.
2. Ages and durations are those of `formatting.seconds`; moments without JavaScript are in UTC, as the server does not
   know the reader's zone.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from ingest.status import formatting
from ingest.status.snapshot import History, PartitionStatus

UNKNOWN = "\N{EN DASH}"
AGES = ("none", "10s", "1min", "10min", "1h", "old", "unknown")
_UPTO_S = (10.0, 60.0, 600.0, 3600.0)
HOUR_S = 3600.0
SPARK = (100.0, 28.0)


def shown(value: Any, kind: str, at: float) -> str:
    """`value` in the format `kind`; `at` is the snapshot's moment in Unix seconds."""
    if value is None or value == "":
        return UNKNOWN
    return _FORMATS[kind](value, at) if kind in _FORMATS else str(value)


_FORMATS: Mapping[str, Callable[[Any, float], str]] = {
    "count": lambda value, _: formatting.count(value),
    "seconds": lambda value, _: formatting.seconds(value),
    "ago": lambda value, at: f"{formatting.seconds(max(at - value, 0))} ago",
    "clock": lambda value, _: f"{datetime.fromtimestamp(value, UTC):%H:%M:%S} UTC",
    "bytes": lambda value, _: formatting.size(value),
    "partitions": lambda value, _: formatting.partitions(value),
}


def debug_command(topic: str, partition: int) -> str:
    """The command line that shows what becomes of the next messages of a partition; a topic's name needs no quotes."""
    return f"ingest debug --topic {topic} --partition {partition}"


def at_path(value: Any, path: str) -> Any:
    """`totals.read` of a snapshot; None where a part of the path is None."""
    for name in path.split("."):
        if value is None:
            return None
        value = value.get(name) if isinstance(value, Mapping) else getattr(value, name)
    return value


def age_of(partition: PartitionStatus) -> str:
    """The class of a partition's oldest message that is not committed: one of `AGES`."""
    age = partition.oldest_age_s
    if age is None:
        return "none" if partition.lag == 0 else "unknown"
    return next((name for name, upto in zip(AGES[1:], _UPTO_S, strict=False) if age < upto), "old")


def spark_path(samples: Sequence[float | None], every_s: float) -> str:
    """The SVG path of the last hour's samples, the newest at the right; it is interrupted where nothing is known."""
    width, height = SPARK
    known = [one for one in samples if one is not None]
    most = max(known, default=0.0) or 1.0
    steps, pen = [], "M"
    for index, sample in enumerate(samples):
        x = width - (len(samples) - 1 - index) * every_s / HOUR_S * width
        if sample is None or x < 0:
            pen = "M"
            continue
        steps.append(f"{pen}{x:.1f} {height - 1 - sample / most * (height - 3):.1f}")
        pen = "L"
    return "".join(steps)


def spark_label(name: str, samples: Sequence[float | None], kind: str) -> str:
    """What a spark line shows, for those who do not see it."""
    known = [one for one in samples if one is not None]
    if not known:
        return f"{name}, last hour: nothing known yet"
    return f"{name}, last hour: at most {shown(max(known), kind, 0)}, now {shown(samples[-1], kind, 0)}"


def history(snapshot_history: History, field: str) -> Sequence[float | None]:
    """The samples of one figure."""
    samples: Sequence[float | None] = getattr(snapshot_history, field)
    return samples

"""Where and with what a figure was measured: no figure means anything without it."""

import importlib.metadata
import os
import platform
import subprocess
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import confluent_kafka
import psutil

from ingest.pipeline.decoding import fast_lane
from ingest.sandbox.jars import KAFKA_VERSION

# Those of ours that decide a figure, and those of the peers that may be here; peers with environments of their own say
# their versions in the notes.
PACKAGES = (
    "arize",
    "bytewax",
    "confluent-kafka",
    "faust-streaming",
    "ingest-fastlane",
    "kafka-python",
    "lz4",
    "numpy",
    "orjson",
    "pandas",
    "psutil",
    "pyarrow",
    "pyspark",
    "pytest-benchmark",
    "quixstreams",
    "requests",
)
_OURS = ("cpu", "cores", "memory_gb")


def describe() -> dict[str, Any]:
    """The machine, and how busy it was when this was asked."""
    return {
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        "kernel": platform.release(),
        "load_average": [round(load, 2) for load in os.getloadavg()],
    }


def versions() -> dict[str, str]:
    """Versions of all that takes part."""
    return {
        "ingest": f"{importlib.metadata.version('ingest')} ({_revision()})",
        "python": platform.python_version(),
        "kafka": KAFKA_VERSION,
        "librdkafka": confluent_kafka.libversion()[0],
        "fast lane": _fast_lane(),
        **{name: version for name in PACKAGES if (version := _version(name)) is not None},
    }


def same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Two descriptions are of machines as fast as each other, as far as can be told."""
    return all(one.get(name) == other.get(name) for name in _OURS)


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _fast_lane() -> str:
    """Whether workers decode by it. It may be installed and speak another interface."""
    if fast_lane.installed_lane("auto") == "fast":
        return "in use"
    return "installed, but not for this ingest: scripts/fastlane" if find_spec("ingest_fastlane") else "not installed"


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _revision() -> str:
    asked = subprocess.run(
        ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"],
        capture_output=True,
        text=True,
        check=False,
    )
    return asked.stdout.strip() or "no git"

"""Where and with what a figure was measured: no figure means anything without it."""

import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

import confluent_kafka
import psutil

from ingest.sandbox.jars import KAFKA_VERSION

PACKAGES = ("arize", "confluent-kafka", "kafka-python", "lz4", "orjson", "pandas", "pyarrow", "requests")


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
        **{name: importlib.metadata.version(name) for name in PACKAGES},
    }


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

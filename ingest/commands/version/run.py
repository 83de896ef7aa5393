"""`ingest version`: the versions of ingest and of what it works with, read without importing Arrow or Arize.

Rules
1. A version is that of the installed distribution, as its metadata has it. Only librdkafka and the fast lane are
   loaded: their libraries alone know what they are.
2. A library that is missing, or can't be loaded, is reported with the reason; the command still succeeds.
"""

import importlib
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from typing import Any, TextIO

import ingest
from ingest.commands.version.text import as_json, as_text
from ingest.errors import ExitCode
from ingest.pipeline.decoding.compiled import fault_of_fast_lane

MISSING = "not installed"
_DISTRIBUTIONS = {
    "confluent_kafka": "confluent-kafka",
    "arize": "arize",
    "pyarrow": "pyarrow",
    "orjson": "orjson",
    "fast_lane": "ingest-fastlane",
}


def run(*, json: bool, stream: TextIO) -> ExitCode:
    """Write the versions to `stream`."""
    found = versions()
    stream.write((as_json(found) if json else as_text(found)) + "\n")
    return ExitCode.DONE


def versions() -> dict[str, str]:
    """What is installed, by its name; the fast lane's version is "" while `lane` is orjson."""
    of_distributions = {name: _installed(distribution) for name, distribution in _DISTRIBUTIONS.items()}
    fault = fault_of_fast_lane()
    return {
        "ingest": ingest.__version__,
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "platform": f"{platform.platform(terse=True)} {platform.machine()}",
        "librdkafka": _librdkafka(),
        **of_distributions,
        "fast_lane": "" if fault else of_distributions["fast_lane"],
        "lane": "orjson" if fault else "fast",
        "orjson_reason": fault,
    }


def _installed(distribution: str) -> str:
    try:
        return installed_version(distribution)
    except PackageNotFoundError:
        return MISSING


def _librdkafka(load: Any = importlib.import_module) -> str:
    try:
        library: Mapping[str, Any] = vars(load("confluent_kafka"))
        return str(library["libversion"]()[0])
    except (ImportError, OSError) as error:
        return f"can't be loaded: {error}"

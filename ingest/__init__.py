"""Streams JSON model predictions from Kafka to Arize and loses nothing.

The way of a record, inside one worker, a module of `ingest.pipeline` a step:

1. **poll**: messages come in chunks; every one enters the ack tracker at once, good or bad.
2. **decode**: orjson, then Arrow columns, a chunk at a time and exactly; what can't be a row becomes a dead letter.
3. **batch**: full by rows, bytes or age; one batch may hold several partitions.
4. **log**: the arize SDK's `ml.log` on a small pool of threads; every attempt sends the identical rows.
5. **ack**: a 2xx to our own POST, or a durable dead letter, settles a message; the watermark follows.
6. **commit**: the watermark, with what was settled out of order in the commit's metadata, without blocking.

`ingest.supervisor` gives each of N worker processes its partitions and keeps it alive. The command line is the
interface; from Python, `ingest.config.load` makes a `Config` and `ingest.supervisor.session.run` runs it.
"""

from importlib.metadata import PackageNotFoundError, version

from ingest.errors import ConfigError, DecodeError, ExitCode, FatalError, IngestError, RejectedError, RetryableError

try:
    __version__ = version("ingest")
except PackageNotFoundError:  # run from a checkout that is not installed
    __version__ = "0+unknown"

__all__ = [
    "ConfigError",
    "DecodeError",
    "ExitCode",
    "FatalError",
    "IngestError",
    "RejectedError",
    "RetryableError",
    "__version__",
]

"""Streams JSON model predictions from Kafka to Arize and loses nothing.

The steps of a message inside one worker; `ingest.pipeline` has a room for each:

1. **poll**: messages come in chunks; each is tracked from then on, good or bad.
2. **decode**: JSON to Arrow columns, a chunk at a time and exactly; what can't be a row becomes a dead letter.
3. **batch**: full by rows, bytes or age; one batch may hold several partitions.
4. **upload**: the arize SDK's `ml.log` on a small pool of threads; every attempt sends the identical rows.
5. **settle**: an acknowledgement by Arize, or a durable dead letter, settles a message.
6. **commit**: the checkpoint below which everything is settled, with what is settled above it, without blocking.

`ingest.supervisor` gives each of N worker processes its partitions and keeps it alive. The command line is the
interface; from Python, `ingest.config.load` makes a `Config` and `ingest.supervisor.session.run` runs it.
"""

from importlib.metadata import PackageNotFoundError, version

from ingest.errors import ConfigError, DecodeError, ExitCode, FatalError, IngestError, RejectedError, RetryableError

NOT_INSTALLED = "0+unknown"
try:
    __version__ = version("ingest")
except PackageNotFoundError:  # run from a checkout that is not installed
    __version__ = NOT_INSTALLED

__all__ = [
    "NOT_INSTALLED",
    "ConfigError",
    "DecodeError",
    "ExitCode",
    "FatalError",
    "IngestError",
    "RejectedError",
    "RetryableError",
    "__version__",
]

"""The words of `ingest top` around the view."""

from ingest.errors import ExitCode, FatalError
from ingest.status import formatting
from ingest.status.live.tables import Order

NO_TERMINAL = (
    "ingest top needs a terminal that can move its cursor (TERM is dumb, or input or output is none); ingest status "
    "prints once"
)


def several(runs: str) -> FatalError:
    """Which runs there are."""
    return FatalError(f"several runs are on this machine; choose one with --url:\n{runs}", exit_code=ExitCode.USAGE)


def notice(reason: str, since_s: float) -> str:
    """What is said instead of how the run is."""
    return f"No answer for {formatting.glance(since_s)} ({reason}): trying again."


def footer(base: str, order: Order) -> str:
    """The last row."""
    return f"q quit   s sort: {order}   arrows scroll   {base}"

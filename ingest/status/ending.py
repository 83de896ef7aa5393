"""Why a run has ended, in one line: with its exit code and what to do.

Rules
1. The cause is that of the worker whose end decided: one that halted before one that was given up. Where no worker
   names one, or none alone is the cause (7), only what the code says is said.
2. It is the last line of a run, after the account, so that nothing scrolls it away.
"""

from collections.abc import Mapping

from ingest.errors import ExitCode
from ingest.status import formatting
from ingest.status.snapshot import Snapshot, State, WorkerStatus

_MEANS: Mapping[int, str] = {
    ExitCode.DONE: "what was read is delivered and committed",
    ExitCode.CRASHED: "an unexpected exception",
    ExitCode.USAGE: "the command can't be run like this",
    ExitCode.CONFIGURATION: "the configuration can't work",
    ExitCode.KAFKA: "Kafka can't be reached, or refused",
    ExitCode.CREDENTIALS: "Arize refused the key or the space",
    ExitCode.CRASHING: "a worker kept crashing, and its partitions were given up",
    ExitCode.DRAIN_DEADLINE: "some of what was read is not committed",
    ExitCode.EXPIRED: "Kafka removed messages before they were read",
    ExitCode.TOO_MANY_DEAD: "too many messages can't be delivered",
}
_DO: Mapping[int, str] = {
    ExitCode.CRASHED: "report the traceback; start again to go on",
    ExitCode.CONFIGURATION: "correct it; ingest check validates the result",
    ExitCode.KAFKA: "see ingest check, then start again: what is not committed is read again",
    ExitCode.CREDENTIALS: "set the key and the space, see ingest check, then start again",
    ExitCode.CRASHING: "see the worker's lines above; start again to go on from the last commit",
    ExitCode.DRAIN_DEADLINE: "start again: it is delivered then",
    ExitCode.EXPIRED: 'read the ranges above, then set [kafka] on_expired = "continue"',
    ExitCode.TOO_MANY_DEAD: "see ingest dead-letters list, correct the cause, then ingest dead-letters replay",
}


def ending(snapshot: Snapshot) -> str:
    """The line about a run that has ended; empty for one that has not."""
    code = snapshot.exit_code
    if not snapshot.ended or code is None:
        return ""
    cause = "" if code in {ExitCode.DONE, ExitCode.DRAIN_DEADLINE} else _cause(snapshot)
    why = cause or _MEANS.get(code, "see the lines above")
    do = _DO.get(code, "")
    return f"Ended with exit code {code}: {why.rstrip('.')}.{f' What to do: {do}.' if do else ''}"


def _cause(snapshot: Snapshot) -> str:
    stopped = [one for one in snapshot.workers if one.reason and one.state in {State.HALTED, State.GIVEN_UP}]
    if not stopped:
        return ""
    halted = next((one for one in stopped if one.state is State.HALTED), stopped[0])
    return f"{_who(halted)}{halted.reason}{_others(stopped)}"


def _who(worker: WorkerStatus) -> str:
    return "" if worker.reason.startswith(f"worker {worker.index}") else f"worker {worker.index}: "


def _others(stopped: list[WorkerStatus]) -> str:
    others = len(stopped) - 1
    return f" ({formatting.amount(others, 'other worker')} stopped, too)" if others else ""

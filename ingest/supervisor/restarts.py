"""Whether a worker that has ended is started again, and when.

1. The exit code determines the kind of end, by one table (`EXIT_KINDS`). A code that isn't in it, and every
   signal, is a crash.
2. A crash is answered by a restart after a backoff, until there were more than `max_crashes` within the
   last `crash_window_s` seconds: then the worker is given up.
3. The backoff is exponential in the crashes within the window, with full jitter (`ingest.pipeline.backoff`): anything
   between 0 and min(max_backoff_s, base_backoff_s * 2^(crashes-1)). Workers that died together don't restart together.
4. A crash older than the window does not count, so that a crash after a long quiet time is the first again.

Theory: the restart intensity of Erlang/OTP's supervisors (`supervisor.erl`, add_restart) is one function of the crash
times and the time now. Without it a worker that can't start would be started for ever and look alive.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

from ingest.errors import ExitCode
from ingest.pipeline.backoff import Backoff


class ExitKind(Enum):
    """What the end of a worker means for its partitions and for the other workers."""

    FINISHED = "finished"  # everything is done
    CRASHED = "crashed"  # started again, within the intensity
    HALTED = "halted"  # its partitions stop, the other workers go on
    HALT_ALL = "halt all"  # every worker of its topic would end like this: all of them stop


EXIT_KINDS: Mapping[int, ExitKind] = MappingProxyType(
    {
        ExitCode.DONE: ExitKind.FINISHED,
        ExitCode.CRASHED: ExitKind.CRASHED,
        ExitCode.USAGE: ExitKind.HALT_ALL,
        ExitCode.CONFIGURATION: ExitKind.HALT_ALL,
        ExitCode.KAFKA: ExitKind.CRASHED,  # brokers come back
        ExitCode.CREDENTIALS: ExitKind.HALT_ALL,  # one key serves all workers of a topic
        ExitCode.CRASHING: ExitKind.CRASHED,
        ExitCode.DRAIN_DEADLINE: ExitKind.CRASHED,  # stopped by somebody other than the supervisor
        ExitCode.EXPIRED: ExitKind.HALTED,  # a person must decide about these partitions only
        ExitCode.TOO_MANY_DEAD: ExitKind.HALTED,  # a restart would only write more dead letters; a person must look
    }
)


def exit_kind(exit_code: int) -> ExitKind:
    """What `exit_code` (negative for a signal) means, unless a stop was requested."""
    return EXIT_KINDS.get(exit_code, ExitKind.CRASHED)


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """More than `max_crashes` of a worker within `crash_window_s` are too many; `backoff` is the wait for a restart."""

    max_crashes: int
    crash_window_s: float
    backoff: Backoff


@dataclass(frozen=True, slots=True)
class Restart:
    """Start again in `delay_s` seconds. `crashes` are the times within the window, to be passed on next time."""

    delay_s: float
    crashes: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class GiveUp:
    """There were too many `crashes` within the window."""

    crashes: tuple[float, ...]


def after_crash(crashes: Sequence[float], now: float, policy: RestartPolicy, jitter: float) -> Restart | GiveUp:
    """The answer to a crash at `now`; `crashes` are the earlier ones, `jitter` is a random number in [0, 1).

    Times are seconds of one monotonic clock.
    """
    recent = (*(crash for crash in crashes if now - crash <= policy.crash_window_s), now)
    if len(recent) > policy.max_crashes:
        return GiveUp(recent)
    return Restart(policy.backoff.wait_s(len(recent) - 1, jitter), recent)

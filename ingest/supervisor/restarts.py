"""Whether a worker that has ended is started again, and when.

1. An exit code decides the kind of end, by one table (`VERDICTS`). A code that isn't in it, and every
   signal, is a crash.
2. A crash is answered by a restart after a backoff, until there were more than `max_crashes` within the
   last `crash_window_s` seconds: then the worker is given up.
3. The backoff is exponential in the crashes within the window, with full jitter: anything between 0 and
   min(max_backoff_s, base_backoff_s * 2^(crashes-1)). Workers that died together don't come back together.
4. A crash older than the window is forgotten, so that a crash after a long quiet time is the first again.

This is the restart intensity of Erlang/OTP's supervisors (`supervisor.erl`, add_restart): one function of the
crash times and the time now. Without it a worker that can't start burns its machine for ever and looks alive.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

from ingest.errors import ExitCode


class Verdict(Enum):
    """What the end of a worker means for its partitions and for the others."""

    FINISHED = "finished"  # nothing is left to do there
    CRASHED = "crashed"  # started again, within the intensity
    HALTED = "halted"  # its partitions stop, the others go on
    HALT_ALL = "halt all"  # every worker of its topic would end like this: stop them all


VERDICTS: Mapping[int, Verdict] = MappingProxyType(
    {
        ExitCode.DONE: Verdict.FINISHED,
        ExitCode.CRASHED: Verdict.CRASHED,
        ExitCode.USAGE: Verdict.HALT_ALL,
        ExitCode.CONFIGURATION: Verdict.HALT_ALL,
        ExitCode.KAFKA: Verdict.CRASHED,  # brokers come back
        ExitCode.CREDENTIALS: Verdict.HALT_ALL,  # one key serves all workers of a topic
        ExitCode.CRASHING: Verdict.CRASHED,
        ExitCode.DRAIN_DEADLINE: Verdict.CRASHED,  # told to leave by someone else than the supervisor
        ExitCode.EXPIRED: Verdict.HALTED,  # a person must decide about these partitions only
        ExitCode.TOO_MANY_DEAD: Verdict.HALTED,  # started again it would only fill the dead letters; a person must look
    }
)


def verdict(exit_code: int) -> Verdict:
    """What `exit_code` (negative for a signal) means, while no stop was asked for."""
    return VERDICTS.get(exit_code, Verdict.CRASHED)


@dataclass(frozen=True, slots=True)
class Policy:
    """How many crashes of one worker are borne within `crash_window_s`, and how long to wait between them."""

    max_crashes: int
    crash_window_s: float
    base_backoff_s: float
    max_backoff_s: float


@dataclass(frozen=True, slots=True)
class Restart:
    """Start again in `in_s` seconds. `crashes` are the times within the window, to be given back next time."""

    in_s: float
    crashes: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Too many `crashes` within the window."""

    crashes: tuple[float, ...]


def decide(crashes: Sequence[float], now: float, policy: Policy, jitter: float) -> Restart | GiveUp:
    """The answer to a crash at `now`; `crashes` are the earlier ones, `jitter` is a random number in [0, 1).

    Times are seconds of one monotonic clock.
    """
    recent = (*(crash for crash in crashes if now - crash <= policy.crash_window_s), now)
    if len(recent) > policy.max_crashes:
        return GiveUp(recent)
    # 2.0**1000 is a float still; an exponent that grows without bound is not.
    ceiling = min(policy.max_backoff_s, policy.base_backoff_s * 2.0 ** min(len(recent) - 1, 1000))
    return Restart(jitter * ceiling, recent)

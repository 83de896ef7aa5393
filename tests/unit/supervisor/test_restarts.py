"""A worker that has ended is started again with backoff, within the restart intensity."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.errors import ExitCode
from ingest.pipeline.backoff import Backoff
from ingest.supervisor.restarts import EXIT_KINDS, ExitKind, GiveUp, Restart, RestartPolicy, after_crash, exit_kind

POLICY = RestartPolicy(max_crashes=3, crash_window_s=60.0, backoff=Backoff(0.5, 10.0))


def test_backoff_doubles_with_each_crash_inside_the_window() -> None:
    crashes: tuple[float, ...] = ()
    waits = []
    for now in (0.0, 1.0, 2.0):
        answer = after_crash(crashes, now, POLICY, jitter=1.0)
        assert isinstance(answer, Restart)
        waits.append(answer.delay_s)
        crashes = answer.crashes
    assert waits == [0.5, 1.0, 2.0]


def test_one_crash_more_than_borne_gives_up() -> None:
    assert after_crash((0.0, 1.0, 2.0), 3.0, POLICY, jitter=0.5) == GiveUp((0.0, 1.0, 2.0, 3.0))


def test_a_crash_long_after_the_last_one_is_the_first_again() -> None:
    assert after_crash((0.0, 1.0, 2.0), 63.0, POLICY, jitter=1.0) == Restart(0.5, (63.0,))


def test_the_window_closes_behind_crash_window_s() -> None:
    assert isinstance(after_crash((0.0, 1.0, 2.0), 60.0, POLICY, jitter=0.0), GiveUp)
    assert isinstance(after_crash((0.0, 1.0, 2.0), 60.1, POLICY, jitter=0.0), Restart)


def test_none_is_borne_when_the_policy_says_so() -> None:
    strict = RestartPolicy(max_crashes=0, crash_window_s=60.0, backoff=Backoff(0.5, 10.0))
    assert isinstance(after_crash((), 5.0, strict, jitter=0.0), GiveUp)


times = st.lists(st.floats(0, 1e6), max_size=50).map(sorted)


@given(times, st.floats(0, 1e6), st.integers(0, 2000), st.floats(0, 1, exclude_max=True))
def test_a_wait_is_within_its_bounds_and_crashes_are_counted_in_the_window(
    crashes: list[float], later: float, borne: int, jitter: float
) -> None:
    now = (crashes[-1] if crashes else 0.0) + later
    policy = RestartPolicy(max_crashes=borne, crash_window_s=300.0, backoff=Backoff(0.2, 30.0))
    answer = after_crash(crashes, now, policy, jitter)
    assert answer.crashes == (*(crash for crash in crashes if now - crash <= 300.0), now)
    assert isinstance(answer, GiveUp) == (len(answer.crashes) > borne)
    if isinstance(answer, Restart):
        assert 0 <= answer.delay_s <= 30.0


def test_many_crashes_within_a_patient_policy_do_not_overflow() -> None:
    patient = RestartPolicy(max_crashes=10_000, crash_window_s=1e9, backoff=Backoff(0.2, 30.0))
    assert after_crash([0.0] * 5_000, 1.0, patient, jitter=1.0).crashes[-1] == 1.0


def test_every_exit_code_has_a_kind() -> None:
    assert set(EXIT_KINDS) == set(ExitCode)


@pytest.mark.parametrize("code", [-9, -11, 1, 4, 255, 77])
def test_signals_and_unknown_codes_are_crashes(code: int) -> None:
    assert exit_kind(code) is ExitKind.CRASHED


@pytest.mark.parametrize("code", [ExitCode.USAGE, ExitCode.CONFIGURATION, ExitCode.CREDENTIALS])
def test_what_every_worker_would_meet_halts_all(code: ExitCode) -> None:
    assert exit_kind(code) is ExitKind.HALT_ALL

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.errors import ExitCode
from ingest.supervisor.restarts import VERDICTS, GiveUp, Policy, Restart, Verdict, decide, verdict

POLICY = Policy(max_crashes=3, crash_window_s=60.0, base_backoff_s=0.5, max_backoff_s=10.0)


def test_backoff_doubles_with_each_crash_inside_the_window() -> None:
    crashes: tuple[float, ...] = ()
    waits = []
    for now in (0.0, 1.0, 2.0):
        answer = decide(crashes, now, POLICY, jitter=1.0)
        assert isinstance(answer, Restart)
        waits.append(answer.in_s)
        crashes = answer.crashes
    assert waits == [0.5, 1.0, 2.0]


def test_one_crash_more_than_borne_gives_up() -> None:
    assert decide((0.0, 1.0, 2.0), 3.0, POLICY, jitter=0.5) == GiveUp((0.0, 1.0, 2.0, 3.0))


def test_a_crash_long_after_the_last_one_is_the_first_again() -> None:
    assert decide((0.0, 1.0, 2.0), 63.0, POLICY, jitter=1.0) == Restart(0.5, (63.0,))


def test_the_window_closes_behind_crash_window_s() -> None:
    assert isinstance(decide((0.0, 1.0, 2.0), 60.0, POLICY, jitter=0.0), GiveUp)
    assert isinstance(decide((0.0, 1.0, 2.0), 60.1, POLICY, jitter=0.0), Restart)


def test_none_is_borne_when_the_policy_says_so() -> None:
    strict = Policy(max_crashes=0, crash_window_s=60.0, base_backoff_s=0.5, max_backoff_s=10.0)
    assert isinstance(decide((), 5.0, strict, jitter=0.0), GiveUp)


times = st.lists(st.floats(0, 1e6), max_size=50).map(sorted)


@given(times, st.floats(0, 1e6), st.integers(0, 2000), st.floats(0, 1, exclude_max=True))
def test_a_wait_is_within_its_bounds_and_crashes_are_counted_in_the_window(
    crashes: list[float], later: float, borne: int, jitter: float
) -> None:
    now = (crashes[-1] if crashes else 0.0) + later
    policy = Policy(max_crashes=borne, crash_window_s=300.0, base_backoff_s=0.2, max_backoff_s=30.0)
    answer = decide(crashes, now, policy, jitter)
    assert answer.crashes == (*(crash for crash in crashes if now - crash <= 300.0), now)
    assert isinstance(answer, GiveUp) == (len(answer.crashes) > borne)
    if isinstance(answer, Restart):
        assert 0 <= answer.in_s <= 30.0


def test_many_crashes_within_a_patient_policy_do_not_overflow() -> None:
    patient = Policy(max_crashes=10_000, crash_window_s=1e9, base_backoff_s=0.2, max_backoff_s=30.0)
    assert decide([0.0] * 5_000, 1.0, patient, jitter=1.0).crashes[-1] == 1.0


def test_every_exit_code_has_a_verdict() -> None:
    assert set(VERDICTS) == set(ExitCode)


@pytest.mark.parametrize("code", [-9, -11, 1, 4, 255, 77])
def test_signals_and_unknown_codes_are_crashes(code: int) -> None:
    assert verdict(code) is Verdict.CRASHED


@pytest.mark.parametrize("code", [ExitCode.USAGE, ExitCode.CONFIGURATION, ExitCode.CREDENTIALS])
def test_what_every_worker_would_meet_halts_all(code: ExitCode) -> None:
    assert verdict(code) is Verdict.HALT_ALL

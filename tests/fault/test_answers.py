"""The campaign of `tests.fault.answers`, in short."""

import pytest

from tests.fault.answers import campaign


def test_nothing_incomplete_is_taken_and_nothing_complete_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")
    tally = campaign(2.5, seed=1)
    assert tally.wrong == []
    assert tally.shots.total() > 20

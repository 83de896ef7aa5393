"""A short run of the campaign `tests.fault.answers`."""

import pytest

from tests.fault.answers import campaign


def test_incomplete_answers_are_refused_and_complete_ones_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")
    tally = campaign(2.5, seed=1)
    assert tally.wrong == []
    assert tally.shots.total() > 20

"""The options of `ingest offsets set` that name where to move."""

from datetime import UTC, datetime

import pytest

from ingest.commands.offsets.target import Target, requested
from ingest.errors import ExitCode, FatalError

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


def target(
    time: str | None = None, offset: int | None = None, *, earliest: bool = False, latest: bool = False
) -> Target:
    return requested(time, offset, to_earliest=earliest, to_latest=latest, now=NOW)


def test_each_option_is_a_target() -> None:
    assert target("2026-11-01") == Target("time", 1_793_491_200_000)
    assert target("earliest") == target(earliest=True) == Target("earliest")
    assert target(latest=True) == Target("latest")
    assert target(offset=0) == Target("offset", 0)


def test_exactly_one_is_needed() -> None:
    for given in ({}, {"earliest": True, "latest": True}, {"time": "2h", "offset": 3}):
        with pytest.raises(FatalError, match="name one of") as refused:
            target(**given)
        assert refused.value.exit_code is ExitCode.USAGE

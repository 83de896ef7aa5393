"""`--from` and `--until`: the range, its group, and what is refused."""

from datetime import UTC, datetime

import pytest

from ingest.commands.supervise.backfill import check_together, own_group, requested
from ingest.errors import ExitCode, FatalError
from ingest.time_range import TimeRange

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
NOVEMBER = 1_793_491_200_000
DAY = 86_400_000


def test_each_end_alone_is_a_range() -> None:
    """The other end is that of the log."""
    assert requested("2026-11-01", None, NOW) == TimeRange(NOVEMBER, None)
    assert requested(None, "2026-11-01", NOW) == TimeRange(None, NOVEMBER)
    assert requested("earliest", "latest", NOW) == TimeRange(None, None)


@pytest.mark.parametrize(
    ("begin", "until"),
    [
        ("2026-11-02", "2026-11-01"),
        ("2026-11-01", "2026-11-01"),
        ("2026-11-01", "2026-12-01"),
        ("2026-12-01", None),
        ("latest", None),
        (None, "earliest"),
    ],
)
def test_contradictions_and_times_to_come_are_refused(begin: str | None, until: str | None) -> None:
    """Before Kafka is asked, as a usage error."""
    with pytest.raises(FatalError) as refused:
        requested(begin, until, NOW)
    assert refused.value.exit_code is ExitCode.USAGE


def test_the_group_is_named_after_the_range() -> None:
    """The same range has the same group, another range another one."""
    assert own_group("live", None, TimeRange(NOVEMBER, NOVEMBER + DAY)) == (
        "live-backfill-20261101T000000Z-20261102T000000Z"
    )
    assert own_group("live", None, TimeRange(NOVEMBER + 250, None)) == "live-backfill-20261101T000000.250Z-latest"
    assert own_group("live", "mine", TimeRange(None, None)) == "mine"


def test_the_live_group_is_refused() -> None:
    """Its offsets would be moved."""
    with pytest.raises(FatalError, match="the live group"):
        own_group("live", "live", TimeRange(None, None))


@pytest.mark.parametrize(("until_end", "resume_latest"), [(True, False), (False, True)])
def test_options_that_a_backfill_excludes(*, until_end: bool, resume_latest: bool) -> None:
    """Both would deliver another range."""
    with pytest.raises(FatalError):
        check_together(until_end=until_end, resume_latest=resume_latest)

"""A TIME on the command line: what each form means, and that others are refused."""

from datetime import UTC, datetime

import pytest

from ingest.commands.time_argument import milliseconds, parse
from ingest.errors import ExitCode, FatalError

NOW = datetime(2026, 11, 28, 12, 0, 0, 250_000, tzinfo=UTC)
NOVEMBER = 1_793_491_200_000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-01", NOVEMBER),
        ("20261101", NOVEMBER),
        ("2026-11-01T00:00", NOVEMBER),
        ("2026-11-01 00:00:00.250", NOVEMBER + 250),
        ("2026-11-01T02:00+02:00", NOVEMBER),
        ("2026-11-01T00:00:00Z", NOVEMBER),
        ("1793491200", NOVEMBER),
        ("1793491200250", NOVEMBER + 250),
        ("-2h", milliseconds(NOW) - 7_200_000),
        ("2h", milliseconds(NOW) - 7_200_000),
        ("7d", milliseconds(NOW) - 7 * 86_400_000),
        ("1.5m", milliseconds(NOW) - 90_000),
        ("now", milliseconds(NOW)),
        ("Earliest", "earliest"),
        (" latest ", "latest"),
    ],
)
def test_each_form_is_one_moment(text: str, expected: object) -> None:
    """UTC unless there is a zone, whatever the zone of this machine."""
    assert parse(text, "--from", NOW) == expected


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026-13-01", "123", "1234567", "-2y", "9" * 30, "99999999999999999d"]
)
def test_other_texts_are_refused(text: str) -> None:
    """A short number looks like an offset; the error names the option and the forms."""
    with pytest.raises(FatalError, match="--until") as refused:
        parse(text, "--until", NOW)
    assert refused.value.exit_code is ExitCode.USAGE
    assert "2026-11-01" in str(refused.value)

"""Every form of --from selects the offset that it names."""

import io
from datetime import UTC, datetime, timedelta, timezone

import pytest

from ingest.commands.debug import start_offset
from ingest.commands.debug.requested_start import RequestedStart, parse
from ingest.commands.debug.run import open_output, run
from ingest.commands.debug.trace import TraceRecord
from ingest.config.sections import Kafka
from ingest.config.settings import Config
from ingest.errors import ConfigError, ExitCode, FatalError

NOW = datetime(2026, 7, 20, 12, 0, tzinfo=UTC)
NOON_MS = 1_784_548_800_000
KAFKA = Kafka(topic="predictions", group="g")


def in_zurich(at: datetime) -> datetime:
    return at.replace(tzinfo=timezone(timedelta(hours=2)))


@pytest.mark.parametrize(
    ("text", "kind", "number"),
    [
        ("committed", "committed", 0),
        (" Earliest ", "earliest", 0),
        ("latest", "latest", 0),
        ("0", "offset", 0),
        ("20260720", "offset", 20260720),
        ("2026-07-20T12:00Z", "time", NOON_MS),
        ("2026-07-20 14:00:00.250+02:00", "time", NOON_MS + 250),
        ("2026-07-20T14:00", "time", NOON_MS),
        ("2026-07-20", "time", NOON_MS - 14 * 3_600_000),
        ("-90s", "time", NOON_MS - 90_000),
        ("-15m", "time", NOON_MS - 900_000),
        ("-1.5h", "time", NOON_MS - 5_400_000),
        ("-2d", "time", NOON_MS - 2 * 86_400_000),
    ],
)
def test_where_to_start_is_read(text: str, kind: str, number: int) -> None:
    wanted = parse(text, NOW, in_zurich)
    assert (wanted.kind, wanted.number) == (kind, number)


def test_a_time_says_how_it_was_understood() -> None:
    assert parse("2026-07-20T14:00", NOW, in_zurich).text == "2026-07-20 14:00:00.000+02:00 (local time)"
    assert parse("-15m", NOW, in_zurich).text == "2026-07-20 11:45:00.000+00:00 (15m ago)"


@pytest.mark.parametrize("text", ["", "yesterday", "-15", "-15y", "+5", "1e3", "١٢", "2026-13-01", f"-{'9' * 400}d"])
def test_a_start_of_no_known_form_is_a_usage_error_that_names_the_forms(text: str) -> None:
    with pytest.raises(FatalError, match="write committed, earliest, latest, an offset, a time") as raised:
        parse(text, NOW, in_zurich)
    assert raised.value.exit_code is ExitCode.USAGE


@pytest.mark.parametrize(
    ("wanted", "at_time", "offset"),
    [
        (RequestedStart("committed"), None, 120),
        (RequestedStart("earliest"), None, 100),
        (RequestedStart("latest"), None, 200),
        (RequestedStart("offset", 100), None, 100),
        (RequestedStart("offset", 200), None, 200),
        (RequestedStart("time", NOON_MS, "noon"), 150, 150),
        (RequestedStart("time", NOON_MS, "noon"), None, 200),
    ],
)
def test_the_requested_start_is_resolved_to_an_offset(wanted: RequestedStart, at_time: int | None, offset: int) -> None:
    assert start_offset.resolve(wanted, KAFKA, 7, worker=120, bounds=(100, 200), at_time=at_time).offset == offset


@pytest.mark.parametrize(
    ("offset", "bounds", "said"),
    [
        (99, (100, 200), "holds offsets 100 to 199"),
        (201, (100, 200), "holds offsets 100 to 199"),
        (1, (0, 0), "is empty at offset 0"),
    ],
)
def test_an_offset_outside_the_log_names_the_range(offset: int, bounds: tuple[int, int], said: str) -> None:
    with pytest.raises(FatalError, match=said) as raised:
        start_offset.resolve(RequestedStart("offset", offset), KAFKA, 7, worker=120, bounds=bounds, at_time=None)
    assert raised.value.exit_code is ExitCode.USAGE


def test_committing_is_only_for_where_a_worker_would_start() -> None:
    start_offset.check_commit(120, 120, "g")
    with pytest.raises(FatalError, match="would skip offsets 120 to 129") as ahead:
        start_offset.check_commit(130, 120, "g")
    with pytest.raises(FatalError, match="would rewind the group") as behind:
        start_offset.check_commit(110, 120, "g")
    assert ahead.value.exit_code is behind.value.exit_code is ExitCode.USAGE


class NoOutput:
    """An output that nothing may be written to."""

    closed = False

    def write(self, record: TraceRecord) -> None:
        raise AssertionError(record)


def test_arguments_are_checked_before_kafka_is_asked() -> None:
    settings = Config.model_construct(kafka=KAFKA)
    with pytest.raises(FatalError, match="--commit requires --send") as raised:
        run(settings, partition=0, commit=True, output=NoOutput())
    assert raised.value.exit_code is ExitCode.USAGE
    with pytest.raises(FatalError, match="write committed"):
        run(settings, partition=0, start="yesterday", output=NoOutput())
    with pytest.raises(ConfigError, match="topic is missing"):
        run(Config.model_construct(kafka=Kafka()), partition=0, output=NoOutput())
    with pytest.raises(FatalError, match="--json and --pdb"):
        open_output(io.StringIO(), json=True, debugger=True)

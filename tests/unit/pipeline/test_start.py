import pytest

from ingest.config import Kafka
from ingest.errors import ExitCode, FatalError
from ingest.pipeline.ack import Watermark
from ingest.pipeline.start import after_hole, first_offset
from ingest.records import Counts

STOP = Kafka(topic="t", group="g")
GO_ON = Kafka(topic="t", group="g", on_expired="continue")


def test_a_committed_offset_goes_before_the_configured_start() -> None:
    latest = Kafka(topic="t", start="latest")
    assert first_offset(latest, Watermark(5, Counts(5)), None) == (5, "committed")
    assert first_offset(latest, Watermark(0), (3, 9)) == (0, "committed")


def test_without_one_the_start_decides() -> None:
    assert first_offset(STOP, None, (3, 9)) == (3, "earliest")
    assert first_offset(Kafka(topic="t", start="latest"), None, (3, 9)) == (9, "latest")


def test_without_anything_known_there_is_no_start() -> None:
    with pytest.raises(ValueError, match="bounds"):
        first_offset(STOP, None, None)


def test_messages_that_expired_unread_stop_the_worker_with_the_exact_range() -> None:
    with pytest.raises(FatalError, match=r"topic t partition 4: retention removed offsets 10 to 24 before") as halt:
        after_hole(STOP, 4, 10, (25, 100))
    assert halt.value.exit_code == ExitCode.EXPIRED


def test_or_are_passed_when_configured_so() -> None:
    assert after_hole(GO_ON, 4, 10, (25, 100)) == 25
    assert after_hole(GO_ON, 4, 10, (100, 100)) == 100  # all of it expired


@pytest.mark.parametrize("kafka", [STOP, GO_ON])
def test_an_offset_past_the_end_is_never_used_nor_replaced(kafka: Kafka) -> None:
    with pytest.raises(FatalError, match="recreated or truncated") as halt:
        after_hole(kafka, 4, 101, (0, 100))
    assert halt.value.exit_code == ExitCode.EXPIRED


@pytest.mark.parametrize("kafka", [STOP, GO_ON])
def test_an_offset_inside_the_log_goes_on_there(kafka: Kafka) -> None:
    for offset in (25, 60, 100):
        assert after_hole(kafka, 4, offset, (25, 100)) == offset

"""The offsets between two times: clipped to the log, and what of the range the log no longer holds."""

import pytest

from ingest.config.sections import Kafka
from ingest.errors import ExitCode, FatalError
from ingest.pipeline.kafka.time_range import FoundOffset, OffsetRange, check_group, offset_range
from ingest.pipeline.offsets.checkpoint import Checkpoint
from ingest.time_range import TimeRange

SPAN = TimeRange(1_000, 2_000)


def test_a_range_lies_between_its_two_times() -> None:
    """The end offset is that of the first message that is as late."""
    assert offset_range(SPAN, 0, 100, FoundOffset(10, 1_000), FoundOffset(60, 2_000)) == OffsetRange(10, 60)


def test_without_a_later_message_it_ends_at_the_end() -> None:
    """Kafka finds no offset for the time."""
    assert offset_range(SPAN, 0, 100, FoundOffset(10, 1_000), None) == OffsetRange(10, 100)


def test_past_the_last_message_there_is_nothing() -> None:
    """A begin that no message reaches selects nothing."""
    assert offset_range(SPAN, 0, 100, None, None).offsets == 0


def test_open_ends_are_those_of_the_log() -> None:
    """Nothing counts as removed: earliest is what the log holds."""
    assert offset_range(TimeRange(None, None), 7, 100, None, None) == OffsetRange(7, 100)


def test_what_was_removed_before_the_begin_is_told() -> None:
    """Only if the range begins with the log: else the log itself shows that older messages were earlier."""
    assert offset_range(SPAN, 7, 100, FoundOffset(7, 1_500), None) == OffsetRange(7, 100, 7, 1_500)
    assert offset_range(SPAN, 7, 100, FoundOffset(8, 1_500), None).removed == 0
    assert offset_range(SPAN, 0, 100, FoundOffset(0, 1_500), None).removed == 0


def test_a_range_that_retention_has_removed_is_empty() -> None:
    """The log begins past its end."""
    assert offset_range(SPAN, 50, 100, FoundOffset(50, 9_000), FoundOffset(50, 9_000)) == OffsetRange(50, 50, 50, 9_000)


@pytest.mark.parametrize("committed", [9, 61])
def test_a_named_group_of_another_range_is_refused(committed: int) -> None:
    """Its offsets would win over the range's begin."""
    kafka = Kafka(topic="t", group="g")
    arguments = ({0: OffsetRange(10, 60)}, {0: Checkpoint(committed)}, {0: 0})
    with pytest.raises(FatalError, match="another range") as refused:
        check_group(kafka, TimeRange(1_000, 2_000, named_group=True), *arguments)
    assert refused.value.exit_code is ExitCode.USAGE
    check_group(kafka, SPAN, *arguments)


@pytest.mark.parametrize("committed", [None, 10, 60, 3])
def test_a_group_within_the_range_goes_on(committed: int | None) -> None:
    """Below the low watermark it is judged as any expired offset."""
    mark = None if committed is None else Checkpoint(committed)
    named = TimeRange(1_000, 2_000, named_group=True)
    check_group(Kafka(topic="t", group="g"), named, {0: OffsetRange(10, 60)}, {0: mark}, {0: 5})

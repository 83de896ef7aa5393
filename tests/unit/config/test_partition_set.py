"""Sets of partitions are parsed, and a fault names the text and the position."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.config import partition_set
from ingest.errors import ConfigError
from ingest.status import formatting


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", (0,)),
        ("0-3", (0, 1, 2, 3)),
        ("0,3,5-7", (0, 3, 5, 6, 7)),
        (" 5 - 7 , 0 ", (0, 5, 6, 7)),
        ("2,0-1", (0, 1, 2)),
        ("0..3", (0, 1, 2, 3)),
        ("0 .. 1, 3", (0, 1, 3)),
        ("4-4", (4,)),
        ("all", None),
        (" ALL ", None),
    ],
)
def test_parse_reads_sets(text: str, expected: tuple[int, ...] | None) -> None:
    assert partition_set.parse(text, "partitions") == expected


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("", 1),
        (",", 1),
        ("0,", 3),
        ("0,,1", 3),
        ("a", 1),
        ("0-31x", 5),
        ("0--3", 2),
        ("-1", 1),
        ("1 2", 3),
        ("0,7-5", 3),
        ("0-99999999999", 1),
        ("0;1", 2),
        ("all,1", 1),
        ("0...3", 2),
        ("0-3,3-5", 5),
        ("2,1,2", 5),
    ],
)
def test_parse_names_the_text_and_the_position_of_a_fault(text: str, position: int) -> None:
    with pytest.raises(ConfigError) as fault:
        partition_set.parse(text, "partitions")
    assert f'"{text}": position {position}:' in str(fault.value)


@given(st.sets(st.integers(0, 500), min_size=1))
def test_parse_reads_what_spell_writes(chosen: set[int]) -> None:
    assert partition_set.parse(formatting.partitions(chosen), "partitions") == tuple(sorted(chosen))


def test_a_fault_names_where_the_partitions_are_set() -> None:
    with pytest.raises(ConfigError, match=r'^\[topics.rides\] partitions "x": position 1'):
        partition_set.parse("x", "[topics.rides] partitions")

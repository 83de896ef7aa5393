"""Values are formatted for people."""

import pytest

from ingest.status import formatting


def test_partitions() -> None:
    assert formatting.partitions((8, 7, 0, 1, 2, 5)) == "0-2,5,7-8"
    assert formatting.partitions(()) == "none"


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (0, "0 s"),
        (0.000_02, "0 s"),
        (0.254, "0.25 s"),
        (9.94, "9.9 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (3599.6, "1 h 00 min"),
        (90_061, "1 d 1 h"),
    ],
)
def test_seconds(number: float, expected: str) -> None:
    assert formatting.seconds(number) == expected


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (0, "0 s"),
        (0.000_02, "0 s"),
        (0.004, "0.004 s"),
        (0.38, "0.4 s"),
        (1.2, "1 s"),
        (59.6, "1 min"),
        (7_620, "2 h 07 min"),
        (90_061, "1 d"),
    ],
)
def test_seconds_at_a_glance(number: float, expected: str) -> None:
    assert formatting.glance(number) == expected


def test_amounts_and_sizes() -> None:
    assert formatting.amount(1, "row") == "1 row"
    assert formatting.amount(100_000, "row") == "100,000 rows"
    assert formatting.size(31_457_280) == "30 MB"
    assert formatting.size(1_572_864) == "1.5 MB"
    assert formatting.size(2**30 + 2**29) == "1.5 GB"
    assert formatting.count(12345.6) == "12,346"

"""Values as the page shows them: unknown is never 0, and ages have classes."""

from dataclasses import replace

import pytest

from ingest.status.web import values
from tests.harness.status_page import AT, calm, partition


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (None, "count", "\N{EN DASH}"),
        ("", "text", "\N{EN DASH}"),
        (0, "count", "0"),
        (12_345.4, "count", "12,345"),
        (1.24, "seconds", "1.2 s"),
        (3_725.0, "seconds", "1 h 02 min"),
        (AT - 58, "ago", "58 s ago"),
        (AT + 5, "ago", "0 s ago"),
        (0.0, "clock", "00:00:00 UTC"),
        (230 * 2**20, "bytes", "230 MB"),
        (48 * 2**30, "bytes", "48.0 GB"),
        ((0, 1, 2, 5), "partitions", "0-2,5"),
        (7, "plain", "7"),
    ],
)
def test_formats(value: object, kind: str, text: str) -> None:
    assert values.shown(value, kind, AT) == text


@pytest.mark.parametrize(
    ("age_s", "lag", "name"),
    [
        (None, 0, "none"),
        (None, 5, "unknown"),
        (None, None, "unknown"),
        (0.0, 5, "10s"),
        (9.99, 5, "10s"),
        (10.0, 5, "1min"),
        (60.0, 5, "10min"),
        (600.0, 5, "1h"),
        (3_600.0, 5, "old"),
    ],
)
def test_the_class_of_an_age(age_s: float | None, lag: int | None, name: str) -> None:
    assert values.age_of(replace(partition("t", 0, 0), oldest_age_s=age_s, lag=lag)) == name


def test_a_path_stops_at_what_is_not_there() -> None:
    assert values.at_path(calm(), "kafka.fault.text") is None
    assert values.at_path(calm(), "totals.read") == 812_345_678


def test_a_spark_line_is_interrupted_where_nothing_is_known() -> None:
    assert values.spark_path([1.0, None, 2.0, 1.0], 10.0).count("M") == 2


def test_a_spark_line_ends_at_the_right_and_spans_an_hour() -> None:
    path = values.spark_path([1.0] * 360, 10.0)
    assert path.endswith("L100.0 2.0")
    assert path.startswith("M0.3 ")


def test_a_spark_line_of_nothing_is_empty() -> None:
    assert values.spark_path([], 10.0) == ""
    assert values.spark_path([0.0, 0.0], 10.0).endswith("27.0")


def test_a_spark_line_says_what_it_shows() -> None:
    assert values.spark_label("Read", [1.0, 2000.0, 3.0], "count") == "Read, last hour: at most 2,000, now 3"
    assert values.spark_label("Read", [None], "count") == "Read, last hour: nothing known yet"

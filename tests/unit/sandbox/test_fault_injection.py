"""A fault is played for exactly the requests that meet its conditions."""

import pytest

from ingest.sandbox.fault_injection import Fault, FaultPlan, Measures, Value

SMALL = Measures(rows=10, nbytes=1000)


def played(fault: Fault, requests: int, *, now_s: float = 0.0, dice: float = 0.0) -> list[bool]:
    plan = FaultPlan([fault])
    return [plan.at_head(SMALL, now_s, dice) is fault for _ in range(requests)]


def test_without_faults_it_behaves() -> None:
    assert FaultPlan().at_head(SMALL, 0.0, 0.0) is None


def test_a_fault_without_conditions_is_always_played() -> None:
    assert played(Fault(kind="reset"), 3) == [True, True, True]


def test_count_ends_it() -> None:
    assert played(Fault(kind="reset", count=2), 4) == [True, True, False, False]


def test_skip_lets_the_first_pass() -> None:
    assert played(Fault(kind="reset", skip=2, count=1), 4) == [False, False, True, False]


@pytest.mark.parametrize(("dice", "expected"), [(0.29, True), (0.3, False), (0.99, False)])
def test_probability(dice: float, expected: bool) -> None:  # noqa: FBT001  what is expected
    assert played(Fault(kind="reset", probability=0.3), 1, dice=dice) == [expected]


@pytest.mark.parametrize(("now_s", "expected"), [(100.0, True), (104.9, True), (105.0, False)])
def test_it_lasts_for_so_many_seconds(now_s: float, expected: bool) -> None:  # noqa: FBT001  what is expected
    fault = Fault(kind="reset", for_s=5)
    assert (FaultPlan([fault], since_s=100.0).at_head(SMALL, now_s, 0.0) is fault) is expected


@pytest.mark.parametrize(("measures", "expected"), [(Measures(50, 0), True), (Measures(49, 10**9), False)])
def test_only_requests_with_enough_rows(measures: Measures, expected: bool) -> None:  # noqa: FBT001  as above
    fault = Fault(kind="status", status=413, min_rows=50)
    assert (FaultPlan([fault]).at_head(measures, 0.0, 0.0) is fault) is expected


def test_only_requests_with_enough_bytes() -> None:
    fault = Fault(kind="status", status=413, min_bytes=1001)
    assert FaultPlan([fault]).at_head(SMALL, 0.0, 0.0) is None
    assert FaultPlan([fault]).at_head(Measures(1, 1001), 0.0, 0.0) is fault


def test_only_with_enough_requests_at_once() -> None:
    fault = Fault(kind="status", status=429, min_concurrent=3)
    assert FaultPlan([fault]).at_head(Measures(1, 1, 2), 0.0, 0.0) is None
    assert FaultPlan([fault]).at_head(Measures(1, 1, 3), 0.0, 0.0) is fault


@pytest.mark.parametrize(
    ("fault", "stores"),
    [
        (Fault(kind="cut", after_bytes=17), False),
        (Fault(kind="cut", after_bytes=17, stored=True), True),
        (Fault(kind="portal"), False),
        (Fault(kind="interim"), True),
        (Fault(kind="length", length="5"), True),
        (Fault(kind="leftover"), True),
    ],
)
def test_what_is_stored_unless_it_is_said(fault: Fault, stores: bool) -> None:  # noqa: FBT001  what is expected
    assert fault.stores is stores


def test_an_unknown_ending_is_refused() -> None:
    with pytest.raises(ValueError, match="known: close, reset, open"):
        Fault(kind="cut", ending="explode")  # type: ignore[arg-type]


def test_the_first_fault_that_applies_is_played() -> None:
    faults = [Fault(kind="status", status=503, count=1), Fault(kind="reset", count=1)]
    plan = FaultPlan(faults)
    assert [plan.at_head(SMALL, 0.0, 0.0) for _ in range(3)] == [*faults, None]
    assert plan.played == [1, 1]


def test_a_fault_by_content_waits_for_the_rows() -> None:
    fault = Fault(kind="status", status=400, column="seq", value=7)
    plan = FaultPlan([fault])

    def holds_seven(column: str, value: Value) -> bool:
        return (column, value) == ("seq", 7)

    assert plan.at_head(SMALL, 0.0, 0.0) is None
    assert plan.by_content(holds_seven, SMALL, 0.0, 0.0) is fault
    assert plan.by_content(lambda _column, _value: False, SMALL, 0.0, 0.0) is None


@pytest.mark.parametrize(
    ("fault", "stores"),
    [
        (Fault(kind="status", status=503), False),
        (Fault(kind="status", status=503, stored=True), True),
        (Fault(kind="redirect", status=302), False),
        (Fault(kind="reset"), False),
        (Fault(kind="reset", stored=True), True),
        (Fault(kind="truncate"), True),
        (Fault(kind="drip", seconds=1), True),
        (Fault(kind="latency", seconds=1), True),
        (Fault(kind="stall", seconds=1), True),
        (Fault(kind="stall"), False),
    ],
)
def test_rows_are_stored_where_the_client_is_told_so_unless_said_otherwise(fault: Fault, stores: bool) -> None:  # noqa: FBT001
    assert fault.stores is stores


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"kind": "explode"}, "explode"),
        ({"kind": "drip"}, "seconds"),
        ({"kind": "latency"}, "seconds"),
        ({"kind": "status"}, "status"),
        ({"kind": "redirect", "status": 200}, "301"),
    ],
)
def test_wrong_faults_are_named(arguments: dict[str, object], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        Fault(**arguments)  # type: ignore[arg-type]


def test_a_fault_travels_as_json() -> None:
    fault = Fault(kind="status", status=429, retry_after_s=1.5, count=3)
    assert fault.to_json() == {"kind": "status", "status": 429, "retry_after_s": 1.5, "count": 3}
    assert Fault(**fault.to_json()) == fault

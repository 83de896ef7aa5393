"""One topic, several models: each row reaches its own, and a model that fails does not hold up the others."""

import re
import signal
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from ingest.errors import ExitCode
from ingest.sandbox.fault_injection import Fault
from tests.harness.rig import DEFAULTS, Rig
from tests.harness.supervise import Supervise

REGIONS = ("eu-west", "eu-east", "us-east", "ap-south")
EUROPE, AMERICA = "fraud-eu", "fraud-us"
IN_FLIGHT_ROWS = (2 * 2 * DEFAULTS["arize"]["in_flight"] - 1) * DEFAULTS["batch"]["max_events"]  # of two routes

ROUTES: dict[str, dict[str, Any]] = {
    "routes.noise": {"when": {"tag_region": "ap-*"}, "deliver": False},
    "routes.eu": {"when": {"tag_region": ["eu-west", "eu-east"]}},
    "routes.eu.arize": {"model_name": EUROPE, "model_version": "v-{tag_release}"},
    "routes.us": {"when": {"tag_region": "us-east"}},
    "routes.us.arize": {"model_name": AMERICA},
}
FAILING = [Fault(kind="status", status=503, column="tag_region", value=region) for region in REGIONS[:2]]


def start(
    rig: Rig, *, routes: dict[str, dict[str, Any]] | None = None, until_end: bool = True, **settings: Any
) -> Supervise:
    return rig.start(
        until_end=until_end, **{"schema": {"tags": ["tag_region", "tag_release"]}, **(routes or ROUTES), **settings}
    )


def region_of(rig: Rig) -> dict[tuple[int, int], str]:
    """The region of each good event, by partition and sequence, which is its offset."""
    bad = rig.truth.bad
    return {
        (partition, int(offset)): str(rig.truth.row(partition, int(offset))["tag_region"])
        for partition in rig.partitions
        for offset in rig.truth.visible(partition)
        if (partition, int(offset)) not in bad
    }


def stored(rig: Rig) -> dict[str, Counter[tuple[int, int]]]:
    """How often each event is stored, by model."""
    found: dict[str, Counter[tuple[int, int]]] = {}
    for request in rig.evidence.journal.requests():
        places = zip(request.table["kp"].to_pylist(), request.table["seq"].to_pylist(), strict=True)
        found.setdefault(request.model_name, Counter()).update(places)
    return found


def settled(rig: Rig) -> Any:
    """The counts of all commits, with what they hold above their offset."""
    marks = [mark.settled() for mark in rig.committed().values() if mark is not None]
    return sum(marks[1:], marks[0])


def test_each_row_reaches_its_own_model_and_version_and_the_rest_is_accounted_for(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=3)
    main.produce(6_000, bad_share=0.005)
    odd = main.put([b'{"prediction_id": "odd", "prediction_ts": 1, "prediction_score": 1.5, "tag_region": 7}', None])
    run = start(main, schema={"tags": ["tag_region", "tag_release"], "tombstones": "ignore"})
    assert run.wait() == ExitCode.DONE
    wanted = region_of(main)
    there = stored(main)
    assert there[EUROPE] == Counter(place for place, region in wanted.items() if region.startswith("eu"))
    assert there[AMERICA] == Counter(place for place, region in wanted.items() if region == "us-east")
    assert there.keys() == {EUROPE, AMERICA}
    for request in main.evidence.journal.requests():
        releases = set(request.table["tag_release"].to_pylist())
        version = "1" if request.model_name == AMERICA else f"v-{next(iter(releases))}"
        assert request.model_version == version
        assert request.model_name == AMERICA or len(releases) == 1
    tombstones = {place for place, value in main.read_topic().items() if value is None}
    reasons = dict(main.reasons)
    assert reasons.pop((0, odd[0])) == "no_route"
    assert set(reasons) == main.truth.bad - tombstones
    counts = settled(main)
    assert counts.filtered == sum(region == "ap-south" for region in wanted.values())
    assert (counts.tombstones, counts.dead_lettered) == (len(tombstones), len(reasons) + 1)
    assert counts.total == 6_002
    (account,) = run.all("account")
    totals = account["totals"]
    assert totals["consumed"] == 6_002
    assert [totals[name] for name in ("acknowledged", "dead_lettered", "tombstones", "filtered")] == [
        counts.acknowledged,
        counts.dead_lettered,
        counts.tombstones,
        counts.filtered,
    ]


def test_a_failing_model_is_suspended_and_catches_up_with_nothing_twice(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=3)
    main.produce(12_000, bad_share=0.002)
    wanted = region_of(main)
    europe = {place for place, region in wanted.items() if region.startswith("eu")}
    america = {place for place, region in wanted.items() if region == "us-east"}
    main.endpoint.inject_faults(FAILING)
    run = start(main)
    # All of the one model is there while the other has nothing.
    run.until(lambda: set(stored(main).get(AMERICA, ())) == america)
    assert EUROPE not in stored(main)
    (left,) = run.all("route_suspended")
    assert left["route"] == "eu"
    assert all(
        mark is None or mark.next_offset < end
        for mark, end in zip(main.committed().values(), main.ends().values(), strict=True)
    )
    main.endpoint.clear_faults()
    assert run.wait() == ExitCode.DONE
    assert run.all("route_caught_up")
    there = stored(main)
    assert there[EUROPE] == Counter(europe)
    assert there[AMERICA] == Counter(america)
    assert {partition: mark.next_offset for partition, mark in main.committed().items() if mark} == main.ends()
    assert settled(main).total == 12_000


def test_a_kill_while_a_model_is_suspended_does_not_resend_the_others_rows(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=3)
    main.produce(12_000, bad_share=0.002)
    wanted = region_of(main)
    main.endpoint.inject_faults(FAILING)
    run = start(main, supervisor={"max_crashes": 50})
    america = {place for place, region in wanted.items() if region == "us-east"}
    kills = 4
    for _ in range(kills):
        before = len(run.all("route_suspended"))
        run.until(lambda before=before: len(run.all("route_suspended")) > before)  # type: ignore[misc]
        run.workers()[0].kill()
    run.until(lambda: set(stored(main).get(AMERICA, ())) == america)
    main.endpoint.clear_faults()
    assert run.wait() == ExitCode.DONE
    there = stored(main)
    assert set(there[EUROPE]) == {place for place, region in wanted.items() if region.startswith("eu")}
    assert set(there[AMERICA]) == america
    twice = sum(count - 1 for model in there.values() for count in model.values())
    assert twice <= kills * IN_FLIGHT_ROWS
    assert twice <= 3_000, "what was acknowledged ahead of the failing model was sent again"
    assert settled(main).total == 12_000


def test_a_drain_while_a_model_is_suspended_leaves_its_messages_uncommitted_and_repeats_nothing(
    rig: Callable[..., Rig],
) -> None:
    main = rig(partitions=2)
    main.produce(8_000)
    wanted = region_of(main)
    america = {place for place, region in wanted.items() if region == "us-east"}
    main.endpoint.inject_faults(FAILING)
    run = start(main, until_end=False, supervisor={"drain_s": 2.0})
    run.until(lambda: set(stored(main).get(AMERICA, ())) == america)
    run.signal(signal.SIGTERM)
    assert run.wait() == ExitCode.DRAIN_DEADLINE
    assert settled(main).acknowledged == len(america)
    main.endpoint.clear_faults()
    assert start(main).wait() == ExitCode.DONE
    there = stored(main)
    assert there[EUROPE] == Counter(place for place, region in wanted.items() if region.startswith("eu"))
    assert there[AMERICA] == Counter(america)
    assert settled(main).total == 8_000


@pytest.mark.parametrize("on_expired", ["stop", "continue"])
def test_messages_of_a_suspended_model_that_retention_removes_are_reported(
    rig: Callable[..., Rig], on_expired: str
) -> None:
    main = rig(partitions=1)
    main.produce(8_000)
    wanted = region_of(main)
    america = {place for place, region in wanted.items() if region == "us-east"}
    europe = {place for place, region in wanted.items() if region.startswith("eu")}
    main.endpoint.inject_faults(FAILING)
    run = start(main, kafka={"on_expired": on_expired})
    run.until(lambda: set(stored(main).get(AMERICA, ())) == america)
    main.delete_records(0, 6_000)
    main.endpoint.clear_faults()
    code = run.wait()
    there = stored(main)
    assert there[AMERICA] == Counter(america)
    assert all(count == 1 for count in there[EUROPE].values())
    if on_expired == "stop":
        assert code == ExitCode.EXPIRED
        assert "to 5999" in run.all("worker_failed")[0]["error"]
        assert main.committed_at(0) != main.ends()[0]
        return
    assert code == ExitCode.DONE
    (expired,) = run.all("offsets_expired")
    assert expired["next_offset"] == 6_000
    assert set(there[EUROPE]) >= {place for place in europe if place[1] >= 6_000}
    assert set(there[EUROPE]) <= {place for place in europe if not expired["first"] <= place[1] < 6_000}
    assert main.committed_at(0) == main.ends()[0]


def test_changed_routes_void_the_open_ranges_in_a_commit(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=1)
    main.produce(6_000)
    wanted = region_of(main)
    main.endpoint.inject_faults(FAILING)
    run = start(main)
    run.until(lambda: len(run.all("route_suspended")) == 1)
    run.until(lambda: any(each.open for mark in main.committed().values() if mark for each in mark.ranges))
    run.kill()
    run.wait()
    main.endpoint.clear_faults()
    assert start(main, routes={"routes.all": {}, "routes.all.arize": {"model_name": EUROPE}}).wait() == ExitCode.DONE
    there = stored(main)
    everywhere = set(there[EUROPE]) | set(there[AMERICA])
    assert everywhere <= set(wanted)
    # A chunk of nothing but filtered messages has no open route: it stays settled under the new routes too.
    assert {wanted[place] for place in set(wanted) - everywhere} <= {"ap-south"}
    assert {place for place, region in wanted.items() if region.startswith("eu")} <= set(there[EUROPE])
    assert any(wanted[place] == "ap-south" for place in there[EUROPE])  # of chunks whose ranges were open


def test_debug_shows_the_route_of_each_message(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=1)
    main.produce(20)
    settings: dict[str, dict[str, Any]] = {"schema": {"tags": ["tag_region", "tag_release"]}}
    main.write_settings(settings | ROUTES)
    shown = main.command.run("debug", "--partition", "0", "--limit", "20").stdout
    assert Counter(re.findall(r"  route +(\w+)", shown)) == Counter(
        "eu" if region.startswith("eu") else "us" for region in region_of(main).values() if region != "ap-south"
    )

"""One SIGKILL at each point of a record's way: nothing is lost, and only records in flight are repeated."""

from collections.abc import Callable

import pytest

from ingest.errors import ExitCode
from tests.harness.rig import DEFAULTS, Rig

# Two on their way, and one that is acknowledged while its commit isn't confirmed:
# see ingest.pipeline.offsets.committer, rule 5.
IN_FLIGHT_ROWS = (2 * DEFAULTS["arize"]["in_flight"] - 1) * DEFAULTS["batch"]["max_events"]


@pytest.mark.parametrize(
    ("point", "most_duplicates"),
    [
        ("starting", 0),
        ("started", 0),
        ("fetched", 0),
        ("decoding", 0),
        ("batched", 0),
        ("dead_letter_written", 0),
        ("uploading", 0),
        ("stored", IN_FLIGHT_ROWS),
        ("second_stored", IN_FLIGHT_ROWS),
        ("acknowledged", IN_FLIGHT_ROWS),
        ("committing", IN_FLIGHT_ROWS),
        ("dead_letter_committing", IN_FLIGHT_ROWS),
        ("committed", IN_FLIGHT_ROWS),
        ("draining", 0),
    ],
)
def test_a_kill_at_a_crash_point_loses_nothing(point: str, most_duplicates: int, rig: Callable[..., Rig]) -> None:
    main = rig(partitions=2)
    main.produce(4_000, bad_share=0.01)
    with main.sampled():
        run = main.start(plant=point)
        assert run.wait() == ExitCode.DONE
    assert [event["exit_code"] for event in run.all("worker_exited")] == [-9]
    assert main.findings(most_duplicates=most_duplicates) == []
    assert set(main.reasons) == main.truth.bad
    totals = run.account["totals"]
    assert totals["acknowledged"] + totals["dead_lettered"] == 4_000
    assert main.evidence.duplicates <= totals["duplicates_possible"]
    listed = {row["partition"]: row["possible_duplicates"] for row in run.account["partitions"]}
    told = [span for event in run.all("duplicates_possible") for span in event["ranges"]]
    assert main.unlisted() == []
    for partition, offset in main.evidence.twice():
        assert any(each["first"] <= offset < each["next_offset"] for each in listed[partition])
        assert any(each["partition"] == partition and each["first"] <= offset < each["next_offset"] for each in told)

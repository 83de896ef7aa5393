"""A partition that is paused on the status page waits in Kafka, whatever becomes of its worker; the others go on."""

import json
import signal
from collections.abc import Callable
from typing import Any
from urllib.request import Request, urlopen

from ingest.errors import ExitCode
from tests.harness.rig import Rig
from tests.harness.supervise import Supervise

TOKEN = "a-token-for-this-test"  # noqa: S105  of a test
PAUSED = 1


def answer(run: Supervise, path: str, **fields: str) -> Any:
    """What the page answers; with `fields` it is an action."""
    url = run.until_event("status_served")["url"].rstrip("/") + path
    data = "&".join(f"{name}={value}" for name, value in fields.items()).encode() if fields else None
    with urlopen(Request(url, data, {"Authorization": f"Bearer {TOKEN}"})) as found:
        return json.loads(found.read())


def partition(run: Supervise) -> Any:
    return answer(run, "/api/status")["partitions"][PAUSED]


def test_a_pause_holds_over_a_restart_and_ends_with_nothing_lost_or_repeated(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=3)
    main.produce(9_000)
    main.endpoint.inject_faults("latency", seconds=0.05)
    with main.sampled():
        run = main.start(
            workers=1,
            status={"port": 0, "actions": True, "token": TOKEN},
            batch={"max_events": 100, "chunk_events": 50},
        )
        main.until_stored(500, run)
        answer(run, "/actions/pause-partition", partition=str(PAUSED))
        event = run.until_event("partition_paused")
        assert (event["partition"], event["holds_up_the_end"]) == (PAUSED, True)
        assert event["by"] == "the status page, asked from 127.0.0.1"
        # What was read of it is settled and committed, and the others come to their ends.
        ends = main.ends()
        run.until(lambda: all(main.committed_at(one) == ends[one] for one in (0, 2)))
        run.until(lambda: (one := partition(run))["next_offset"] == one["position"] and one["state"] == "paused")
        stands_at = main.committed_at(PAUSED)
        assert stands_at is not None
        assert 0 < stands_at < ends[PAUSED]
        ready = answer(run, "/readyz")
        assert (ready["ok"], ready["notes"]) == (True, [f"partition {PAUSED} of {main.kafka.topic}: paused by request"])
        # The next process of its worker begins paused.
        answer(run, "/actions/restart-worker", worker="0")
        run.until_event("worker_started", count=2)
        run.until(lambda: partition(run)["state"] == "paused")
        loops = len(run.all("progress"))
        run.until(lambda: len(run.all("progress")) >= loops + 4)
        assert main.committed_at(PAUSED) == stands_at
        assert partition(run)["position"] == stands_at
        assert run.running, "a run that has an end waits"
        answer(run, "/actions/resume-partition", partition=str(PAUSED))
        assert run.wait() == ExitCode.DONE
    assert main.findings() == []
    assert run.all("partition_resumed", partition=PAUSED)


def test_a_drain_does_not_wait_for_a_paused_partition(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=2)
    run = main.start(until_end=False, status={"port": 0, "actions": True, "token": TOKEN})
    run.until(lambda: bool(run.all("progress", state="reading")))
    run.until(lambda: answer(run, "/readyz")["ok"])
    answer(run, "/actions/pause-partition", partition=str(PAUSED))
    run.until(lambda: partition(run)["state"] == "paused")
    main.produce(1_000)
    run.until(lambda: main.committed_at(0) == main.ends()[0])
    run.signal(signal.SIGTERM)
    assert run.wait() == ExitCode.DONE
    assert main.committed_at(PAUSED) in (None, 0)
    assert main.findings(done=False) == []
    assert main.start().wait() == ExitCode.DONE
    assert main.findings() == []

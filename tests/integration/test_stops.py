"""Stops: a drain loses and repeats nothing, a second stop exits immediately, and a deadline is kept."""

import os
import signal
import time
from collections.abc import Callable

import pytest

from ingest.errors import ExitCode
from tests.harness.rig import Rig


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT], ids=lambda stop: stop.name)
def test_a_drain_waits_for_a_slow_endpoint_and_repeats_nothing(stop: signal.Signals, rig: Callable[..., Rig]) -> None:
    main = rig(partitions=4)
    main.produce(20_000, bad_share=0.001)
    main.endpoint.inject_faults("latency", seconds=0.3)
    with main.sampled():
        run = main.start(workers=2, until_end=False)
        main.until_stored(2_000, run)
        os.killpg(run.pid, stop)  # as a terminal and a service manager do it
        assert run.wait() == ExitCode.DONE
    assert main.findings(done=False) == []
    assert 2_000 <= main.evidence.stored_rows < 20_000
    committed = sum(mark.counts.acknowledged for mark in main.committed().values() if mark is not None)
    assert committed == main.evidence.stored_rows
    main.endpoint.clear_faults()
    assert main.start(workers=2).wait() == ExitCode.DONE
    assert main.findings() == []


def test_a_second_stop_exits_immediately_and_leaves_open_messages_uncommitted(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=2)
    main.produce(5_000)
    main.endpoint.inject_faults("stall")
    run = main.start(until_end=False)
    run.until(lambda: main.endpoint.stats()["requests"] >= 2)
    run.signal(signal.SIGTERM)
    run.until_event("drain_started")

    def heard_again() -> bool:
        if not (again := any("SIGTERM again" in notice["text"] for notice in run.all("notice"))):
            run.signal(signal.SIGTERM)  # those within a moment of the first count as the same stop
        return again

    run.until(heard_again)
    told_at = time.monotonic()
    assert run.wait() == ExitCode.DRAIN_DEADLINE
    assert time.monotonic() - told_at < 3.0
    main.endpoint.clear_faults()
    assert main.start().wait() == ExitCode.DONE
    assert main.findings(most_duplicates=1_000) == []


def test_a_drain_that_can_not_end_exits_with_7_at_its_deadline(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=2)
    main.produce(5_000)
    main.endpoint.inject_faults("status", status=503, skip=3)
    run = main.start(until_end=False, supervisor={"drain_s": 3.0})
    run.until_event("upload_retried")
    run.signal(signal.SIGTERM)
    assert run.wait(within_s=20.0) == ExitCode.DRAIN_DEADLINE
    assert run.account["exit_code"] == ExitCode.DRAIN_DEADLINE
    assert main.findings(done=False) == []
    acknowledged = sum(mark.counts.acknowledged for mark in main.committed().values() if mark is not None)
    assert acknowledged == main.stored  # what was stored before the trouble is committed
    main.endpoint.clear_faults()
    assert main.start().wait() == ExitCode.DONE
    assert main.findings() == []


def test_a_drain_flushes_the_open_batch_without_waiting_for_its_age(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=1)
    main.produce(300)
    run = main.start(until_end=False, batch={"linger_s": 3_600.0})
    run.until(lambda: any(event["partitions"].get("0", {}).get("position") == 300 for event in run.all("progress")))
    assert main.stored == 0
    run.signal(signal.SIGTERM)
    assert run.wait() == ExitCode.DONE
    assert main.findings() == []
    assert main.evidence.stored_rows == 300

"""What a run says of itself while something is broken: the right state and sentence, seconds after the fact.

No test asserts a time; the seconds are printed (`pytest -s`).
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ingest.errors import ExitCode
from ingest.sandbox.broker import RealKafka
from tests.harness.command import argv
from tests.harness.rig import Rig
from tests.harness.snapshots import Snapshots
from tests.harness.supervise import PATIENCE_S, wait_until


@pytest.fixture
def snapshots(tmp_path: Path) -> Snapshots:
    return Snapshots(tmp_path / "snapshots.jsonl")


def test_arize_that_accepts_and_never_answers_is_named_before_its_timeout(
    rig: Callable[..., Rig], snapshots: Snapshots
) -> None:
    main = rig(partitions=2)
    main.produce(2_000)
    run = main.start(until_end=False, launcher=snapshots.launcher, arize={"timeout_s": 60.0, "in_flight": 2})
    main.until_stored(2_000, run)
    seen = snapshots.until(run, lambda seen: seen["totals"]["lag"] == 0, since=time.time())
    assert seen["sentence"].startswith("All is well:")
    main.endpoint.inject_faults("stall")
    since = time.time()
    main.produce(2_000, seed=1)
    seen = snapshots.until(run, lambda seen: "Arize has not answered" in seen["sentence"], since)
    assert seen["workers"][0]["state"] == "waiting for Arize"
    assert seen["kafka"]["health"] == "ok"
    seen = snapshots.until(run, lambda seen: "Nothing is lost" in seen["sentence"], since)
    assert (seen["totals"]["oldest_age_s"] or 0) > 0


def test_a_broker_that_is_stopped_is_named_although_its_connections_stay(
    rig: Callable[..., Rig], snapshots: Snapshots, real_kafka: RealKafka
) -> None:
    main = rig(partitions=2)
    main.produce(1_000)
    run = main.start(until_end=False, launcher=snapshots.launcher)
    main.until_stored(1_000, run)
    snapshots.until(run, lambda seen: seen["totals"]["lag"] == 0, since=time.time())
    os.kill(real_kafka.pid, signal.SIGSTOP)
    since = time.time()
    try:
        seen = snapshots.until(run, lambda seen: "Kafka has not answered" in seen["sentence"], since)
        assert seen["workers"][0]["state"] == "Kafka away"
        assert seen["arize"]["health"] == "ok"
    finally:
        os.kill(real_kafka.pid, signal.SIGCONT)
    snapshots.until(run, lambda seen: seen["sentence"].startswith("All is well:"), time.time())


def test_dead_letters_that_cant_be_written_and_a_killed_worker_are_named(
    rig: Callable[..., Rig], snapshots: Snapshots
) -> None:
    main = rig(partitions=2)
    main.produce(1_000)
    run = main.start(
        until_end=False, launcher=snapshots.launcher, supervisor={"base_backoff_s": 2.0, "max_backoff_s": 2.0}
    )
    main.until_stored(1_000, run)
    snapshots.until(run, lambda seen: seen["totals"]["lag"] == 0, since=time.time())
    run.workers()[0].kill()
    seen = snapshots.until(run, lambda seen: "Worker 0 has ended" in seen["sentence"], time.time())
    assert seen["workers"][0]["state"] == "restarting"
    snapshots.until(run, lambda seen: seen["sentence"].startswith("All is well:"), time.time())
    main.dead_letters.write_text("a file where the directory should be")
    since = time.time()
    main.produce(1_000, seed=1, bad_share=0.05)
    seen = snapshots.until(run, lambda seen: "Dead letters can't be written" in seen["sentence"], since)
    assert seen["workers"][0]["state"] == "dead letters blocked"
    main.dead_letters.unlink()
    snapshots.until(run, lambda seen: bool(seen["dead_letters"]), time.time())


def test_a_pipe_that_nobody_reads_stops_neither_delivery_nor_the_end_of_the_run(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=1)
    main.produce(5_000)
    main.write_settings({})
    run = subprocess.Popen(
        argv("supervise", "--verbose", "--log-format", "json", "--workers", "1"),
        cwd=main.directory,
        env=main.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        pipesize=4096,
    )
    try:
        wait_until(lambda: main.stored >= 5_000, what=lambda: f"{main.stored} rows are stored")
        wait_until(lambda: main.committed_at(0) == 5_000, what=lambda: f"committed: {main.committed_at(0)}")
        run.send_signal(signal.SIGTERM)
        assert run.wait(PATIENCE_S) == ExitCode.DONE
    finally:
        run.kill()
        run.communicate()
    assert main.findings() == []

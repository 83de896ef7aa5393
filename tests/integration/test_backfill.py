"""`ingest supervise --from --until` on a real Kafka: exactly what lies between, under a group of its own."""

import time
from collections.abc import Callable

from ingest.errors import ExitCode
from ingest.pipeline.kafka import metadata
from tests.harness.rig import Rig
from tests.harness.supervise import wait_until


def a_time() -> str:
    """A time after all messages so far and before all to come, in epoch milliseconds."""
    at_ms = int(time.time() * 1000) + 1
    wait_until(lambda: time.time() * 1000 > at_ms + 1)
    return str(at_ms)


def three_parts(main: Rig) -> tuple[str, str]:
    """200 messages, 300, and 100; the times between them."""
    main.produce(200)
    begin = a_time()
    main.produce(300)
    until = a_time()
    main.produce(100)
    return begin, until


def committed(main: Rig, group: str) -> dict[int, int | None]:
    kafka = main.kafka.model_copy(update={"group": group})
    marks = metadata.committed_progress(kafka, main.partitions)
    return {partition: None if mark is None else mark.next_offset for partition, mark in marks.items()}


def test_exactly_the_range_is_delivered_and_the_live_group_is_not_touched(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=2)
    begin, until = three_parts(main)
    live = main.start("--until-end")
    assert live.wait() == ExitCode.DONE
    assert (main.stored, main.committed_at(0)) == (600, 300)
    run = main.start("--from", begin, "--until", until, until_end=False)
    assert run.wait() == ExitCode.DONE
    group = run.account["group"]
    assert group.startswith(f"{main.kafka.group}-backfill-20")
    assert (run.account["totals"]["acknowledged"], main.stored) == (300, 900)
    assert committed(main, group) == {0: 250, 1: 250}
    assert main.committed_at(0) == 300
    texts = [event["text"] for event in run.all("notice")]
    assert "partition 0: offsets 100 to 249, 150 offsets" in texts
    twice = main.evidence.twice()
    assert len(twice) == 300
    assert {offset for _, offset in twice} == set(range(100, 250))
    again = main.start("--from", begin, "--until", until, until_end=False)
    assert again.wait() == ExitCode.DONE
    assert (again.account["totals"]["acknowledged"], main.stored) == (0, 900)


def test_a_killed_backfill_goes_on_where_it_was(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=1)
    begin, until = three_parts(main)
    options = ("--from", begin, "--until", until, "--group", "own")
    batch, arize = {"max_events": 30, "chunk_events": 30}, {"in_flight": 1}
    main.endpoint.inject_faults("latency", seconds=0.5)
    first = main.start(*options, until_end=False, batch=batch, arize=arize)
    first.until(lambda: (committed(main, "own")[0] or 0) > 200)
    first.kill()
    main.endpoint.clear_faults()
    before = committed(main, "own")[0]
    assert before is not None
    assert 200 < before < 500
    run = main.start(*options, until_end=False, batch=batch, arize=arize)
    assert run.wait() == ExitCode.DONE
    assert run.account["totals"]["acknowledged"] == 500 - before
    assert committed(main, "own") == {0: 500}
    assert main.stored - len(main.evidence.twice()) == 300


def test_nothing_in_the_range_is_done_and_a_group_of_another_range_is_refused(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=2)
    main.produce(100)
    begin = a_time()
    until = a_time()
    main.produce(100)
    run = main.start("--from", begin, "--until", until, "--group", "own", until_end=False)
    assert run.wait() == ExitCode.DONE
    assert run.account["totals"]["acknowledged"] == 0
    assert committed(main, "own") == {0: 50, 1: 50}
    main.produce(100)
    other = main.start("--from", a_time(), "--group", "own", until_end=False)
    assert other.wait() == ExitCode.USAGE
    assert "belongs to another range" in other.errors
    assert main.stored == 0

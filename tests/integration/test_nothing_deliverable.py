"""A configuration that doesn't fit the topic: no run that delivers nothing exits with 0, or drains the topic."""

import signal
from collections.abc import Callable
from typing import Any

import pytest

from ingest.errors import ExitCode
from tests.harness.rig import Rig

WRONG: dict[str, Any] = {"schema": {"prediction_id": "request_id"}}


def wrong(main: Rig) -> dict[str, Any]:
    """A name that no message has, and where dead letters go."""
    return {**WRONG, "dead_letters": {"directory": str(main.dead_letters)}}


@pytest.mark.parametrize("judge", ["decode", "arize"])
def test_a_topic_of_which_nothing_can_be_delivered_stops_before_anything_is_written(
    judge: str, rig: Callable[..., Rig]
) -> None:
    main = rig(partitions=1)
    main.produce(6_000)
    settings: dict[str, Any] = {"dead_letters": {"directory": str(main.dead_letters)}}
    batch = {"max_events": 50, "chunk_events": 50, "linger_s": 0.05}
    if judge == "decode":
        settings = wrong(main)
    else:
        main.endpoint.inject_faults("status", status=422, text="no such model")
    run = main.start(batch=batch, **settings)
    assert run.wait() == ExitCode.TOO_MANY_DEAD
    (failed,) = run.all("worker_failed")
    assert "messages to be delivered, every one of them" in failed["error"]
    main.evidence.update()
    assert main.reasons == {}
    assert (main.committed_at(0) or 0) == 0
    main.endpoint.clear_faults()
    assert main.start(dead_letters=settings["dead_letters"]).wait() == ExitCode.DONE
    assert main.findings() == []


def test_few_messages_of_which_none_can_be_delivered_are_written_and_the_exit_code_says_so(
    rig: Callable[..., Rig],
) -> None:
    main = rig(partitions=2)
    main.produce(60)
    run = main.start(**wrong(main))
    assert run.wait() == ExitCode.TOO_MANY_DEAD
    assert run.account["exit_code"] == ExitCode.TOO_MANY_DEAD
    main.evidence.update()
    assert len(main.reasons) == 60
    assert sum(main.committed_at(partition) or 0 for partition in main.partitions) == 60
    notices = [event["text"] for event in run.all("notice")]
    assert any("nothing of" in text and "all 60 messages became dead letters" in text for text in notices)
    assert main.start(**wrong(main)).wait() == ExitCode.DONE, "there was nothing to deliver"


def test_a_worker_that_is_stopped_leaves_what_is_held_back_uncommitted(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=1)
    main.produce(60)
    run = main.start(until_end=False, **wrong(main))
    run.until(lambda: any(each["partitions"].get("0", {}).get("consumed") == 60 for each in run.all("progress")))
    run.signal(signal.SIGTERM)
    assert run.wait() == ExitCode.DONE
    main.evidence.update()
    assert main.reasons == {}
    assert (main.committed_at(0) or 0) == 0
    assert main.start(dead_letters=wrong(main)["dead_letters"]).wait() == ExitCode.DONE
    assert main.findings() == []


def test_a_topic_of_nothing_but_tombstones_stops_no_worker_and_exits_with_0(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=1)
    main.put([None] * 1_200)
    run = main.start(dead_letters={"directory": str(main.dead_letters)})
    assert run.wait() == ExitCode.DONE
    main.evidence.update()
    assert set(main.reasons.values()) == {"tombstone"}
    assert (len(main.reasons), main.committed_at(0)) == (1_200, 1_200)

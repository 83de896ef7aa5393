"""Faults of the endpoint: only a 2xx answer to our own POST acknowledges, and passing faults are retried."""

import base64
import json
from collections.abc import Callable

import pytest

from ingest.errors import ExitCode
from ingest.sandbox.fault_injection import Fault
from tests.harness.dead_letters import NO_LIMIT
from tests.harness.rig import Rig


def test_a_wrong_key_exits_with_5_and_commits_nothing(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=4)
    main.produce(2_000, bad_share=0.01)
    run = main.start(workers=2, environment={"ARIZE_API_KEY": "wrong-key-canary"})
    assert run.wait() == ExitCode.CREDENTIALS
    main.evidence.update()
    for partition, mark in main.committed().items():
        # What lies before the first good event may be in the dead letters, and committed.
        assert mark is not None
        assert mark.counts.acknowledged == 0
        assert all((partition, offset) in main.truth.bad for offset in range(mark.next_offset))
    assert main.stored == 0
    assert "ARIZE_API_KEY" in run.all("worker_failed")[0]["error"]
    assert "wrong-key-canary" not in run.output + run.errors
    assert main.start(workers=2).wait() == ExitCode.DONE
    assert main.findings() == []


def test_a_key_revoked_in_mid_run_halts_and_a_new_key_continues(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=2)
    main.produce(10_000)
    with main.sampled():
        main.endpoint.inject_faults("latency", seconds=0.05)
        run = main.start()
        main.until_stored(2_000, run)
        main.endpoint.control(api_key="another")
        assert run.wait() == ExitCode.CREDENTIALS
        main.endpoint.clear_faults()
        done = main.start(environment={"ARIZE_API_KEY": "another"})
        assert done.wait() == ExitCode.DONE
    assert main.findings(most_duplicates=3 * 500) == []


def test_a_key_file_is_read_anew_when_the_key_is_refused(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=2)
    main.produce(6_000)
    key = main.directory / "key"
    key.write_text(main.endpoint.api_key)
    main.endpoint.inject_faults("latency", seconds=0.05)
    run = main.start(environment={"ARIZE_API_KEY": ""}, arize={"api_key_file": str(key)})
    main.until_stored(1_000, run)
    key.write_text("another")
    main.endpoint.control(api_key="another")
    assert run.wait() == ExitCode.DONE
    assert main.findings() == []


@pytest.mark.parametrize(
    "faults",
    [
        [Fault(kind="status", status=503, count=6)],
        [Fault(kind="status", status=429, retry_after_s=0.2, count=3)],
        [Fault(kind="redirect", status=status, count=1) for status in (301, 302, 303, 307, 308)],
        [Fault(kind="reset", after_bytes=20_000, count=3)],
        [Fault(kind="stall", count=2)],
    ],
    ids=["503", "429", "redirects", "resets", "silence"],
)
def test_a_passing_fault_is_retried_and_nothing_is_stored_twice(faults: list[Fault], rig: Callable[..., Rig]) -> None:
    main = rig(partitions=2)
    main.produce(3_000)
    main.endpoint.inject_faults(faults)
    with main.sampled():
        # Only silence is to be waited for; a busy machine's endpoint may take seconds over its first batch.
        run = main.start(arize={"timeout_s": 5.0 if faults[0].kind == "stall" else 30.0})
        assert run.wait() == ExitCode.DONE
    assert main.findings() == []
    played = sum(fault["played"] for fault in main.endpoint.stats()["faults"])
    assert played == sum(fault.count or 0 for fault in faults)
    assert len(run.all("upload_retried")) == played
    assert main.endpoint.stats()["elsewhere"] == 0


@pytest.mark.parametrize(
    "fault",
    [
        Fault(kind="drip", seconds=1.0, count=2),
        Fault(kind="truncate", count=2),
        Fault(kind="reset", stored=True, count=2),
        Fault(kind="stall", stored=True, count=2),
    ],
    ids=lambda fault: fault.kind,
)
def test_an_incomplete_answer_acknowledges_nothing(fault: Fault, rig: Callable[..., Rig]) -> None:
    main = rig(partitions=2)
    main.produce(3_000)
    main.endpoint.inject_faults(fault)
    with main.sampled():
        run = main.start(arize={"timeout_s": 2.0})
        assert run.wait() == ExitCode.DONE
    assert main.findings(most_duplicates=2 * 500) == []
    assert len(run.all("upload_retried")) == 2
    assert main.evidence.duplicates > 0


LOSSES = [
    *[Fault(kind="cut", after_bytes=at, ending="close", count=1) for at in (0, 8, 12, 15, 17, 30, 70, 88, 90)],
    *[Fault(kind="cut", after_bytes=at, ending="reset", count=1) for at in (17, 88)],
    Fault(kind="cut", after_bytes=17, ending="open", count=1),
    *[Fault(kind="portal", status=status, count=1) for status in (200, 203)],
    *[Fault(kind="length", length=length, stored=False, count=1) for length in ("5", "99", "2x", "5, 6")],
    # A second 200 behind the first, then a request that is dropped: on a kept connection it would be its answer.
    *[
        fault
        for _ in range(3)
        for fault in (Fault(kind="leftover", count=1), Fault(kind="cut", after_bytes=0, ending="open", count=1))
    ],
]


def test_an_answer_without_proof_of_delivery_acknowledges_nothing(rig: Callable[..., Rig]) -> None:
    """All of LOSSES drop the batch they answer, the leftover's own aside. Interim answers are no answers at all."""
    main = rig(partitions=2)
    main.produce(8_000)
    main.endpoint.inject_faults([*LOSSES, *[Fault(kind="interim", status=status, count=2) for status in (102, 103)]])
    with main.sampled():
        run = main.start(arize={"timeout_s": 3.0})
        assert run.wait() == ExitCode.DONE
    assert main.findings(most_duplicates=3 * 500) == []
    assert [fault["played"] for fault in main.endpoint.stats()["faults"]] == [*[1] * len(LOSSES), 2, 2]
    assert len(run.all("upload_retried")) >= len(LOSSES) - 3


def test_a_2xx_of_an_odd_gateway_is_accepted_where_it_is_configured(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=1)
    main.produce(1_000)
    main.endpoint.inject_faults("portal", stored=True)
    with main.sampled():
        run = main.start(arize={"acknowledgement": "status"})
        assert run.wait() == ExitCode.DONE
    assert main.findings() == []
    assert run.all("upload_retried") == []


def test_a_redirect_is_never_followed_however_long_it_lasts(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=1)
    main.produce(1_500)
    main.endpoint.inject_faults("redirect", status=302)
    with main.sampled():
        run = main.start(until_end=False)
        run.until_event("upload_retried", count=4)
        assert main.stored == 0
        assert main.committed_at(0) == 0
        assert main.endpoint.stats()["elsewhere"] == 0
        assert "/elsewhere" in run.all("upload_retried")[0]["error"]
        main.endpoint.clear_faults()
        run.until(lambda: main.committed_at(0) == 1_500)
    assert main.findings() == []


@pytest.mark.parametrize("status", [400, 413, 422])
def test_refused_rows_become_dead_letters_with_their_raw_messages(status: int, rig: Callable[..., Rig]) -> None:
    main = rig(partitions=1)
    main.produce(1_500)
    raw = main.read_topic()
    main.endpoint.inject_faults("status", status=status, text="a row is too odd", column="seq", value=700)
    with main.sampled():
        run = main.start()
        assert run.wait() == ExitCode.DONE
    refused = {offset for _, offset in main.reasons}
    assert 700 in refused
    assert len(refused) <= 500  # the batch that holds it
    main.truth.bad |= {(0, offset) for offset in refused}
    assert main.findings() == []
    assert main.evidence.stored_rows == 1_500 - len(refused)
    for file in main.dead_letters.glob("*.jsonl"):
        for line in file.read_text().splitlines():
            letter = json.loads(line)
            assert letter["reason"] == f"rejected_{status}"
            assert "a row is too odd" in letter["detail"]
            value = raw[0, letter["offset"]]
            assert value is not None
            assert letter.get("value", "").encode() == value or base64.b64decode(letter["value_base64"]) == value
            assert letter["key"] == f"0-{letter['offset']}"


def test_refused_rows_whose_messages_are_gone_are_kept_as_decoded(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=1)
    main.produce(500)
    main.endpoint.inject_faults([Fault(kind="status", status=503)])
    run = main.start(dead_letters=NO_LIMIT)
    run.until_event("upload_retried")
    main.delete_records(0, 500)
    main.endpoint.inject_faults("status", status=422)
    assert run.wait() == ExitCode.TOO_MANY_DEAD
    assert {offset for _, offset in main.reasons} == set(range(500))
    assert main.stored == 0
    letter = json.loads(next(main.dead_letters.glob("*.jsonl")).read_text().splitlines()[0])
    row = json.loads(letter["value"])
    assert {name: value for name, value in main.generator.row(0, letter["offset"]).items() if value is not None} == row

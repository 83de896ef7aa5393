"""No output holds a secret or a payload: canaries are planted, and every output is searched for them."""

from collections.abc import Callable

import psutil
import pytest

from ingest.errors import ExitCode
from tests.harness.rig import Rig
from tests.harness.supervise import Supervise

KEY = "key-canary-7d1f"
PASSWORD = "password-canary-3c9a"
PAYLOAD = "payload-canary-e5b2"
CANARIES = (KEY, PASSWORD, PAYLOAD)


def canary_rig(rig: Callable[..., Rig]) -> Rig:
    main = rig(partitions=1)
    main.endpoint.control(api_key=KEY)
    (main.directory / "password").write_text(PASSWORD)
    good = b'{"prediction_id": "%d", "prediction_ts": 1767225600.0, "prediction_score": 0.5, "city": "%b"}'
    bad = [
        PAYLOAD.encode(),
        b'{"' + PAYLOAD.encode() + b'": ',
        b'{"prediction_id": {"' + PAYLOAD.encode() + b'": 1}, "prediction_ts": 1767225600.0}',
        b'{"prediction_id": "x", "prediction_ts": "' + PAYLOAD.encode() + b'"}',
        b'["' + PAYLOAD.encode() + b'"]',
        b"\xff" + PAYLOAD.encode(),
    ]
    values = [good % (number, PAYLOAD.encode()) for number in range(300)]
    main.put([*values[:150], *bad, *values[150:]])
    return main


def run_of(main: Rig, plant: str | None = None) -> Supervise:
    return main.start(
        until_end=False,
        plant=plant,
        environment={"ARIZE_API_KEY": KEY},
        # Unused without SASL, but as secret as ever.
        kafka={"options": {"sasl.password_file": str(main.directory / "password"), "sasl.username": "reader"}},
    )


def told(run: Supervise) -> set[str]:
    return {canary for canary in CANARIES if canary in run.output + run.errors}


def test_no_output_holds_a_secret_or_a_payload(rig: Callable[..., Rig]) -> None:
    main = canary_rig(rig)
    main.endpoint.inject_faults("status", status=503, count=2)
    run = run_of(main)
    run.until(lambda: main.committed_at(0) == 306)
    family = [psutil.Process(run.pid), *run.family()]
    for member in family:
        assert not [canary for canary in CANARIES if any(canary in part for part in member.cmdline())]
        assert PASSWORD not in str(member.environ())
    # The forkserver hands the key on to the workers; nobody else has it.
    having = [member for member in family if KEY in str(member.environ())]
    assert len(having) <= 3, [member.cmdline() for member in having]
    for worker in run.workers().values():
        worker.kill()
    run.until_event("worker_started", count=2)
    run.kill()
    assert told(run) == set()
    assert run.errors == ""
    main.evidence.update()
    assert len(main.reasons) == 6
    for file in main.dead_letters.iterdir():
        assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(("plant", "canary"), [("tells_the_key", KEY), ("tells_an_event", PAYLOAD)])
def test_a_planted_leak_is_found(plant: str, canary: str, rig: Callable[..., Rig]) -> None:
    main = canary_rig(rig)
    run = run_of(main, plant)
    run.until(lambda: main.committed_at(0) == 306)
    run.kill()
    assert told(run) == {canary}


def test_a_refused_key_is_not_printed(rig: Callable[..., Rig]) -> None:
    main = canary_rig(rig)
    main.endpoint.control(api_key="another")
    run = run_of(main)
    assert run.wait() == ExitCode.CREDENTIALS
    assert told(run) == set()

"""No output holds a secret or a payload: canaries are planted, and every output is searched for them."""

from collections.abc import Callable
from urllib.error import HTTPError
from urllib.request import urlopen

import psutil

from ingest.errors import ExitCode
from tests.harness.rig import Rig
from tests.harness.supervise import Supervise

KEY = "key-canary-7d1f"
PASSWORD = "password-canary-3c9a"
PAYLOAD = "payload-canary-e5b2"
CANARIES = (KEY, PASSWORD, PAYLOAD)

SERVED = ("", "partitions", "api/status", "api/account", "api/config", "metrics", "livez", "readyz")


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


def canaries(text: str) -> set[str]:
    return {canary for canary in CANARIES if canary in text}


def told(run: Supervise) -> set[str]:
    return canaries(run.output + run.errors)


def served(run: Supervise) -> set[str]:
    """Which canaries the page and what else is served beside it tell now."""
    url = run.until_event("status_served")["url"]
    found = ""
    for path in SERVED:
        try:
            answer = urlopen(f"{url}{path}", timeout=30.0)
        except HTTPError as refused:  # not ready, no account yet: its text counts, too
            answer = refused
        assert answer.status != 404, path
        with answer:
            found += answer.read().decode()
    assert '"run"' in found
    return canaries(found)


def recorded(main: Rig) -> set[str]:
    """Which canaries the account's files tell."""
    files = list((main.directory / "account").iterdir())
    assert files
    return canaries("".join(file.read_text() for file in files))


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
    run.until(lambda: main.committed_at(0) == 306)
    assert served(run) == set()
    run.kill()
    assert told(run) == set()
    assert recorded(main) == set()
    assert run.errors == ""
    main.evidence.update()
    assert len(main.reasons) == 6
    for file in main.dead_letters.iterdir():
        assert file.stat().st_mode & 0o777 == 0o600


def test_a_planted_leak_is_found_on_standard_output_and_on_the_page(rig: Callable[..., Rig]) -> None:
    main = canary_rig(rig)
    run = run_of(main, "tells_the_key")
    run.until(lambda: main.committed_at(0) == 306)
    run.until(lambda: served(run) == {KEY})
    run.kill()
    assert canaries(run.output) == told(run) == {KEY}


def test_a_planted_leak_is_found_on_standard_error(rig: Callable[..., Rig]) -> None:
    main = canary_rig(rig)
    run = run_of(main, "tells_an_event")
    run.until(lambda: main.committed_at(0) == 306)
    run.kill()
    assert canaries(run.errors) == told(run) == {PAYLOAD}


def test_what_is_printed_is_left_out(rig: Callable[..., Rig]) -> None:
    main = canary_rig(rig)
    run = run_of(main, "prints_an_event")
    for name in ("stdout", "stderr"):
        run.until_event("library_message", library=name)
    run.until(lambda: main.committed_at(0) == 306)
    run.kill()
    assert told(run) == set()
    assert run.errors == ""


def test_a_refused_key_is_not_printed(rig: Callable[..., Rig]) -> None:
    main = canary_rig(rig)
    main.endpoint.control(api_key="another")
    run = run_of(main)
    assert run.wait() == ExitCode.CREDENTIALS
    assert told(run) == set()

"""The memory that a worker may need is not less than what was measured; the page's port is judged as at a start."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.commands.check.local_checks import check_status, worker_bytes
from ingest.config.settings import Config
from ingest.errors import ConfigError, ExitCode
from ingest.status.web import runtime_file
from ingest.status.web.listener import listen
from ingest.status.web.service import StatusPage

MIB = 2**20


@pytest.mark.parametrize(
    ("message_bytes", "measured_mib"),
    [
        (200_000, 846),  # many strings, fast lane
        (500_000, 861),
        (500_000, 921),  # orjson lane
        (1_000_000, 765),  # a single string
        (600, 436),  # usual events
        (None, 921),
    ],
)
def test_the_estimate_covers_what_a_worker_took_and_is_not_far_above_it(
    message_bytes: int | None, measured_mib: int
) -> None:
    """Proportional memory and the bodies in shared memory, at the defaults, with slow answers and a deep backlog."""
    need = worker_bytes(Config().topics[0], message_bytes)
    assert measured_mib * MIB <= need <= 1.3 * measured_mib * MIB


def test_small_limits_make_a_small_estimate() -> None:
    (topic,) = Config(batch={"max_bytes": 8 * MIB}, kafka={"queue_bytes": 8 * MIB}).topics
    assert worker_bytes(topic, None) == (150 + 8 + 32 + 5 * 16) * MIB


@pytest.fixture
def taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A port that is taken."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    with listen("127.0.0.1", 0, fallback=False) as listener:
        yield listener.getsockname()[1]


@pytest.fixture
def other() -> Iterator[int]:
    """The id of another process that runs."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process.pid
        process.communicate()


def configured(**status: object) -> Config:
    return Config.model_validate({"kafka": {"topic": "t", "group": "g"}, "status": status})


def running(pid: int, port: int, group: str = "g") -> None:
    started = runtime_file.process_started(pid)
    assert started is not None
    runtime_file.write(
        runtime_file.Running(
            pid=pid,
            started=started,
            url=f"http://127.0.0.1:{port}/",
            run="r",
            group=group,
            topics=("t",),
            version="1",
        )
    )


def test_a_port_that_is_configured_and_taken_fails_as_a_start_does(taken: int) -> None:
    settings = configured(port=taken)
    found = check_status(settings)
    assert (found.status, found.exit_code) == ("failed", ExitCode.CONFIGURATION)
    with pytest.raises(ConfigError) as refused:
        StatusPage(settings.status, {})
    assert str(refused.value) == found.text


def test_the_run_of_this_configuration_may_have_the_port(taken: int, other: int) -> None:
    running(other, taken)
    found = check_status(configured(port=taken))
    assert found.status == "ok"
    assert f"in use by the supervisor with pid {other} (group g, topic t)" in found.text


def test_another_run_may_not(taken: int, other: int) -> None:
    running(other, taken, group="another")
    found = check_status(configured(port=taken))
    assert found.status == "failed"
    assert f"by the supervisor with pid {other} (group another, topic t)" in found.text
    assert str(os.getpid()) not in found.text


def test_a_free_port_and_no_page_are_fine(taken: int) -> None:
    assert check_status(configured(enabled=False)).status == "ok"
    assert check_status(configured(port=0)).text == "a free port at 127.0.0.1 can be listened on"
    policy = configured().status
    policy = policy.model_construct(_fields_set=set(), **{**dict(policy), "port": taken})
    found = check_status(configured().model_copy(update={"status": policy}))
    assert (found.status, found.text) == (
        "ok",
        f"port {taken} is taken, and not configured: a free one would be used",
    )


def test_a_token_that_can_not_be_used_fails(taken: int, tmp_path: Path) -> None:
    found = check_status(configured(port=taken, actions=True, token_file=tmp_path / "none"))
    assert found.status == "failed"
    assert "token_file" in found.text

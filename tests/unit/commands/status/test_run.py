"""`ingest status` asks a run once: what it prints, and the exit code."""

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest

from ingest.commands.status.run import NOT_READY, READY, addresses, run
from ingest.config.settings import Config
from ingest.errors import ConfigError, ExitCode, FatalError
from ingest.status import remote
from ingest.status.health import readyz
from ingest.status.snapshot import State, as_json
from ingest.status.web import runtime_file
from ingest.status.web.app import Probes
from tests.harness.status_page import AT, calm, served, stuck

PROBES = Probes(readyz=lambda snapshot, _now: readyz(snapshot, AT))


def no_config(_files: None) -> Config:
    return Config()


def printed(url: str, *, as_lines: bool = False) -> tuple[int, str]:
    stream = io.StringIO()
    code = run(url, None, load=no_config, json=as_lines, stream=stream)
    return code, stream.getvalue()


def test_a_run_that_is_ready_is_0_and_its_tables_are_printed() -> None:
    with served(calm(32, 4), probes=PROBES) as page:
        code, text = printed(page.url)
    assert code == READY
    assert "Delivering 8,214 messages a second" in text
    assert text.count("250000") == 32
    assert "Ready." in text
    assert "\x1b" not in text


def test_a_run_that_is_not_ready_is_1_and_says_why() -> None:
    with served(stuck(), probes=PROBES) as page:
        code, text = printed(page.url)
    assert code == NOT_READY
    assert "Not ready: Arize is failing: no answer to 2 uploads" in text


def test_a_run_with_a_paused_partition_is_ready_and_names_it() -> None:
    well = calm()
    paused = replace(well.partitions[3], state=State.PAUSED, paused_s=300.0)
    with served(replace(well, partitions=(*well.partitions[:3], paused, *well.partitions[4:])), probes=PROBES) as page:
        code, text = printed(page.url)
    assert code == READY
    assert "Note: partition 3 of predictions: paused by request" in text


def test_json_is_that_of_the_page_one_line_a_run() -> None:
    with served(stuck(), probes=PROBES) as page:
        code, text = printed(page.url, as_lines=True)
    assert (code, text.count("\n")) == (NOT_READY, 1)
    assert json.loads(text) == json.loads(json.dumps(as_json(stuck())))


def test_nothing_that_answers_is_4_with_what_to_do() -> None:
    with served(calm(), probes=PROBES) as page:
        port = page.port
    with pytest.raises(FatalError, match="Connection refused\nIs ingest supervise running") as raised:
        printed(f"127.0.0.1:{port}")
    assert raised.value.exit_code is ExitCode.KAFKA


def test_a_run_that_starts_and_a_page_of_something_else_are_told_apart() -> None:
    with served(probes=PROBES) as page, pytest.raises(FatalError, match="the run is starting"):
        printed(page.url)
    with (
        served(calm(), probes=PROBES) as page,
        pytest.raises(FatalError, match="HTTP 404: it is not the page of a run"),
    ):
        printed(f"{page.url}elsewhere")


def test_the_snapshot_that_is_read_is_the_one_that_was_sent() -> None:
    sent = replace(stuck(), ended=True, exit_code=7, topics=("rides", "fares"))
    with served(sent, probes=PROBES) as page:
        assert remote.ask(remote.address(page.url)).snapshot == sent


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("worker-1:9410", "http://worker-1:9410"),
        ("http://worker-1:9410/", "http://worker-1:9410"),
        ("https://ingest.example.com/runs/a", "https://ingest.example.com/runs/a"),
    ],
)
def test_an_address_is_taken_as_people_write_it(url: str, expected: str) -> None:
    assert remote.address(url) == expected


@pytest.mark.parametrize("url", ["file:///etc/passwd", "http://", "http://host:port", "ftp://host"])
def test_what_is_no_address_is_a_usage_error(url: str) -> None:
    with pytest.raises(FatalError, match=r"write it as http://HOST:PORT") as raised:
        remote.address(url)
    assert raised.value.exit_code is ExitCode.USAGE


def test_the_runs_of_this_machine_are_asked_before_the_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert addresses(None, None, load=no_config) == ["http://127.0.0.1:9410"]
    pid = 1
    runtime_file.write(
        runtime_file.Running(
            pid=pid,
            started=runtime_file.process_started(pid) or 0.0,
            url="http://127.0.0.1:40000/",
            run="r",
            group="g",
            topics=("rides",),
            version="0",
        )
    )
    assert addresses(None, None, load=no_config) == ["http://127.0.0.1:40000"]
    named = Config.model_validate({"status": {"host": "::", "port": 9999}})
    assert addresses(None, named, load=no_config) == ["http://[::1]:9999"]
    assert addresses("other:1", named, load=no_config) == ["http://other:1"]


@pytest.mark.parametrize("status", [{"enabled": False}, {"port": 0}])
def test_a_configuration_without_an_address_is_a_fault(status: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=r"\[status\]"):
        addresses(None, Config.model_validate({"status": status}), load=no_config)

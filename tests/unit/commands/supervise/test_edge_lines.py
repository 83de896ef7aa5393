"""The first line comes at once, and what ends a run is an event as the others; no reader holds either up."""

import fcntl
import io
import json
import os
from pathlib import Path

import pytest
import typer

from ingest.commands.supervise.edge_lines import EdgeLines
from ingest.errors import ConfigError, ExitCode, FatalError
from ingest.status.log_lines import HEAD
from tests.harness.command import Command, clean_environment

CANARY = "canary-of-an-event"


def failed(error: Exception) -> tuple[int, dict[str, object]]:
    stream = io.StringIO()
    edges = EdgeLines(stream, json=True, least="error")
    with pytest.raises(typer.Exit) as exited, edges.failures():
        raise error
    (line,) = stream.getvalue().splitlines()
    return exited.value.exit_code, json.loads(line)


def test_faults_of_the_configuration_are_one_event() -> None:
    code, line = failed(ConfigError(["[kafka] topic is missing", "[kafka] group is missing"]))
    assert code == line["exit_code"] == ExitCode.CONFIGURATION
    assert line["faults"] == ["[kafka] topic is missing", "[kafka] group is missing"]
    assert line["message"] == "ends with exit code 3: [kafka] topic is missing | [kafka] group is missing"
    assert (line["event"], line["level"]) == ("run_failed", "error")


def test_a_fault_that_a_person_must_end_has_its_code() -> None:
    code, line = failed(FatalError("Kafka can't be reached", exit_code=ExitCode.KAFKA))
    assert (code, line["error"], line["traceback"]) == (ExitCode.KAFKA, "Kafka can't be reached", "")


def test_a_defect_has_its_traceback_and_no_text() -> None:
    code, line = failed(ValueError(CANARY))
    assert code == ExitCode.CRASHED
    assert "test_edge_lines.py" in str(line["traceback"])
    assert CANARY not in str(line)


def test_as_text_the_fault_is_the_command_lines() -> None:
    stream = io.StringIO()
    with pytest.raises(ConfigError), EdgeLines(stream, json=False, least="info").failures():
        raise ConfigError("x")
    assert stream.getvalue() == ""


def test_a_usage_error_and_an_exit_pass() -> None:
    stream = io.StringIO()
    for error in (typer.BadParameter("x"), typer.Exit(7)):
        with pytest.raises(type(error)), EdgeLines(stream, json=True, least="info").failures():
            raise error
    assert stream.getvalue() == ""


@pytest.mark.parametrize("least", ["debug", "info", "warning", "error"])
def test_the_first_line_has_a_level(least: str) -> None:
    stream = io.StringIO()
    EdgeLines(stream, json=True, least=least).start()
    shown = stream.getvalue()
    assert bool(shown) == (least in {"debug", "info"})
    if shown:
        line = json.loads(shown)
        assert tuple(line) == (*HEAD, "pid")
        assert line["pid"] == os.getpid()


def test_a_pipe_that_nobody_reads_does_not_hold_the_start() -> None:
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    os.write(writer, b"x" * 4096)
    with os.fdopen(writer, "w") as stream:
        EdgeLines(stream, json=False, least="info").start()
    assert os.read(reader, 8192) == b"x" * 4096
    os.close(reader)


def test_the_command_writes_both_as_json_on_standard_output(tmp_path: Path) -> None:
    command = Command(tmp_path, clean_environment())
    done = command.run("supervise", "--topic", "rides", "--group", "g", "--log-format", "json", code=3)
    first, last = map(json.loads, done.stdout.splitlines())
    assert (first["event"], last["event"]) == ("run_starting", "run_failed")
    assert first["run"] == last["run"]
    assert (last["topic"], last["group"]) == ("rides", "g")
    assert any("ARIZE_SPACE_ID" in fault for fault in last["faults"])
    assert done.stderr == ""


def test_the_two_options_of_the_level_must_agree(tmp_path: Path) -> None:
    done = Command(tmp_path, clean_environment()).run("supervise", "-v", "--log-level", "error", code=2)
    assert "--verbose is --log-level debug" in done.stderr
    assert done.stdout == ""

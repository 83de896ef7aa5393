"""`ingest lint` names every fault and doubt with its place, and decides by them."""

import io
import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ingest.commands.lint.run import run
from ingest.config.load import load_with_sources


@pytest.fixture(autouse=True)
def _directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def lint(text: str | None, *, deny_warnings: bool = False) -> tuple[int, str]:
    if text is not None:
        Path("ingest.toml").write_text(text, encoding="utf-8")
    stream = io.StringIO()
    code = run(partial(load_with_sources, None), deny_warnings=deny_warnings, json=False, stream=stream)
    return code, stream.getvalue()


def as_json(text: str) -> Any:
    Path("ingest.toml").write_text(text, encoding="utf-8")
    stream = io.StringIO()
    run(partial(load_with_sources, None), deny_warnings=False, json=True, stream=stream)
    return json.loads(stream.getvalue())


GOOD = '[kafka]\ntopic = "t"\n[arize]\nmodel_name = "m"\n'


def test_a_configuration_without_faults_needs_no_secrets() -> None:
    assert lint(GOOD) == (0, "no faults, no warnings\n")
    assert lint(GOOD, deny_warnings=True)[0] == 0


def test_a_fault_has_file_and_line() -> None:
    code, text = lint(GOOD + "[supervisor]\nworkers = 0\n")
    assert (code, text) == (
        3,
        "ingest.toml:6: fault: [supervisor] workers: 1 or more is expected\n1 fault, 0 warnings\n",
    )


def test_what_a_start_would_miss_is_a_fault() -> None:
    code, text = lint("[batch]\n")
    assert code == 3
    assert "fault: [kafka] topic is missing" in text
    assert "model_name is missing" in text
    assert "ARIZE_API_KEY" not in text


def test_no_file_is_a_fault() -> None:
    code, text = lint(None)
    assert code == 3
    assert text.startswith("fault: there is no ingest.toml here: ingest init writes one")


def test_a_column_like_a_reserved_one_is_a_warning() -> None:
    text = GOOD + '[schema]\ntags = ["prediction_scor"]\n'
    code, told = lint(text)
    assert code == 0
    assert told.startswith('ingest.toml:6: warning: [schema] tags: "prediction_scor" is like the reserved column')
    assert lint(text, deny_warnings=True)[0] == 3


def test_a_secret_in_the_file_is_a_warning_and_not_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_PASSWORD", "hunter2-canary")
    _, told = lint(GOOD + '[kafka.options]\nsasl.password = "hunter2-canary"\n')
    assert told.startswith("ingest.toml:6: warning: [kafka.options] sasl.password: a secret stands in the file")
    assert "hunter2" not in told
    assert lint(GOOD + '[kafka.options]\nsasl.password = "${KAFKA_PASSWORD}"\n')[1] == "no faults, no warnings\n"


def test_json_has_the_place_in_parts() -> None:
    found = as_json(GOOD + "[batch]\nlinger_s = 0\n")
    assert (found["ok"], found["faults"], found["warnings"]) == (False, 1, 0)
    assert found["findings"] == [
        {
            "level": "fault",
            "file": "ingest.toml",
            "line": 6,
            "source": "ingest.toml:6",
            "text": "[batch] linger_s: a number above 0 is expected",
        }
    ]
    (broken,) = as_json("[kafka\n")["findings"]
    assert (broken["file"], broken["line"]) == ("ingest.toml", 1)


def test_a_fault_of_a_variable_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INGEST_BATCH__LINGER_S", "soon")
    assert lint(GOOD)[1].startswith("INGEST_BATCH__LINGER_S: fault: [batch] linger_s: a number is expected")

"""A line of the log is one line, says when and how bad, and holds nothing that acts on a terminal."""

import json
import unicodedata
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ingest.status import log_lines
from ingest.status.log_lines import HEAD, LEVELS, Place, RunName

AT = datetime(2026, 5, 1, 12, 3, 4, 567_000, tzinfo=UTC)


def test_text_has_date_zone_and_level(monkeypatch: pytest.MonkeyPatch) -> None:
    line = log_lines.text_line(AT, "warning", "worker 3", "a commit failed")
    local = AT.astimezone().isoformat(" ", "seconds")
    assert line == f"{local} WARNING worker 3    a commit failed"
    assert datetime.fromisoformat(line[:25]) == AT.replace(microsecond=0), "with its offset"
    monkeypatch.setenv("COLUMNS", "20")
    assert log_lines.text_line(AT, "warning", "worker 3", "a commit failed") == line


def test_json_has_each_name_once_and_null_where_it_does_not_apply() -> None:
    run = RunName("run-1", "pod-3", "1.2")
    fields = {"worker": 9, "topic": None, "rows": 4}
    read = json.loads(log_lines.json_line(AT, "info", "x", "a\nb", run, place=Place(worker=0), fields=fields))
    assert tuple(read) == (*HEAD, "rows")
    assert (read["worker"], read["topic"], read["group"], read["message"]) == (0, None, None, "a | b")
    assert (read["run"], read["host"], read["version"]) == ("run-1", "pod-3", "1.2")


@given(st.text() | st.text(st.sampled_from("a\n\r\v\f\x1b\x07\x1c\x1d\x1e\x7f\x85\x9b\u2028\u2029")))
@example("a\u2028b\u2029c\x85d\x9be")
@example("a\tb")
def test_no_text_makes_a_second_line_or_an_escape_code(text: str) -> None:
    for line in (
        log_lines.text_line(AT, "info", "supervisor", text),
        log_lines.json_line(AT, "info", "x", text, RunName(), fields={"text": text, text: [text]}),
    ):
        assert len(line.splitlines()) == 1
        assert [character for character in line if unicodedata.category(character) == "Cc"] == []


@given(st.text())
def test_json_keeps_the_texts_of_fields_as_they_are(text: str) -> None:
    line = log_lines.json_line(AT, "info", "x", "", RunName(), fields={"text": text})
    assert json.loads(line)["text"] == text


def test_a_log_of_a_level_has_those_above() -> None:
    shown = {least: [level for level in LEVELS if log_lines.reaches(level, least)] for least in LEVELS}
    assert shown["debug"] == list(LEVELS)
    assert shown["warning"] == ["warning", "error"]
    assert shown["error"] == ["error"]


def test_each_start_has_another_name() -> None:
    first, second = log_lines.new_run(AT), log_lines.new_run(AT)
    assert first.run.startswith("20260501T120304Z-")
    assert first.run != second.run
    assert first.host
    assert first.version

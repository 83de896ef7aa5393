"""Each answer of Arize to a request without rows becomes the right check results."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from ingest.commands.check.endpoint import interpret
from ingest.commands.check.result import exit_code, failed, ok, unchecked, warning
from ingest.config.sections import Arize
from ingest.errors import ExitCode
from ingest.pipeline.arize.probe import ProbeAnswer

NOW = datetime(2026, 7, 20, 3, 10, tzinfo=UTC)
DATE = "Mon, 20 Jul 2026 03:10:02 GMT"


def told(status: int, *, templates: bool = False, date: str | None = DATE) -> list[str]:
    answer = ProbeAnswer("https://arize", status, "https://elsewhere", date)
    return [line.status for line in interpret(answer, NOW, Arize(), templates=templates)]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (200, ["ok", "ok", "ok"]),
        (400, ["ok", "ok", "ok"]),
        (401, ["ok", "failed", "ok"]),
        (403, ["ok", "failed", "ok"]),
        (302, ["failed", "unchecked", "ok"]),
        (404, ["failed", "unchecked", "ok"]),
        (429, ["warning", "unchecked", "ok"]),
        (503, ["warning", "unchecked", "ok"]),
    ],
)
def test_what_an_answer_means_for_endpoint_key_and_clock(status: int, expected: list[str]) -> None:
    assert told(status) == expected


def test_a_2xx_that_acknowledges_nothing_is_not_arizes() -> None:
    answer = ProbeAnswer("https://arize", 200, None, DATE, "HTTP 200 whose body is HTML")
    lines = list(interpret(answer, NOW, Arize(), templates=False))
    assert [line.status for line in lines] == ["failed", "unchecked", "ok"]
    assert "HTTP 200 whose body is HTML" in lines[0].text
    assert exit_code(lines) is ExitCode.CREDENTIALS


def test_without_a_known_space_a_refusal_says_nothing_of_the_key() -> None:
    assert told(403, templates=True) == ["ok", "unchecked", "ok"]


def test_a_clock_that_is_off_is_a_warning() -> None:
    assert told(200, date="Mon, 20 Jul 2026 03:15:00 GMT")[-1] == "warning"
    assert told(200, date=None)[-1] == "unchecked"
    assert told(200, date="yesterday")[-1] == "unchecked"


def test_the_exit_code_is_that_of_what_a_start_looks_at_first() -> None:
    assert exit_code([ok("a", ""), warning("b", ""), unchecked("c", "")]) is ExitCode.DONE
    both = [failed("a", "", ExitCode.CREDENTIALS), failed("b", "", ExitCode.KAFKA)]
    assert exit_code(both) is ExitCode.KAFKA
    assert exit_code([*both, failed("c", "", ExitCode.CONFIGURATION)]) is ExitCode.CONFIGURATION


def test_what_sets_the_address_is_named() -> None:
    answer = ProbeAnswer("https://arize", 404, None, DATE)
    text = next(iter(interpret(answer, NOW, Arize(host="elsewhere"), templates=False))).text
    assert text.endswith("check [arize] host")


def test_what_sets_key_and_space_is_named() -> None:
    answer = ProbeAnswer("https://arize", 401, None, DATE)
    given = Arize(api_key_file=Path("/run/key"), space_id="s")
    text = list(interpret(answer, NOW, given, templates=False))[1].text
    assert text.endswith("Check [arize] api_key_file and [arize] space_id")
    assert list(interpret(answer, NOW, Arize(), templates=False))[1].text.endswith("ARIZE_API_KEY and ARIZE_SPACE_ID")

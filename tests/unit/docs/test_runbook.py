"""The runbook has one entry for each alert, exit code and dead-letter reason, and none for what does not exist."""

import re
from collections.abc import Mapping

import pytest
import yaml

from ingest.errors import ExitCode
from ingest.reasons import REASONS
from ingest.status.formatting import names
from scripts.pages import exit_codes, runbook
from tests.harness.command import ROOT

RULES = ROOT / "scripts/deploy/prometheus/ingest.rules.yml"
OPERATIONS = ROOT / "docs/operations"
ENTRY = ("**What it means.**", "**What to look at.**", "**What to do.**")


def entries(page: str, level: int) -> dict[str, str]:
    """The text below each heading of `level`, up to the next heading; a heading that comes twice is a fault."""
    parts = re.split(rf"^{'#' * level} (.+)$", (OPERATIONS / page).read_text(encoding="utf-8"), flags=re.MULTILINE)
    headings = parts[1::2]
    assert len(headings) == len(set(headings)), names("heading", headings)
    return {heading: text.split("\n## ", 1)[0] for heading, text in zip(headings, parts[2::2], strict=True)}


def alerts() -> list[str]:
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return [rule["alert"] for group in groups for rule in group["rules"] if "alert" in rule]


def test_each_alert_has_an_entry_and_no_other_has() -> None:
    assert set(entries("runbook.md", 3)) == set(alerts())


def test_each_exit_code_has_an_entry_and_no_other_has() -> None:
    assert list(entries("runbook-exit-codes.md", 2)) == [f"{code.value} {code.name}" for code in ExitCode]


def test_each_dead_letter_reason_has_an_entry_and_no_other_has() -> None:
    assert set(entries("runbook-dead-letters.md", 3)) == set(REASONS)


def test_texts_about_exit_codes_that_do_not_exist_are_found() -> None:
    assert set(exit_codes.TEXTS["codes"]) == {code.name for code in ExitCode}


@pytest.mark.parametrize("alert", alerts())
def test_entry_of_an_alert_says_what_it_means_what_to_look_at_and_what_to_do(alert: str) -> None:
    assert [part for part in ENTRY if part not in entries("runbook.md", 3)[alert]] == []


@pytest.mark.parametrize("code", list(ExitCode))
def test_entry_of_an_exit_code_also_says_what_was_delivered(code: ExitCode) -> None:
    text = entries("runbook-exit-codes.md", 2)[f"{code.value} {code.name}"]
    assert [part for part in (*ENTRY, "**What was delivered.**") if part not in text] == []


def reasons(group: Mapping[str, object]) -> Mapping[str, str]:
    found = group["reasons"]
    assert isinstance(found, dict)
    return found


def test_each_reason_is_in_one_group_and_each_group_is_mended_in_a_known_way() -> None:
    listed = [reason for group in runbook.GROUPS for reason in reasons(group)]
    assert sorted(listed) == sorted(REASONS)
    ways = {way for group in runbook.GROUPS for way in reasons(group).values()}
    assert ways == set(runbook.TEXTS["mending"])


@pytest.mark.parametrize("reason", [one for one in REASONS if one != "tombstone"])
def test_entry_of_a_reason_says_whether_a_replay_can_deliver_it(reason: str) -> None:
    assert "replay" in entries("runbook-dead-letters.md", 3)[reason]


@pytest.mark.parametrize("page", ["runbook.md", "runbook-exit-codes.md", "runbook-dead-letters.md"])
def test_events_and_states_that_an_entry_names_exist(page: str) -> None:
    """A word in code with an underscore is an event, a field, a metric, a key or a reason: never one of the past."""
    known = "".join(
        path.read_text(encoding="utf-8")
        for path in [*(ROOT / "docs/reference").glob("*.md"), *ROOT.glob("ingest/**/*.py")]
    )
    text = (OPERATIONS / page).read_text(encoding="utf-8")
    words = set(re.findall(r"`([a-z]+(?:_[a-z0-9]+)+)`", text))
    assert sorted(word for word in words if not re.search(rf"\b{word}\b", known)) == []

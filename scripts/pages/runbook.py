"""docs/operations/runbook-exit-codes.md and runbook-dead-letters.md: an entry for each code and for each reason.

Rules
1. Meanings and remedies stand once, in `exit_codes.toml` and in `ingest.reasons.REASONS`; `runbook.toml` adds who can
   mend a reason's cause.
2. Every code and every reason has one entry, and each heading is an anchor that lasts: the reason, or number and name.
"""

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

from ingest.errors import ExitCode
from ingest.reasons import REASONS
from scripts.pages import exit_codes
from scripts.pages.markdown import NOTICE, text

TEXTS = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
GROUPS: Sequence[Mapping[str, object]] = TEXTS["groups"]
_MENDING: Mapping[str, str] = TEXTS["mending"]


def exit_code_page() -> str:
    """The entries of the exit codes."""
    codes: Mapping[str, Mapping[str, str]] = exit_codes.TEXTS["codes"]
    found = [f"{NOTICE}\n# Runbook: exit codes\n", TEXTS["exit_codes"]]
    for one in ExitCode:
        entry = codes[one.name]
        found += [f"## {one.value} {one.name}\n"]
        found += [
            f"**What it means.** {_prose(entry['means'])}\n",
            f"**What was delivered.** {_prose(entry['delivered'])}\n",
        ]
        found += [f"**What to look at.** {_prose(entry['look'])}\n", f"**What to do.** {_prose(entry['do'])}\n"]
    return "\n".join(found)


def dead_letter_page() -> str:
    """The entries of the dead-letter reasons."""
    found = [f"{NOTICE}\n# Runbook: dead letters\n", TEXTS["dead_letters"]]
    for group in GROUPS:
        found += [f"## {group['title']}\n", _prose(str(group["intro"])) + "\n"]
        reasons: Mapping[str, str] = group["reasons"]  # type: ignore[assignment]
        for reason, mending in reasons.items():
            found += [f"### {reason}\n", text(REASONS[reason]) + "\n"]
            found += [_prose(_MENDING[mending].replace("REASON", reason)) + "\n"]
    return "\n".join(found)


def _prose(words: str) -> str:
    return " ".join(words.split())

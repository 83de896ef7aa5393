"""docs/reference/account.md: the JSON fields of the account's files and of a run's final account.

The fields are read off lines that the code writes; `account.toml` holds what each of them is.
"""

import json
import tomllib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ingest.accounting.rows import CommittedState, PartitionKey, PossibleDuplicates, to_line
from ingest.accounting.run_account import PartitionAccount, RunAccount
from ingest.records import Counts, Span
from ingest.status.account import as_json
from scripts.pages.markdown import NOTICE, code, table

TEXTS = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
_AT = datetime(2026, 7, 20, 3, 15, tzinfo=UTC)
_KEY = PartitionKey("predictions", "ingest", 7)
_COUNTS = Counts(1200, 17, 1, 0)
_SPAN = Span(7, 1100, 1218, 100)
_STATE = CommittedState("committed", _KEY, _AT, 1218, _COUNTS, "run-1", 200_000, "topic-id", reads_all=True)
_DUPLICATES = PossibleDuplicates(_KEY, _AT, _SPAN, "worker_lost", "run-1")
_ACCOUNT = RunAccount(
    topic="predictions",
    group="ingest",
    exit_code=0,
    ran_s=1.5,
    crashes=0,
    exact=True,
    partitions=(
        PartitionAccount(
            partition=7,
            consumed=1218,
            counts=_COUNTS,
            next_offset=1218,
            end_offset=1218,
            stable_offset=1218,
            lag=0,
            possible_duplicates=(_SPAN,),
        ),
    ),
)


def page() -> str:
    """The page."""
    return "\n".join(
        [
            f"{NOTICE}\n# Account\n",
            TEXTS["intro"],
            *(f"## {TEXTS[part]['title']}\n{TEXTS[part]['text']}\n{_table(part, names)}" for part, names in fields()),
        ]
    )


def fields() -> Iterable[tuple[str, list[str]]]:
    """The parts of the page by their names in `account.toml`, each with its fields' names in the order of the JSON."""
    final = as_json(_ACCOUNT, _AT)
    partition: Mapping[str, Any] = final["partitions"][0]
    return (
        ("state", list(json.loads(to_line(_STATE)))),
        ("duplicates", list(json.loads(to_line(_DUPLICATES)))),
        ("final", list(final)),
        ("partitions", list(partition)),
        ("possible_duplicates", list(partition["possible_duplicates"][0])),
        ("totals", list(final["totals"])),
    )


def _table(part: str, names: list[str]) -> str:
    """Fields of a part; a text may stand with the part or, for what several parts have, with all of them."""
    texts = {**TEXTS["everywhere"], **TEXTS[part].get("fields", {})}
    return table(("field", "what it is"), ((code(name), texts[name]) for name in names))

"""`scripts/reference`: writes the generated pages of docs/, or with `--check` names those that are stale."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from ingest.config import json_schema
from scripts.pages import (
    account,
    cli,
    configuration,
    dead_letter_reasons,
    events,
    exit_codes,
    metrics,
    rooms,
    runbook,
    status_api,
)

DOCS = Path(__file__).parents[2] / "docs"

PAGES: Mapping[str, Callable[[], str]] = {
    "architecture/rooms.md": rooms.page,
    "operations/runbook-dead-letters.md": runbook.dead_letter_page,
    "operations/runbook-exit-codes.md": runbook.exit_code_page,
    "reference/account.md": account.page,
    "reference/cli.md": cli.page,
    "reference/configuration.md": configuration.page,
    "reference/dead-letter-reasons.md": dead_letter_reasons.page,
    "reference/events.md": events.page,
    "reference/exit-codes.md": exit_codes.page,
    "reference/status-api.md": status_api.page,
    "reference/metrics.md": metrics.page,
    "reference/ingest.schema.json": json_schema.as_text,
}


def pages() -> dict[str, str]:
    """The text of each generated page by its file's path in docs/."""
    return {name: page() for name, page in PAGES.items()}


def stale(directory: Path) -> list[str]:
    """The paths of the pages that `directory` lacks or has with another text."""
    return [name for name, text in pages().items() if _text_of(directory / name) != text]


def _text_of(file: Path) -> str | None:
    return file.read_text(encoding="utf-8") if file.is_file() else None


def main(arguments: list[str]) -> int:
    """Write the pages or check them; the exit code is 1 for stale pages and 2 for unknown arguments."""
    if arguments not in ([], ["--check"]):
        print("usage: scripts/reference [--check]", file=sys.stderr)
        return 2
    if arguments:
        names = stale(DOCS)
        for name in names:
            print(f"docs/{name} is out of date: run scripts/reference and commit the page", file=sys.stderr)
        return 1 if names else 0
    for name, text in pages().items():
        (DOCS / name).parent.mkdir(parents=True, exist_ok=True)
        (DOCS / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

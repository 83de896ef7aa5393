"""docs/reference/dead-letter-reasons.md: each code of `ingest.reasons.REASONS` with its sentence."""

from ingest.reasons import REASONS
from scripts.pages.markdown import NOTICE, code, table, text

_INTRO = """\
Each dead letter has one of these codes as its `reason`, and a sentence as its `detail` that names the column and the
limit, never the value. The codes are stable: count and filter by them (`ingest dead-letters list --reason CODE`).
[Dead-letter format](dead-letter-format.md) has the other fields. Each code links to its entry in the runbook.
"""


def page() -> str:
    """The page."""
    rows = ((_linked(one), text(sentence)) for one, sentence in REASONS.items())
    return "\n".join([f"{NOTICE}\n# Dead-letter reasons\n", _INTRO, table(("reason", "what it means"), rows)])


def _linked(reason: str) -> str:
    return f"[{code(reason)}](../operations/runbook-dead-letters.md#{reason})"

"""What a run is like, as text for a terminal or a file."""

from rich.text import Text

from ingest.status.health import Verdict
from ingest.status.live.paint import as_text
from ingest.status.live.text import Line, Part
from ingest.status.live.view import report as lines_of
from ingest.status.snapshot import Snapshot


def report(snapshot: Snapshot, verdict: Verdict, base: str, width: int) -> Text:
    """The whole state, with why the run is not ready if it is not, and its notes."""
    lines: list[Line] = [*lines_of(snapshot, width), ()]
    lines += [(Part(f"Note: {note}", "yellow"),) for note in verdict.notes]
    if verdict.ok:
        lines.append((Part("Ready.", "green"), Part(f" {base}", "dim")))
    else:
        lines += [(Part(f"Not ready: {reason}", "bold red"),) for reason in verdict.reasons]
        lines.append((Part(base, "dim"),))
    return as_text(lines)

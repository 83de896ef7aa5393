"""The one line that says how a run is."""

from ingest.status.snapshot import Snapshot


def sentence(snapshot: Snapshot) -> str:
    """The first line."""
    return "ended" if snapshot.ended else "running"

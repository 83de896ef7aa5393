"""The compiled decoder, if it is installed: the only module that imports ingest_fastlane.

It imports nothing else, so that a command can tell quickly whether there is one.
"""

from typing import Any

try:
    import ingest_fastlane
except ImportError:
    decoder: Any = None
else:
    decoder = ingest_fastlane

INTERFACE = 1  # what this version of ingest calls


def fault_of_fast_lane() -> str:
    """Why the fast lane can't be used on this machine; "" if it can."""
    if decoder is None:
        return "the fast lane is not installed (scripts/fastlane)"
    if decoder.INTERFACE != INTERFACE:
        return (
            f"the installed ingest-fastlane has interface {decoder.INTERFACE}, and this version of ingest needs "
            f"{INTERFACE}: install the one of the same release"
        )
    return ""

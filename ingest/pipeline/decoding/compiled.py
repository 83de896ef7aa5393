"""The compiled decoder, if it is installed: the only module that imports ingest_fastlane.

It imports nothing heavy, so that a command can tell quickly whether there is one. One of another version than this
ingest is not used: what a value becomes would be decided by two versions.
"""

from typing import Any

from ingest import NOT_INSTALLED, __version__

try:
    import ingest_fastlane
except ImportError as error:
    decoder: Any = None
    _import_error = error if error.name != "ingest_fastlane" else None
else:
    decoder = ingest_fastlane
    _import_error = None

INTERFACE = 1  # what this version of ingest calls


def fault_of_fast_lane() -> str:
    """Why the fast lane can't be used on this machine, and what to do; "" if it can."""
    if _import_error is not None:
        return f"the fast lane is installed, but can't be loaded: {_import_error}"
    if decoder is None:
        return "the fast lane is not installed (the package ingest-fastlane; in a checkout: scripts/fastlane)"
    return mismatch(__version__, getattr(decoder, "VERSION", "before 0.1.0"), decoder.INTERFACE)


def mismatch(own: str, version: str, interface: int) -> str:
    """What is wrong with the `version` of the compiled decoder; "" if it is made for ingest's `own` version."""
    if interface == INTERFACE and own in {version, NOT_INSTALLED}:
        return ""
    return (
        f"ingest-fastlane {version} is installed, which is not made for ingest {own}: install both in one version "
        "(in a checkout: scripts/fastlane)"
    )

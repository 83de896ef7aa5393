"""Why a compressed value can't be inflated: the reasons that all kinds of compression share."""

from ingest.reasons import Reason

BLOCK_BYTES = 64 * 1024  # inflated at a time


def damaged(name: str, what: str) -> Reason:
    """`what` is wrong, in the words of the decompressor; they hold nothing of the value."""
    return Reason("bad_compression", f"[format] compression: it is not {name}, or damaged: {what}")


def truncated(name: str) -> Reason:
    """The value ends too early."""
    return Reason("bad_compression", f"[format] compression: it ends within its {name} data")


def trailing(name: str) -> Reason:
    """Something follows the compressed value."""
    return Reason("bad_compression", f"[format] compression: bytes follow the end of its {name} data")


def too_large(limit: int) -> Reason:
    """It inflates to more bytes than may be."""
    return Reason("inflated_size", f"it inflates to more than [format] max_inflated_bytes, {limit:,}")

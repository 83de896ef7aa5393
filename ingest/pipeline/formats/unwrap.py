"""From the bytes of a message to one JSON object: framing, compression, envelopes and the other steps of [format].

Rules
1. What becomes of a message depends on its bytes and the configuration alone.
2. A message that a step can't take is rejected with a reason that names the step and its key, never the payload.
3. Without steps (`plain`) the values are passed on as they are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ingest.config.format import Format
from ingest.records import Rejected


@dataclass(frozen=True, slots=True)
class Unwrapped:
    """The messages of a chunk after the steps: a value for each, None for a tombstone; `rejected` by index."""

    values: Sequence[bytes | None]
    rejected: Mapping[int, Rejected]


class Unwrapper:
    """Applies the steps of [format] that come before explode."""

    def __init__(self, format_: Format) -> None:
        self.plain = format_.plain

    def unwrap(self, values: Sequence[bytes | None]) -> Unwrapped:
        """`values` are the raw messages of a chunk."""
        return Unwrapped(values, {})

"""From a message's JSON object to the objects that are decoded: one for each prediction in it, values converted.

Rules
1. What becomes of a message depends on the message and the configuration alone.
2. A message is the unit of account: its parts have its offset, and it is one dead letter, whatever number of its parts
   can't be delivered. The reason names the index of the first of these.
3. Without [format] explode and [schema.convert] (`plain`) messages are passed on as they are.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ingest.config.resolve import RouteConfig
from ingest.records import KafkaMessage, Rejected


@dataclass(frozen=True, slots=True)
class Parts:
    """Objects to be decoded, as JSON, None for a tombstone.

    `owners` is the index of each one's message, ascending; `numbers` its index within the message. `rejected` has the
    messages of which not every part could be made, by the message's index: their other parts are among `values`.
    """

    values: Sequence[bytes | None]
    owners: npt.NDArray[np.int64]
    numbers: npt.NDArray[np.int64]
    rejected: Sequence[Rejected]


class Reshaper:
    """Makes the parts of the messages of one route."""

    def __init__(self, config: RouteConfig) -> None:
        self.plain = not config.format.explode and not config.schema.convert

    def reshape(self, messages: Sequence[KafkaMessage], values: Sequence[bytes | None]) -> Parts:
        """`values` are the unwrapped values of `messages`."""
        owners = np.arange(len(messages), dtype=np.int64)
        return Parts(values, owners, np.zeros_like(owners), ())

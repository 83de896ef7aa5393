"""From a message's JSON object to the objects that are decoded: one for each prediction in it, values converted.

Rules
1. What becomes of a message depends on the message and the configuration alone.
2. A message is the unit of account: its parts have its offset, and it is one dead letter, whatever number of its parts
   can't be delivered. The reason names the index of the first of these.
3. Without [format] explode and [schema.convert] (`plain`) messages are passed on as they are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ingest.config.resolve import RouteConfig
from ingest.errors import DecodeError
from ingest.pipeline.decoding.json_tree import text_of, tree_of
from ingest.pipeline.formats.convert import Converter
from ingest.records import KafkaMessage, Rejected


@dataclass(frozen=True, slots=True)
class Parts:
    """Objects to be decoded, as JSON, None for a tombstone.

    `owners` is the index of each one's message, ascending; `numbers` its index within the message. `rejected` has the
    messages of which not every part could be made, by the message's index: their other parts are among `values`.
    `nulled` has, by the index of a value, the column of each value in it that a conversion made null.
    """

    values: Sequence[bytes | None]
    owners: npt.NDArray[np.int64]
    numbers: npt.NDArray[np.int64]
    rejected: Sequence[Rejected]
    nulled: Mapping[int, Sequence[str]] = field(default_factory=dict)


class Reshaper:
    """Makes the parts of the messages of one route."""

    def __init__(self, config: RouteConfig) -> None:
        self._converter = Converter(config.schema, config.arize.model_type)
        self._explode = bool(config.format.explode)
        self.plain = not self._explode and self._converter.plain

    def reshape(self, messages: Sequence[KafkaMessage], values: Sequence[bytes | None]) -> Parts:
        """`values` are the unwrapped values of `messages`."""
        if self._explode:
            raise NotImplementedError
        owners = np.arange(len(messages), dtype=np.int64)
        found: list[bytes | None] = []
        rejected: list[Rejected] = []
        nulled: dict[int, Sequence[str]] = {}
        may_apply = self._converter.may_apply
        for index, value in enumerate(values):
            if value is None or not may_apply(value):
                found.append(value)
                continue
            try:
                converted, columns = self._converted(value)
            except DecodeError as fault:
                rejected.append(Rejected(index, fault.reason))
                continue
            if columns:
                nulled[len(found)] = columns
            found.append(converted)
        if rejected:
            owners = np.delete(owners, [fault.index for fault in rejected])
        return Parts(found, owners, np.zeros_like(owners), rejected, nulled)

    def _converted(self, value: bytes) -> tuple[bytes, Sequence[str]]:
        """The value with its conversions, and the columns of the values that became null. Raises DecodeError."""
        nulled: list[str] = []
        tree = tree_of(value, as_written=self._converter.as_written)
        # What nothing was changed in is not written again.
        return text_of(tree) if self._converter.convert(tree, nulled) else value, nulled

"""From a message's JSON object to the objects that are decoded: one for each prediction in it, values converted.

Rules
1. What becomes of a message depends on the message and the configuration alone.
2. A message is the unit of account: its parts have its offset, and it is one dead letter, whatever number of its parts
   can't be delivered. The reason names the index of the first of these.
3. Without [format] explode and [schema.convert] (`plain`) messages are passed on as they are.
4. Parts are made in pieces of whole messages: a piece ends with the message that fills it. So the memory that parts
   take follows from the size of a piece and of one message, and not from the number of messages.
5. A message whose header names some of its predictions (`part_numbers`) is these. If it does not have all of them, as
   the configuration has changed since, it is all of its predictions.
6. The shared fields of a message are written once, each part once.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ingest.config.format import WHOLE
from ingest.config.resolve import RouteConfig
from ingest.errors import DecodeError
from ingest.pipeline.decoding.json_tree import text_of, tree_of
from ingest.pipeline.decoding.parse import parse_object
from ingest.pipeline.decoding.raw_text import TOO_DEEP
from ingest.pipeline.formats.convert import Converter
from ingest.pipeline.formats.explode import Exploded, Exploder
from ingest.pipeline.formats.part_numbers import chosen, is_decoded
from ingest.reasons import Reason
from ingest.records import KafkaMessage, Rejected

PIECE_BYTES = 16 * 2**20


@dataclass(frozen=True, slots=True)
class Parts:
    """Objects to be decoded, as JSON, None for a tombstone.

    `owners` is the index of each one's message, ascending; `numbers` its index within the message. `rejected` has the
    messages of which not every part could be made, by the message's index: their other parts are among `values`.
    `raw_bytes` is the size of the values. `full`: more may follow. `nulled` has, by the index of a value, the column of
    each value in it that a conversion made null.
    """

    values: Sequence[bytes | None]
    owners: npt.NDArray[np.int64]
    numbers: npt.NDArray[np.int64]
    rejected: Sequence[Rejected]
    raw_bytes: int = 0
    full: bool = False
    nulled: Mapping[int, Sequence[str]] = field(default_factory=dict)


class Reshaper:
    """Makes the parts of the messages of one route."""

    def __init__(self, config: RouteConfig) -> None:
        self._converter = Converter(config.schema, config.arize.model_type)
        self.exploded = bool(config.format.explode)
        self.plain = not self.exploded and self._converter.plain
        self.all_or_none = config.format.on_bad_part == "refuse_message"
        self._whole = WHOLE in config.format.explode
        self._exploder = Exploder(config.format, config.schema)
        self._as_written = self._converter.as_written
        self._most_bytes = config.format.max_exploded_bytes
        self._piece_rows = config.batch.chunk_events

    def reshape(self, messages: Sequence[KafkaMessage], values: Sequence[bytes | None]) -> Iterator[Parts]:
        """`values` are the unwrapped values of `messages`. There is one piece at least, and all but the last are full.

        Indices are those of `messages`.
        """
        if not self.exploded:
            yield self._converted(values)
            return
        piece = _Piece()
        for owner, (message, value) in enumerate(zip(messages, values, strict=True)):
            if len(piece.values) >= self._piece_rows or piece.raw_bytes >= PIECE_BYTES:
                yield piece.parts(full=True)
                piece = _Piece()
            try:
                self._add(piece, owner, message, value)
            except DecodeError as fault:
                piece.rejected.append(Rejected(owner, fault.reason))
            except RecursionError:
                piece.rejected.append(Rejected(owner, TOO_DEEP))
        yield piece.parts(full=False)

    def _add(self, piece: "_Piece", owner: int, message: KafkaMessage, value: bytes | None) -> None:
        tree = parse_object(value) if value is None else tree_of(value, as_written=self._as_written)
        headers = message.headers()
        if is_decoded(headers):
            rows = tree if isinstance(tree, list) else [tree]
            numbers = chosen(headers) or range(len(rows))
            written = _Written(dict(zip(numbers, map(text_of, rows), strict=False)))
        else:
            if not (isinstance(tree, dict) or self._whole):
                parse_object(value)  # raises: it is not an object
            written = self._written(self._exploder.explode(tree, message), chosen(headers))
        piece.add(owner, written)

    def _written(self, exploded: Exploded, wanted: Sequence[int]) -> "_Written":
        """The JSON of the parts by number, all or those that are `wanted`. Raises DecodeError if none can be taken."""
        parts = exploded.parts
        numbers = wanted if wanted and wanted[-1] < len(parts) else range(len(parts))
        shared_nulls: list[str] = []
        self._converter.convert(exploded.shared, shared_nulls)
        head = text_of(exploded.shared)[:-1]
        found = _Written()
        size = 0
        for number in numbers:
            part = parts[number]
            if isinstance(part, Reason):
                found.bad[number] = part
                continue
            nulls = [*shared_nulls]
            try:
                self._converter.convert(part, nulls)
                own = text_of(part)
            except DecodeError as fault:
                found.bad[number] = fault.reason
                continue
            size += len(head) + len(own)
            if size > self._most_bytes:
                detail = (
                    f"its {len(parts):,} predictions, each with the fields of the message, take more than [format] "
                    f"max_exploded_bytes = {self._most_bytes:,}"
                )
                raise DecodeError(Reason("exploded_size", detail))
            found.texts[number] = head + own[1:] if len(head) == 1 or len(own) == 2 else b"%b,%b" % (head, own[1:])
            if nulls:
                found.nulled[number] = nulls
        return found

    def _converted(self, values: Sequence[bytes | None]) -> Parts:
        """The messages with their conversions, one value each."""
        owners = np.arange(len(values), dtype=np.int64)
        found: list[bytes | None] = []
        rejected: list[Rejected] = []
        nulled: dict[int, Sequence[str]] = {}
        may_apply = self._converter.may_apply
        for index, value in enumerate(values):
            if value is None or not may_apply(value):
                found.append(value)
                continue
            nulls: list[str] = []
            try:
                tree = tree_of(value, as_written=self._as_written)
                # What nothing was changed in is not written again.
                converted = text_of(tree) if self._converter.convert(tree, nulls) else value
            except DecodeError as fault:
                rejected.append(Rejected(index, fault.reason))
                continue
            if nulls:
                nulled[len(found)] = nulls
            found.append(converted)
        if rejected:
            owners = np.delete(owners, [fault.index for fault in rejected])
        return Parts(found, owners, np.zeros_like(owners), rejected, nulled=nulled)


@dataclass(frozen=True, slots=True)
class _Written:
    """A message's parts by number: their JSON, why there is none, the columns that conversions made null in them."""

    texts: dict[int, bytes] = field(default_factory=dict)
    bad: dict[int, Reason] = field(default_factory=dict)
    nulled: dict[int, Sequence[str]] = field(default_factory=dict)


@dataclass(slots=True)
class _Piece:
    values: list[bytes | None] = field(default_factory=list)
    owners: list[int] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    nulled: dict[int, Sequence[str]] = field(default_factory=dict)
    raw_bytes: int = 0

    def add(self, owner: int, written: _Written) -> None:
        """The parts of the message with the index `owner`."""
        self.rejected += (Rejected(owner, reason, (number,)) for number, reason in written.bad.items())
        for at, number in enumerate(written.texts, len(self.values)):
            if nulls := written.nulled.get(number):
                self.nulled[at] = nulls
        self.values += written.texts.values()
        self.owners += [owner] * len(written.texts)
        self.numbers += written.texts
        self.raw_bytes += sum(map(len, written.texts.values()))

    def parts(self, *, full: bool) -> Parts:
        return Parts(
            self.values,
            np.array(self.owners, dtype=np.int64),
            np.array(self.numbers, dtype=np.int64),
            self.rejected,
            self.raw_bytes,
            full,
            self.nulled,
        )

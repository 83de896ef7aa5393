"""The orjson lane: a chunk of raw messages to Arrow columns.

A chunk is decoded block by block (`blocks`), or row by row: where only whole rows can decide, and where keys are not
columns as they stand ([schema] rename, exclude, hash, unknown).
"""

from collections.abc import Iterable, Sequence

import numpy as np

from ingest.pipeline.decoding.blocks import BLOCK, Blocks, RowsNeeded
from ingest.pipeline.decoding.columns import MAX_COLUMNS, Built, build
from ingest.pipeline.decoding.learned_schema import LearnedSchema
from ingest.pipeline.decoding.parse import Parsed, parse
from ingest.pipeline.decoding.result import Decoded
from ingest.records import Rejected, reindexed

_Values = Sequence[bytes | None]


class Decoder:
    """Turns chunks of raw messages into Arrow columns, and keeps the learned schema from chunk to chunk."""

    def __init__(self, schema: LearnedSchema, *, block: int = BLOCK) -> None:
        """`block`: how many messages are parsed before their values are gathered."""
        self._schema = schema
        self._block = block

    def decode(self, values: _Values) -> Decoded:
        """`values` are the raw messages of a chunk, None for a tombstone. Every index is accepted or rejected."""
        if self._schema.plain:
            try:
                return self._by_blocks(values)
            except RowsNeeded:
                pass
        return self.build(parse(values))

    def build(self, parsed: Parsed) -> Decoded:
        """The columns of what was parsed. Every index is accepted or rejected."""
        decoded, built = self.attempt(parsed)
        self._schema.learn(built.learned)
        return decoded

    def attempt(self, parsed: Parsed) -> tuple[Decoded, Built]:
        """As `build`, without learning from it; the second value has the indices of `parsed.rows`."""
        values, indices = parsed.values, parsed.indices
        built = build(parsed.rows, self._schema, lambda row: values[indices[row]] or b"")
        return _decoded(built, indices, parsed.rejected.values()), built

    def _by_blocks(self, values: _Values) -> Decoded:
        blocks, indices, rejected = gather(values, MAX_COLUMNS, block=self._block)
        built = build(blocks, self._schema, lambda row: values[indices[row]] or b"")
        self._schema.learn(built.learned)
        return _decoded(built, indices, rejected)


def gather(values: _Values, most_columns: int, *, block: int = BLOCK) -> tuple[Blocks, list[int], list[Rejected]]:
    """Parse `values` and gather them by column. Which of `values` each row was, and the others, by their index.

    Raises RowsNeeded.
    """
    blocks = Blocks(most_columns)
    indices: list[int] = []
    rejected: list[Rejected] = []
    for start in range(0, len(values), block):
        parsed = parse(values[start : start + block])
        blocks.add(parsed.rows)
        indices += [start + index for index in parsed.indices]
        rejected += [fault.at(start + fault.index) for fault in parsed.rejected.values()]
    return blocks, indices, rejected


def _decoded(built: Built, indices: Sequence[int], unparsed: Iterable[Rejected]) -> Decoded:
    """`indices` says which message of the chunk each row was that went into `built`; `unparsed` are the others."""
    rejected = [*unparsed, *reindexed(built.rejected, indices)]
    accepted = np.asarray(indices, dtype=np.int64)
    if built.rejected:
        accepted = accepted[np.asarray(built.kept, dtype=np.int64)]
    return Decoded(
        built.table,
        accepted,
        sorted(rejected, key=lambda fault: fault.index),
        built.widened,
        built.nulled,
        built.ignored,
        odd=built.odd,
    )

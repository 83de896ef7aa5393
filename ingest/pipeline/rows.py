"""Rows from messages: routed, decoded, enriched, sampled and validated.

Each message becomes a row, is rejected with a reason, or is filtered: left out of the sample. A message with several
predictions becomes several rows, and may be rejected as well, for some of them.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ingest.config.arize_access import max_past_years
from ingest.config.resolve import RouteConfig, TopicConfig
from ingest.config.schema import Unit
from ingest.pipeline import sampling
from ingest.pipeline.arize.column_view import ValidationLimits
from ingest.pipeline.arize.join_window import late
from ingest.pipeline.arize.roles import batch_groups
from ingest.pipeline.arize.validate import validated
from ingest.pipeline.counters import DroppedValues
from ingest.pipeline.decoding.columns import LearnedSchema
from ingest.pipeline.decoding.compiled import fault_of_fast_lane
from ingest.pipeline.decoding.enrich import enrich
from ingest.pipeline.decoding.fast_lane import Lanes, installed_lane, switched_off_by
from ingest.pipeline.decoding.parse import Parsed
from ingest.pipeline.decoding.privacy import Privacy, privacy_of
from ingest.pipeline.decoding.renames import ColumnRenamer
from ingest.pipeline.decoding.result import Decoded
from ingest.pipeline.decoding.rules import rules
from ingest.pipeline.formats.by_message import by_message, of_owners
from ingest.pipeline.formats.reshape import Reshaper
from ingest.pipeline.formats.unwrap import unwrapper
from ingest.pipeline.routing import RoutedChunk, Router
from ingest.records import Destination, KafkaMessage, reindexed

_T = TypeVar("_T")

_NO_ROWS = pa.RecordBatch.from_arrays([], names=[])


@dataclass(frozen=True, slots=True)
class Piece:
    """Messages that were decoded together. `row_bytes` is the size of a row where a message holds several, else None.

    `full`: more pieces may follow, which need memory too.
    """

    decoded: Decoded
    row_bytes: int | None = None
    full: bool = False


class RowProcessor:
    """Turns messages of one route into rows that Arize takes. `clock` gives the seconds since 1970.

    `unit` is that of the timestamps last read, None before the first. `dropped` counts the values that [schema] drops.
    With `hashed` the messages hold hashes already, and are not hashed again.
    Raises ConfigError when the configuration can't be applied.
    """

    def __init__(
        self,
        config: RouteConfig,
        clock: Callable[[], float],
        dropped: DroppedValues | None = None,
        *,
        hashed: bool = False,
    ) -> None:
        schema = config.schema
        self._dropped = dropped if dropped is not None else DroppedValues()
        self.unit: Unit | None = None
        self.privacy = privacy_of(schema)
        self._schema = schema
        self._limits = ValidationLimits(schema, config.arize.model_type, config.arize.environment, max_past_years())
        self._clock = clock
        by_column = rules(schema, config.arize.model_type)
        learned = LearnedSchema(
            by_column,
            renamer=ColumnRenamer(schema.rename, schema.exclude),
            privacy=Privacy() if hashed else self.privacy,
            unknown=schema.unknown,
            named=by_column.named,
        )
        self._reshaper = Reshaper(config)
        self._sample = config.arize.sample
        self._decoder = Lanes(learned, installed_lane(config.batch.lane))

    @property
    def rows_decoded(self) -> Mapping[str, int]:
        """The values that each lane has decoded: a message, or one of its predictions where it holds several."""
        return self._decoder.rows

    def process(
        self,
        messages: Sequence[KafkaMessage],
        values: Sequence[bytes | None] | None = None,
        parsed: Parsed | None = None,
    ) -> Decoded:
        """Every message is accepted, as a row of the table, rejected by its index and reason, or filtered.

        `values` are the unwrapped values of the messages, by default their own; `parsed` are the same, if they have
        been parsed already. Messages that hold several predictions are for `pieces`.
        """
        if values is None:
            values = [message.value() for message in messages]
        if not self._reshaper.plain:
            (whole,) = self.pieces(messages, values)
            return whole.decoded
        decoded = self._decoder.decode(values) if parsed is None else self._decoder.build(parsed)
        now_epoch_s = self._clock()
        processed = self._complete(decoded, messages, now_epoch_s)
        return replace(processed, late=self._late(processed, now_epoch_s))

    def pieces(
        self, messages: Sequence[KafkaMessage], values: Sequence[bytes | None], parsed: Parsed | None = None
    ) -> Iterator[Piece]:
        """As `process`, a limited number of rows at a time where messages hold several predictions."""
        if self._reshaper.plain:
            yield Piece(self.process(messages, values, parsed))
            return
        for parts in self._reshaper.reshape(messages, values):
            decoded = self._decoder.decode(parts.values)
            if parts.nulled:
                nulled = Counter(decoded.nulled)
                for index in decoded.accepted.tolist():
                    nulled.update(parts.nulled.get(index, ()))
                decoded = replace(decoded, nulled=nulled)
            now_epoch_s = self._clock()
            processed = self._complete(decoded, [messages[owner] for owner in parts.owners.tolist()], now_epoch_s)
            if not self._reshaper.exploded:
                found = of_owners(processed, parts)
                yield Piece(replace(found, late=self._late(found, now_epoch_s)))
                continue
            found = by_message(processed, parts, all_or_none=self._reshaper.all_or_none)
            found = replace(found, late=self._late(found, now_epoch_s))
            yield Piece(found, parts.raw_bytes // max(len(parts.values), 1), parts.full)

    def _complete(self, decoded: Decoded, messages: Sequence[KafkaMessage], now_epoch_s: float) -> Decoded:
        """With all columns, without the rows that Arize would refuse; `messages` are those that were decoded."""
        self._dropped.add(decoded.nulled, decoded.ignored)
        accepted = _at(messages, decoded.accepted)
        enriched = enrich(decoded.table, accepted, self._schema, decoded.odd.get(self._schema.timestamp))
        self.unit = enriched.unit or self.unit
        complete = replace(decoded, table=enriched.table, odd={}).without(enriched.rejected)
        if self._sample < 1 and complete.table.num_rows:
            ids = complete.table.column(self._schema.prediction_id)
            complete = complete.sampled(sampling.chosen(ids, self._sample))
        return validated(complete, self._limits, now_epoch_s)

    def _late(self, processed: Decoded, now_epoch_s: float) -> int:
        return late(processed.table, self._schema, self._limits.model_type, now_epoch_s)

    def batch_groups(self, table: pa.RecordBatch) -> npt.NDArray[np.int64]:
        """A number for each row; rows of different numbers must not share a batch (rule 6 of `roles`)."""
        return batch_groups(table, self._schema, self._limits.model_type)


@dataclass(frozen=True, slots=True)
class RowGroup:
    """Rows of a table that may share a batch with others of the same `batch_group` and `destination`."""

    rows: npt.NDArray[np.bool_]
    batch_group: int
    destination: Destination


@dataclass(frozen=True, slots=True)
class ProcessedRows:
    """What messages of one route have become. Indices are those of the chunk. `row_bytes` and `full` as in `Piece`."""

    decoded: Decoded
    groups: Sequence[RowGroup]
    row_bytes: int | None = None
    full: bool = False


class RowProcessors:
    """The routes of a topic, with a row processor for each, and for each environment where messages name theirs."""

    def __init__(self, config: TopicConfig, clock: Callable[[], float], *, hashed: bool = False) -> None:
        """`hashed`: the messages were redacted. They hold hashes, and were unwrapped before.

        Raises ConfigError when the configuration can't be applied.
        """
        self._hashed = hashed
        self.routes: tuple[RouteConfig, ...] = config.routes
        if hashed:
            self.routes = tuple(replace(route, format=route.format.without_steps()) for route in config.routes)
        self.router = Router(self.routes)
        self._unwrapper = unwrapper(self.routes[0].format, [route.schema for route in self.routes])
        self._clock = clock
        self.dropped = DroppedValues()
        self._processors: dict[tuple[int, str], RowProcessor] = {}
        for number, route in enumerate(self.routes):
            if route.deliver:  # so that a configuration that can't be applied fails at the start
                self._processor(number, route.arize.environment)

    def lane(self) -> tuple[Literal["fast", "orjson"], str]:
        """The lane that decodes the messages, and if that is orjson's, why the fast lane does not."""
        choice = self.routes[0].batch.lane
        if choice == "orjson":
            return "orjson", '[batch] lane is "orjson"'
        if fault := fault_of_fast_lane():
            return "orjson", fault
        if self.router.parses:
            return "orjson", "[routes] and the templates of [arize] read parsed messages, so the fast lane is off"
        if keys := switched_off_by(self.routes[0].schema):
            verb = "switches" if len(keys) == 1 else "switch"
            return "orjson", f"[schema] {' and '.join(keys)} {verb} the fast lane off"
        return "fast", ""

    def rows_decoded(self) -> Mapping[str, int]:
        """What each lane has decoded, over all routes."""
        total = Counter[str]()
        for processor in self._processors.values():
            total.update(processor.rows_decoded)
        return total

    def route(self, messages: Sequence[KafkaMessage]) -> RoutedChunk:
        """The route of each message."""
        return self.router.route(messages, self._unwrapper.unwrap(messages))

    @property
    def steps(self) -> Sequence[str]:
        """The steps of [format] that unwrap messages, in their order."""
        return self._unwrapper.steps

    def process(
        self, route: int, found: RoutedChunk, messages: Sequence[KafkaMessage], indices: npt.NDArray[np.int64]
    ) -> Iterator[ProcessedRows]:
        """Process a chunk's messages at `indices`, all of `route`: one that is delivered, or past the last."""
        destinations = self.router.destinations
        numbers = found.destinations[indices]
        if (lost := indices[numbers < 0]).size or not indices.size:
            yield ProcessedRows(Decoded(_NO_ROWS, indices[:0], [found.rejected[index] for index in lost.tolist()]), ())
            indices, numbers = indices[numbers >= 0], numbers[numbers >= 0]
        environments: dict[str, list[int]] = {}
        for number in np.unique(numbers).tolist():
            environments.setdefault(destinations[number].environment, []).append(number)
        for environment, members in environments.items():
            own = indices if len(environments) == 1 else indices[np.isin(numbers, members)]
            yield from self._processed(self._processor(route, environment), found, messages, own)

    def _processed(
        self,
        processor: RowProcessor,
        found: RoutedChunk,
        messages: Sequence[KafkaMessage],
        indices: npt.NDArray[np.int64],
    ) -> Iterator[ProcessedRows]:
        parsed = None if found.parsed is None else found.parsed.choose(indices.tolist())
        values = _at(found.values, indices)
        # A compressed value is larger in memory than in Kafka.
        row_bytes = None if self._unwrapper.plain else sum(map(len, filter(None, values))) // len(values)
        for piece in processor.pieces(_at(messages, indices), values, parsed):
            of_chunk = replace(
                piece.decoded,
                accepted=indices[piece.decoded.accepted],
                rejected=reindexed(piece.decoded.rejected, indices),
                filtered=indices[piece.decoded.filtered],
            )
            groups = self._groups(processor, found, of_chunk)
            yield ProcessedRows(of_chunk, groups, piece.row_bytes or row_bytes, piece.full)

    def _groups(self, processor: RowProcessor, found: RoutedChunk, decoded: Decoded) -> Sequence[RowGroup]:
        batch_group_of = processor.batch_groups(decoded.table)
        destination_of = found.destinations[decoded.accepted]
        return [
            RowGroup(
                (destination_of == number) & (batch_group_of == batch_group),
                batch_group,
                self.router.destinations[number],
            )
            for number in np.unique(destination_of).tolist()
            for batch_group in np.unique(batch_group_of[destination_of == number]).tolist()
        ]

    def _processor(self, route: int, environment: str) -> RowProcessor:
        processor = self._processors.get((route, environment))
        if processor is None:
            applied = self.routes[route].in_environment(environment)
            processor = RowProcessor(applied, self._clock, self.dropped, hashed=self._hashed)
            self._processors[route, environment] = processor
        return processor

    def units(self) -> Iterator[tuple[str, Unit]]:
        """The timestamp columns whose unit is detected from the messages, and the unit last read."""
        for (route, _), processor in self._processors.items():
            schema = self.routes[route].schema
            if processor.unit is not None and schema.timestamp_unit == "auto":
                yield schema.timestamp, processor.unit


def _at(items: Sequence[_T], increasing: npt.NDArray[np.int64]) -> Sequence[_T]:
    """The items at these indices. All of them, the usual case, are not copied: it takes long."""
    return items if len(increasing) == len(items) else [items[index] for index in increasing.tolist()]

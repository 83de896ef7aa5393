"""Route, decode, complete and validate: what comes out is what Arize takes, and everything else by its reason."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ingest.config.arize_access import max_past_years
from ingest.config.resolve import RouteConfig, TopicConfig
from ingest.config.schema import Unit
from ingest.pipeline.arize.column_view import ValidationLimits
from ingest.pipeline.arize.join_window import late
from ingest.pipeline.arize.roles import shapes
from ingest.pipeline.arize.validate import validated
from ingest.pipeline.counters import DroppedValues
from ingest.pipeline.decoding.columns import LearnedSchema
from ingest.pipeline.decoding.enrich import enrich
from ingest.pipeline.decoding.fast_lane import Lanes, chosen
from ingest.pipeline.decoding.parse import Parsed
from ingest.pipeline.decoding.privacy import Privacy, privacy_of
from ingest.pipeline.decoding.renames import ColumnRenamer
from ingest.pipeline.decoding.result import Decoded
from ingest.pipeline.decoding.rules import rules
from ingest.pipeline.routing import RoutedChunk, Router
from ingest.records import Destination, KafkaMessage, reindexed

_NO_ROWS = pa.RecordBatch.from_arrays([], names=[])


class RowProcessor:
    """Turns messages of one route into rows that Arize takes. `clock` gives the seconds since 1970.

    `unit` is that of the timestamps last read, None before the first. `losses` hears what [schema] takes from the rows.
    With `hashed` the messages hold hashes already, and are not hashed again.
    Raises ConfigError when the configuration can't be applied.
    """

    def __init__(
        self,
        config: RouteConfig,
        clock: Callable[[], float],
        losses: DroppedValues | None = None,
        *,
        hashed: bool = False,
    ) -> None:
        schema = config.schema
        self._losses = losses if losses is not None else DroppedValues()
        self.unit: Unit | None = None
        self.privacy = privacy_of(schema)
        self._schema = schema
        self._limits = ValidationLimits(schema, config.arize.model_type, config.arize.environment, max_past_years())
        self._clock = clock
        names = ColumnRenamer(schema.rename, schema.exclude)
        ruled = rules(schema, config.arize.model_type)
        privacy = Privacy() if hashed else self.privacy
        contract = LearnedSchema(ruled, names=names, privacy=privacy, unknown=schema.unknown)
        self._decoder = Lanes(contract, chosen(config.batch.lane))

    def judge(self, messages: Sequence[KafkaMessage], parsed: Parsed | None = None) -> Decoded:
        """Every message is accepted, as a row of the table, or rejected by its index and reason.

        `parsed` are the same messages, if somebody has parsed them already.
        """
        if parsed is None:
            decoded = self._decoder.decode([message.value() for message in messages])
        else:
            decoded = self._decoder.build(parsed)
        self._losses.add(decoded.nulled, decoded.ignored)
        accepted = [messages[index] for index in decoded.accepted.tolist()]
        done = enrich(decoded.table, accepted, self._schema)
        self.unit = done.unit or self.unit
        whole = replace(decoded, table=done.table)
        now_epoch_s = self._clock()
        judged = validated(whole.without(done.rejected), self._limits, now_epoch_s)
        return replace(judged, late=late(judged.table, self._schema, self._limits.model_type, now_epoch_s))

    def shapes(self, table: pa.RecordBatch) -> npt.NDArray[np.int64]:
        """A number for each row; rows of different numbers must not share a batch (rule 6 of `schema`)."""
        return shapes(table, self._schema, self._limits.model_type)


@dataclass(frozen=True, slots=True)
class RowGroup:
    """Rows of a table that may share a batch with others of the same `shape` and `destination`."""

    chosen: npt.NDArray[np.bool_]
    shape: int
    destination: Destination


@dataclass(frozen=True, slots=True)
class ProcessedRows:
    """What messages of one route have become. Indices are those of the chunk."""

    decoded: Decoded
    lots: Sequence[RowGroup]


class RowProcessors:
    """The routes of a topic, with a judge for each; one for each environment where messages say theirs."""

    def __init__(self, config: TopicConfig, clock: Callable[[], float], *, hashed: bool = False) -> None:
        """`hashed`: the messages hold hashes already. Raises ConfigError when the configuration can't be applied."""
        self._hashed = hashed
        self.routes: tuple[RouteConfig, ...] = config.routes
        self.router = Router(self.routes)
        self._clock = clock
        self.losses = DroppedValues()
        self._judges: dict[tuple[int, str], RowProcessor] = {}
        for number, route in enumerate(self.routes):
            if route.deliver:  # so that what can't be applied shows at the start
                self._judge(number, route.arize.environment)

    def sort(self, messages: Sequence[KafkaMessage]) -> RoutedChunk:
        """The route of each message."""
        return self.router.sort(messages)

    def judge(
        self, route: int, found: RoutedChunk, messages: Sequence[KafkaMessage], chosen: npt.NDArray[np.int64]
    ) -> Iterator[ProcessedRows]:
        """What becomes of the `chosen` messages of a chunk, all of `route`: one that is delivered, or past the last."""
        destinations = self.router.destinations
        numbers = found.destinations[chosen]
        if (lost := chosen[numbers < 0]).size or not chosen.size:
            yield ProcessedRows(Decoded(_NO_ROWS, chosen[:0], [found.rejected[index] for index in lost.tolist()]), ())
            chosen, numbers = chosen[numbers >= 0], numbers[numbers >= 0]
        environments: dict[str, list[int]] = {}
        for number in np.unique(numbers).tolist():
            environments.setdefault(destinations[number].environment, []).append(number)
        for environment, members in environments.items():
            own = chosen if len(environments) == 1 else chosen[np.isin(numbers, members)]
            yield self._judged(self._judge(route, environment), found, messages, own)

    def _judged(
        self, judge: RowProcessor, found: RoutedChunk, messages: Sequence[KafkaMessage], chosen: npt.NDArray[np.int64]
    ) -> ProcessedRows:
        indices = chosen.tolist()
        parsed = None if found.parsed is None else found.parsed.choose(indices)
        decoded = judge.judge([messages[index] for index in indices], parsed)
        of_chunk = replace(
            decoded,
            accepted=chosen[decoded.accepted],
            rejected=reindexed(decoded.rejected, chosen),
        )
        shape_of = judge.shapes(decoded.table)
        number_of = found.destinations[of_chunk.accepted]
        lots = [
            RowGroup((number_of == number) & (shape_of == shape), shape, self.router.destinations[number])
            for number in np.unique(number_of).tolist()
            for shape in np.unique(shape_of[number_of == number]).tolist()
        ]
        return ProcessedRows(of_chunk, lots)

    def _judge(self, route: int, environment: str) -> RowProcessor:
        judge = self._judges.get((route, environment))
        if judge is None:
            applied = self.routes[route].in_environment(environment)
            judge = RowProcessor(applied, self._clock, self.losses, hashed=self._hashed)
            self._judges[route, environment] = judge
        return judge

    def units(self) -> Iterator[tuple[str, Unit]]:
        """The timestamp columns whose unit the messages told, and the unit last read."""
        for (route, _), judge in self._judges.items():
            schema = self.routes[route].schema
            if judge.unit is not None and schema.timestamp_unit == "auto":
                yield schema.timestamp, judge.unit

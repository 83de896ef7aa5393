"""Decode, complete and validate in one go: what comes out is what Arize takes, and everything else by its reason."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ingest.config import Config, max_past_years
from ingest.meanings import Unit
from ingest.pipeline.columns import Contract
from ingest.pipeline.decode import Decoder
from ingest.pipeline.decoded import Decoded
from ingest.pipeline.look import Limits
from ingest.pipeline.names import Names
from ingest.pipeline.privacy import privacy_of
from ingest.pipeline.provenance import complete
from ingest.pipeline.rules import rules
from ingest.pipeline.schema import shapes
from ingest.pipeline.validate import validated
from ingest.records import KafkaMessage, Rejected


class Judge:
    """Turns the messages of a chunk into rows that Arize takes. `clock` gives the seconds since 1970.

    `unit` is that of the timestamps last read, None before the first. Raises ConfigError when the configuration can't
    be applied.
    """

    def __init__(self, config: Config, clock: Callable[[], float]) -> None:
        schema = config.columns
        self.unit: Unit | None = None
        self.privacy = privacy_of(config)
        self._schema = schema
        self._limits = Limits(schema, config.arize.model_type, config.arize.environment, max_past_years())
        self._clock = clock
        names = Names(schema.rename, schema.exclude)
        ruled = rules(schema, config.arize.model_type)
        self._decoder = Decoder(Contract(ruled, names=names, privacy=self.privacy, unknown=schema.unknown))

    def judge(self, messages: Sequence[KafkaMessage]) -> Decoded:
        """Every message is accepted, as a row of the table, or rejected by its index and reason."""
        decoded = self._decoder.decode([message.value() for message in messages])
        accepted = [messages[index] for index in decoded.accepted.tolist()]
        done = complete(decoded.table, accepted, self._schema)
        self.unit = done.unit or self.unit
        whole = replace(decoded, table=done.table)
        faults = [Rejected(row, code, reason) for row, code, reason in done.faults]
        return validated(whole.without(faults), self._limits, self._clock())

    def shapes(self, table: pa.RecordBatch) -> npt.NDArray[np.int64]:
        """A number for each row; rows of different numbers must not share a batch (rule 6 of `schema`)."""
        return shapes(table, self._schema, self._limits.model_type)

"""Delayed actuals that come too late to be joined.

Rules
1. Arize joins actuals to predictions that it received up to 14 days before (its page on delayed actuals); its support
   can widen that for a space.
2. A row without a prediction whose timestamp is older is sent all the same, and counted. The timestamp is the
   prediction's, or the actual's own, and the prediction was made before that. A row without a timestamp is not counted.
"""

import pyarrow as pa
import pyarrow.compute as pc

from ingest.config.schema import Schema
from ingest.pipeline.arize.roles import delayed

DAYS = 14
_DAY_S = 86_400
_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


def late(table: pa.RecordBatch, schema: Schema, model_type: str, now_epoch_s: float) -> int:
    """The number of rows of `table`, all of them valid, past the window. `now_epoch_s`: seconds since 1970."""
    if not table.num_rows or (position := table.schema.get_field_index(schema.timestamp)) < 0:
        return 0
    alone = delayed(table, schema, model_type)
    if not alone.any():
        return 0
    times = table.column(position).filter(pa.array(alone))
    scale = 1
    if pa.types.is_timestamp(times.type):
        scale = _PER_SECOND[times.type.unit]
        times = times.cast(pa.int64())
    if pa.types.is_null(times.type):
        return 0
    past = pc.less(times, round((now_epoch_s - DAYS * _DAY_S) * scale))
    return int(pc.sum(past).as_py() or 0)

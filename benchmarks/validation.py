"""What it costs to judge 100,000 usual rows, ours beside the SDK's: `python -m benchmarks.validation`.

The same rows and the same answer (all are good). The SDK validates a frame as `ml.log(validate=True)` does, once as we
send it (ArrowDtype) and once as most users have it (numpy). Ours goes over chunks of 5,000, as a worker does. CPU
milliseconds of the process, the best of several rounds.
"""

import json
import logging
import time
from collections.abc import Callable

import pandas as pd
import pyarrow as pa
from arize.ml.batch_validation.validator import Validator
from arize.ml.types import Environments, ModelTypes

from ingest.config.schema import Schema
from ingest.config.sections import Arize
from ingest.config.settings import Config
from ingest.pipeline.arize.column_view import ValidationLimits
from ingest.pipeline.arize.uploader import arize_schema, batch_roles, to_frame
from ingest.pipeline.arize.validate import rows_refused
from ingest.pipeline.decoding.columns import LearnedSchema
from ingest.pipeline.decoding.orjson_lane import Decoder
from ingest.pipeline.decoding.rules import rules
from ingest.sandbox.generate import TAGS, Generator

ROWS, CHUNK = 100_000, 5_000
ROUNDS = 5


def main() -> None:
    logging.getLogger("arize").setLevel(logging.CRITICAL)
    config = Config(arize=Arize(), schema=Schema(tags=TAGS)).topics[0].routes[0]
    decoder = Decoder(LearnedSchema(rules(config.schema, config.arize.model_type)))
    generator = Generator(seed=7)
    chunks = [
        decoder.decode([json.dumps(generator.row(0, first + row)).encode() for row in range(CHUNK)]).table
        for first in range(0, ROWS, CHUNK)
    ]
    table = pa.concat_tables([pa.Table.from_batches([chunk]) for chunk in chunks], promote_options="permissive")
    limits = ValidationLimits(config.schema, config.arize.model_type, config.arize.environment)

    def ours() -> bool:
        return not any(rows_refused(chunk, limits, time.time()) for chunk in chunks)

    def sdk(frame: pd.DataFrame) -> bool:
        schema, kind = arize_schema(batch_roles(config, table)), ModelTypes.BINARY_CLASSIFICATION
        where = Environments.PRODUCTION
        return not (
            Validator.validate_required_checks(
                dataframe=frame, model_id="m", environment=where, schema=schema, model_version="1", batch_id=""
            )
            or Validator.validate_params(
                dataframe=frame, model_id="m", model_type=kind, environment=where, schema=schema, model_version="1"
            )
            or Validator.validate_types(model_type=kind, schema=schema, pyarrow_schema=table.schema)
            or Validator.validate_values(
                dataframe=frame, environment=where, schema=schema, model_type=kind, max_past_years=5
            )
        )

    arrow, numpy = to_frame(table), table.to_pandas()
    figures = {
        "ours": _cpu_ms(ours),
        "SDK, ArrowDtype": _cpu_ms(lambda: sdk(arrow)),
        "SDK, numpy": _cpu_ms(lambda: sdk(numpy)),
    }
    print(f"{table.num_rows} rows of {table.num_columns} columns; CPU ms, best of {ROUNDS}")
    for name, spent_ms in figures.items():
        print(f"{name:16} {spent_ms:7.1f}   {spent_ms / figures['ours']:5.1f}x")


def _cpu_ms(judge: Callable[[], bool]) -> float:
    """The least CPU time that `judge` took; it must find every row good."""
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.process_time()
        if not judge():
            raise SystemExit("the generator's rows are all good, and one was refused")
        best = min(best, (time.process_time() - began) * 1000)
    return best


if __name__ == "__main__":
    main()

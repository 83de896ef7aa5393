"""How the loop and its peers hand a batch to the arize SDK: the same call, the same schema, the answer looked at.

It imports nothing of ingest, and only what each peer's environment has: arize, pandas.
"""

import os
from collections.abc import Iterable, Sequence
from http import HTTPStatus

import pandas as pd
from arize import ArizeClient
from arize.ml.types import Environments, ModelTypes, Schema

RESERVED = {"prediction_id", "prediction_ts", "prediction_label", "prediction_score", "actual_label"}


def schema_of(columns: Iterable[str], tags: Sequence[str]) -> Schema:
    return Schema(
        prediction_id_column_name="prediction_id",
        timestamp_column_name="prediction_ts",
        prediction_label_column_name="prediction_label",
        prediction_score_column_name="prediction_score",
        actual_label_column_name="actual_label",
        feature_column_names=[name for name in columns if name not in RESERVED and name not in tags],
        tag_column_names=list(tags),
    )


class Uploads:
    """Logs batches to where the ARIZE_ variables lead. `validate` is the SDK's own check of each batch."""

    def __init__(self, tags: Sequence[str], *, validate: bool) -> None:
        self._client = ArizeClient(api_key=os.environ["ARIZE_API_KEY"])
        self._space = os.environ["ARIZE_SPACE_ID"]
        self._tags = tags
        self._validate = validate

    def log(self, frame: pd.DataFrame) -> None:
        """Returns when the batch is acknowledged. Any other answer than 200 ends the program."""
        response = self._client.ml.log(
            space_id=self._space,
            model_name="benchmark",
            model_version="1",
            model_type=ModelTypes.BINARY_CLASSIFICATION,
            environment=Environments.PRODUCTION,
            dataframe=frame,
            schema=schema_of(frame.columns, self._tags),
            validate=self._validate,
        )
        if response.status_code != HTTPStatus.OK:
            raise SystemExit(f"Arize answered {response.status_code}: {response.text}")

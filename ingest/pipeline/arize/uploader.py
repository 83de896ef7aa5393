"""The upload step: one attempt to send a frozen batch to Arize, and the only module that imports the arize SDK.

Every outcome of the SDK is interpreted here:

==========================  ==================================================================
2xx to our own POST         acknowledged, if it is whole, and in "strict" empty or JSON (see `acknowledgement`)
any other 2xx               `RetryableError`: ambiguous, so it is sent again
3xx                         `RetryableError`: a redirect is never an acknowledgement
400, 413, 422               `RejectedError`
401, 403                    the key file is read again once; then `FatalError` (exit code CREDENTIALS)
408, 429, 5xx, other 4xx    `RetryableError`: it is not the rows' fault
no answer, a broken one     `RetryableError`: the rows may be stored or not, so they are sent again
==========================  ==================================================================

The SDK writes each batch to a file before it posts it, and a SIGKILL leaks that file. On Linux the file is an anonymous
one in memory (memfd): nothing is left behind, no disk fills up, and it costs half the CPU. Elsewhere it lies in a
temporary directory of its own.
"""

import logging
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import arize.ml.client  # noqa: F401  the SDK imports it at the first upload, in each worker; so the forkserver does
import pandas as pd
import pyarrow as pa
import requests
from arize import ArizeClient
from arize.exceptions.auth import AuthenticationError
from arize.exceptions.http import APIError
from arize.ml.types import (
    EmbeddingColumnNames,
    Environments,
    InstanceSegmentationActualColumnNames,
    InstanceSegmentationPredictionColumnNames,
    ModelTypes,
    ObjectDetectionColumnNames,
    SemanticSegmentationColumnNames,
)
from arize.ml.types import Schema as ArizeSchema
from arize.regions import Region
from pydantic import SecretStr

from ingest.config.arize_access import address_settings, api_key, credential_settings, space_id
from ingest.config.arize_access import endpoint as endpoint_of
from ingest.config.credentials import without_logins
from ingest.config.resolve import RouteConfig
from ingest.config.sections import Arize
from ingest.errors import ConfigError, ExitCode, FatalError, RejectedError, RetryableError
from ingest.pipeline.arize import transport
from ingest.pipeline.arize.failure_text import cleaned, failure_text, without_url_logins
from ingest.pipeline.arize.roles import Roles, roles
from ingest.reasons import REJECTED
from ingest.records import Destination

# The SDK's own log lines repeat what the events say, and may quote column values and ARIZE_* variables.
logging.getLogger("arize").setLevel(logging.CRITICAL)

_SDK_REFUSES = "the arize SDK refuses its settings (ARIZE_* in the environment)"


class ArizeUploader:
    """Sends frozen batches to one model. Used by several upload threads at once."""

    def __init__(self, config: RouteConfig) -> None:
        """Raises ConfigError when the space or the key is missing, or the SDK refuses the endpoint's settings."""
        self._config = config
        arize = config.arize
        self._destination = Destination(
            space_id(arize), arize.model_name, arize.model_version, arize.environment, arize.batch_id
        )
        self._settings = address_settings(arize)
        self._client, self._key = self._connect()
        requests.post = transport.post  # type: ignore[assignment]  # what the SDK calls; see transport

    def _connect(self) -> tuple[ArizeClient, SecretStr]:
        key = api_key(self._config.arize)
        if key is None or not self._destination.space_id:
            raise ConfigError("no Arize API key or space: set ARIZE_API_KEY and ARIZE_SPACE_ID in the environment")
        try:
            # 1,000,000 rows a record batch: our chunks stay as they are.
            client = ArizeClient(
                api_key=key.get_secret_value(), pyarrow_max_chunksize=1_000_000, **_sdk_endpoint(self._config.arize)
            )
        except ConfigError:
            raise
        except Exception as error:  # noqa: BLE001  the SDK has a class for each setting it dislikes
            raise ConfigError(f"{_SDK_REFUSES}: {without_logins(error)}") from None
        return client, key

    @property
    def endpoint(self) -> str:
        """The address that batches are sent to, without logins."""
        return without_url_logins(str(self._client.sdk_config.files_url))

    def send(self, table: pa.Table, attempt: transport.Attempt, destination: Destination | None = None) -> None:
        """Send all rows of `table` in one request; returning means that Arize has acknowledged them.

        Without a `destination` they go to the configured one.
        Raises RetryableError, RejectedError or FatalError, as in the module's table.
        """
        frame = to_frame(table)
        roles_found = batch_roles(self._config, table)
        client, key = self._client, self._key
        to = destination or self._destination
        secrets = (key.get_secret_value(), to.space_id)
        transport.begin(attempt, self._config.arize.acknowledgement, self._settings.host)
        try:
            try:
                self._upload(client, frame, arize_schema(roles_found), to)
            except AuthenticationError as refused:
                if not self._key_rotated(key):
                    raise FatalError(
                        f"Arize at {self.endpoint} refused the key or the space (HTTP {refused.status_code}). Nothing "
                        "was skipped, everything unacknowledged stays uncommitted. Check "
                        f"{credential_settings(self._config.arize)}, then start again",
                        exit_code=ExitCode.CREDENTIALS,
                    ) from None
                raise RetryableError(
                    "the key file has a new key; sending again with it",
                    status=refused.status_code,
                    retry_after_s=0.0,
                    may_be_stored=False,
                    reason="new_key",
                ) from None
            except APIError as answered:
                raise self._answered(answered, attempt, secrets) from None
            except transport.UnprovenError as unproven:
                raise RetryableError(
                    str(unproven),
                    status=unproven.response.status_code,
                    ambiguous=True,
                    reason="no_acknowledgement",
                ) from None
            except requests.RequestException as failed:
                if attempt.cut_off:
                    text = f"no complete answer within {self._config.arize.timeout_s:g} s ([arize] timeout_s)"
                else:
                    text = f"{self.endpoint}: {failure_text(failed, secrets, self.endpoint, self._settings)}"
                raise RetryableError(
                    text,
                    ambiguous=attempt.asked,
                    may_be_stored=attempt.asked,
                    reason="timeout" if attempt.cut_off or isinstance(failed, requests.Timeout) else "connection",
                ) from None
            except OSError as failed:
                text = cleaned(str(failed.strerror or failed), secrets)
                raise RetryableError(
                    f"the batch can't be written or sent: {text}",
                    ambiguous=attempt.asked,
                    may_be_stored=attempt.asked,
                    reason="local",
                ) from None
        finally:
            transport.end()

    def _upload(self, client: ArizeClient, frame: pd.DataFrame, schema: ArizeSchema, to: Destination) -> None:
        arize = self._config.arize
        with _spool() as path:
            response = client.ml.log(
                space_id=to.space_id,
                model_name=to.model_name,
                model_version=to.model_version,
                model_type=ModelTypes[arize.model_type.upper()],
                environment=Environments[to.environment.upper()],
                batch_id=to.batch_id,
                dataframe=frame,
                schema=schema,
                validate=False,
                timeout=arize.timeout_s,
                tmp_dir=path,
            )
        if response.history or response.request.method != "POST":
            raise RetryableError(
                "the answer came from a redirect, not from our own POST; that is no acknowledgement", reason="redirect"
            )

    def _answered(
        self, answer: APIError, attempt: transport.Attempt, secrets: tuple[str, ...]
    ) -> RetryableError | RejectedError:
        status = answer.status_code
        answer_text = cleaned(answer.message, secrets)
        if status in REJECTED:
            return RejectedError(f"HTTP {status} {answer_text}".rstrip(), status=status)
        if 300 <= status < 400:
            where = cleaned(str(attempt.location), secrets)
            text = f"HTTP {status}: {self.endpoint} redirects to {where}, which is no acknowledgement"
            text += f"; check {self._settings.host}"
        elif status in (404, 405, 410):
            text = f"HTTP {status} {answer_text}: {self.endpoint} is not Arize's upload address"
            text += f"; check {self._settings.host}"
        else:
            text = f"HTTP {status} {answer_text}".rstrip()
        return RetryableError(
            text,
            status=status,
            retry_after_s=transport.retry_after_s(attempt.retry_after, time.time()),
            # Who redirects or is another address stores nothing; any other failure may come after the rows were taken.
            may_be_stored=not (300 <= status < 400 or status in (404, 405, 410)),
        )

    def _key_rotated(self, used: SecretStr) -> bool:
        """The key file holds another key than the refused one; the client then uses it."""
        if self._key != used:
            return True  # another upload thread has read it already
        try:
            if self._config.arize.api_key_file is None or api_key(self._config.arize) == used:
                return False
            self._client, self._key = self._connect()
        except ConfigError:
            return False
        return True


def endpoint(arize: Arize) -> str:
    """The address that batches are sent to, by [arize] and the SDK's own settings; no key is needed.

    Raises ConfigError when the SDK refuses its settings.
    """
    return without_url_logins(address("none", arize)[0])


def address(key: str, arize: Arize) -> tuple[str, dict[str, str], bool]:
    """Where batches are sent to, the SDK's own headers with `key` in them, and whether certificates are verified.

    Raises ConfigError when the SDK refuses its settings.
    """
    try:
        settings = ArizeClient(api_key=key, **_sdk_endpoint(arize)).sdk_config
    except ConfigError:
        raise
    except Exception as error:  # noqa: BLE001  as above
        raise ConfigError(f"{_SDK_REFUSES}: {without_logins(error)}") from None
    return str(settings.files_url), dict(settings.headers), bool(settings.request_verify)


def _sdk_endpoint(arize: Arize) -> dict[str, Any]:
    """The SDK's arguments for the endpoint, without those that it takes from its own variables and defaults."""
    found = endpoint_of(arize)
    given = {"api_host": found.host, "api_port": found.port, "api_scheme": found.scheme}
    return {
        **{name: value for name, value in given.items() if value},
        **({"region": Region(found.region)} if found.region else {}),
    }


def to_frame(table: pa.Table) -> pd.DataFrame:
    """The rows as the SDK takes them: ArrowDtype columns, whose buffers are shared and not copied."""
    frame: pd.DataFrame = table.to_pandas(types_mapper=pd.ArrowDtype)
    return frame


def batch_roles(config: RouteConfig, table: pa.Table) -> Roles:
    """The role of each column of a batch at Arize; a column of nulls only has none of its own."""
    return roles(config.schema, config.arize.model_type, table.column_names, _empty(table))


_IMAGES = {
    "object_detection.prediction": ObjectDetectionColumnNames,
    "object_detection.actual": ObjectDetectionColumnNames,
    "semantic_segmentation.prediction": SemanticSegmentationColumnNames,
    "semantic_segmentation.actual": SemanticSegmentationColumnNames,
    "instance_segmentation.prediction": InstanceSegmentationPredictionColumnNames,
    "instance_segmentation.actual": InstanceSegmentationActualColumnNames,
}
_IMAGE_KEYS = {
    "boxes": "bounding_boxes_coordinates_column_name",
    "polygons": "polygon_coordinates_column_name",
    "categories": "categories_column_name",
    "scores": "scores_column_name",
}


def arize_schema(roles_found: Roles) -> ArizeSchema:
    """The SDK's schema for a batch's columns."""
    ranking = roles_found.ranking
    images = {
        f"{part.replace('.', '_')}_column_names": _IMAGES[part](**{_IMAGE_KEYS[key]: name or None for key, name in one})
        for part, one in roles_found.images.items()
    }
    embeddings = {
        name: EmbeddingColumnNames(one.vector, one.data or None, one.link or None)
        for name, one in roles_found.embeddings.items()
    }
    return ArizeSchema(
        prediction_id_column_name=roles_found.prediction_id,
        timestamp_column_name=roles_found.timestamp,
        prediction_label_column_name=roles_found.prediction_label,
        prediction_score_column_name=roles_found.prediction_score,
        actual_label_column_name=roles_found.actual_label,
        actual_score_column_name=roles_found.actual_score,
        feature_column_names=list(roles_found.features),
        tag_column_names=list(roles_found.tags),
        shap_values_column_names=dict(roles_found.shap) or None,
        embedding_feature_column_names=embeddings or None,
        prediction_group_id_column_name=ranking.group or None,
        rank_column_name=ranking.rank or None,
        attributions_column_name=ranking.attributions or None,
        relevance_score_column_name=ranking.relevance_score or None,
        relevance_labels_column_name=ranking.relevance_labels or None,
        multi_class_threshold_scores_column_name=roles_found.threshold_scores,
        **images,
    )


@contextmanager
def _spool() -> Iterator[str]:
    """A path for the SDK to write one batch to; nothing of it outlives the process."""
    if not hasattr(os, "memfd_create"):
        with tempfile.TemporaryDirectory(prefix="ingest-", ignore_cleanup_errors=True) as directory:
            yield os.path.join(directory, "batch.arrow")  # noqa: PTH118  the SDK takes a string
        return
    descriptor = os.memfd_create("ingest-batch", os.MFD_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)


def _empty(table: pa.Table) -> frozenset[str]:
    return frozenset(
        name
        for name, column in zip(table.column_names, table.columns, strict=True)
        if column.null_count == table.num_rows
    )

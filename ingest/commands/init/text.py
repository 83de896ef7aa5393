"""Writes the configuration with its comments. No value of a message is written, and no secret."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ingest.commands.check.messages import Verdict
from ingest.commands.init.answers import Given
from ingest.commands.init.infer import Inferred
from ingest.commands.schema import toml
from ingest.commands.schema.column_statistics import describe_types
from ingest.commands.schema.detect_roles import is_named
from ingest.config.messages import toml_key
from ingest.status import formatting

_MOST_COLUMNS = 100
_OPTIONAL = ("prediction_label", "prediction_score", "actual_label", "actual_score")
_SOURCES = {
    "prediction_id_from": "no column looks like an id; the id of a message is made of this",
    "timestamp_from_kafka": "no column looks like a time; Kafka's timestamp of the message is taken",
}


@dataclass(frozen=True, slots=True)
class Draft:
    """What the file is made of. `looked_at` says what was sampled, `partitions` is None where Kafka wasn't asked."""

    given: Given
    inferred: Inferred
    model_type: str
    looked_at: str
    partitions: int | None = None
    verdict: Verdict | None = None


def lines(draft: Draft) -> Iterator[str]:
    """The lines of the file."""
    yield "# Written by ingest init. Check it with: ingest check. All keys: docs/reference/configuration.md"
    yield f"# {draft.looked_at}"
    yield from (f"# {line}" for line in result_lines(draft))
    yield from _kafka(draft)
    yield from _arize(draft)
    if draft.inferred.format_:
        yield from _commented("format", draft.inferred.format_, "recognised in the messages")
    yield from _schema(draft)
    yield from _supervisor(draft)


def result_lines(draft: Draft) -> Iterator[str]:
    """What would become of the sampled messages."""
    verdict = draft.verdict
    if verdict is None or not verdict.sampled:
        return
    yield (
        f"Of {formatting.amount(verdict.judged, 'message')}, {formatting.count(verdict.deliverable)} can be delivered "
        f"under it, {formatting.count(verdict.dead.total())} would be dead letters."
    )
    for code, number in verdict.dead.most_common():
        yield f"  {code} {formatting.count(number)}"


def _kafka(draft: Draft) -> Iterator[str]:
    given = draft.given
    yield ""
    yield "[kafka]"
    yield f"brokers = {toml.text(given.brokers)}"
    partitions = "" if draft.partitions is None else f"  # {formatting.amount(draft.partitions, 'partition')}"
    yield f"topic = {toml.text(given.topic)}{partitions}"
    if given.group is not None:
        yield f"group = {toml.text(given.group)}  # offsets are committed under it"
    else:
        yield '# group = "ingest"  # offsets are committed under it'
    yield '# start = "latest"  # without a committed offset; the default is the earliest message'
    if options := given.kafka_options():
        yield from toml.table("kafka.options", options)
    else:
        yield ""
        yield "# [kafka.options]  # librdkafka's own; secrets come from files"
        yield '# "security.protocol" = "SASL_SSL"'
        yield '# "sasl.mechanism" = "SCRAM-SHA-512"'
        yield '# "sasl.username" = "ingest"'
        yield '# "sasl.password_file" = "/run/secrets/kafka"'


def _arize(draft: Draft) -> Iterator[str]:
    given = draft.given
    yield ""
    yield "[arize]"
    yield f"model_name = {toml.text(given.model_name)}"
    yield f"model_version = {toml.text(given.model_version)}" if given.model_version else '# model_version = "1"'
    by = "" if given.model_type or draft.inferred.model_type is None else "  # as the labels look; see the reference"
    yield f"model_type = {toml.text(draft.model_type)}{by}"
    if given.space_id:
        yield f"space_id = {toml.text(given.space_id)}"
    else:
        yield '# space_id = "..."  # else the variable ARIZE_SPACE_ID'
    yield '# api_key_file = "/run/secrets/arize"  # else ARIZE_API_KEY; the key itself is never written here'


def _schema(draft: Draft) -> Iterator[str]:
    inferred = draft.inferred
    yield ""
    yield "[schema]"
    if not inferred.columns:
        yield "# No message was seen. The defaults are the columns prediction_id, prediction_ts, prediction_label and"
        yield "# prediction_score; every other column is a feature. See: ingest schema infer"
        yield 'tags = []  # columns that are tags, such as ["region", "meta.*"]'
        return
    for key in ("prediction_id", "timestamp", *_OPTIONAL):
        if (column := inferred.roles.get(key)) is not None:
            by = "its name and values" if is_named(key, column) else "its values"
            yield f"{key} = {toml.text(column)}  # detected by {by}"
        elif key in _OPTIONAL[:2]:
            yield f'# {key} = "..."  # no column looks like it'
    for key, value in inferred.sources.items():
        yield f"{key} = {toml.value(value)}  # {_SOURCES[key]}"
    yield 'tags = []  # columns that are tags, such as ["region", "meta.*"]; every other column is a feature:'
    features = [name for name in inferred.columns if name not in inferred.roles.values()]
    for name in features[:_MOST_COLUMNS]:
        yield f"#   {toml_key(name)}: {describe_types(inferred.columns[name].type_counts)}"
    if (more := len(features) - _MOST_COLUMNS) > 0:
        yield f"#   and {formatting.amount(more, 'other column')}"
    yield "# Types are learned and then kept. To pin them: ingest schema infer --output contract.toml"


def _supervisor(draft: Draft) -> Iterator[str]:
    yield ""
    yield "[supervisor]"
    if draft.partitions is None:
        yield "# workers = 4  # processes; each reads its share of the partitions"
    else:
        most = formatting.amount(draft.partitions, "partition")
        yield f"# workers = {min(draft.partitions, 4)}  # processes; each reads its share of the {most}"
    yield ""
    yield "[dead_letters]"
    yield '# directory = "dead_letters"  # where messages go that can\'t be delivered; it must outlive the process'


def _commented(name: str, settings: Mapping[str, Any], comment: str) -> Iterator[str]:
    yield ""
    yield f"[{name}]  # {comment}"
    yield from (f"{toml_key(key)} = {toml.value(value)}" for key, value in settings.items())


def next_steps(output: str, missing: Sequence[str]) -> Iterator[str]:
    """What to do after the file is written."""
    config = "" if output == "ingest.toml" else f" --config {output}"
    if missing:
        yield f"set {' and '.join(missing)}, then:"
    yield f"  ingest check{config}"
    yield f"  ingest debug --partition 0 --from earliest{config}"
    yield f"  ingest supervise{config}"

"""Writes the contract as a TOML file: the pinned types, and in comments the statistics and the result for the sample.

Rules
1. The file is a complete configuration: brokers and topic, all other settings that are not the defaults, and the
   [schema] in effect with the detected roles added. `[kafka.options]` is omitted, because it may hold secrets. The file
   can also be laid over the one that it was made under (`--config ingest.toml --config contract.toml`): of a topic of
   [topics.*] it has the table of that topic.
2. A comment holds values of messages only if examples are asked for. Names of columns, counts, ranges of numbers and
   lengths are not values.
3. A column that can't be pinned is a comment with the reason.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ingest.commands.schema import toml
from ingest.commands.schema.column_statistics import ColumnStatistics, SampleStatistics, describe_types, percentage
from ingest.commands.schema.detect_roles import is_named
from ingest.config.messages import toml_key
from ingest.config.resolve import TopicConfig
from ingest.config.schema import Schema, Section
from ingest.pipeline.decoding.column_types import STRUCTURED, Rule
from ingest.pipeline.decoding.rules import Rules
from ingest.status.formatting import amount, count

_WIDTH = 116
_EXAMPLE = 60
_ALTERNATIVES = {
    "prediction_id": 'prediction_id_from = "key" or "offset" makes one of what Kafka knows of the message',
    "timestamp": "timestamp_from_kafka = true uses the timestamp of the Kafka message",
}


@dataclass(frozen=True, slots=True)
class SampleResult:
    """The sample decoded under the contract: dead letters by reason, values made null or ignored by column."""

    messages: int
    rejected: Mapping[str, int]
    nulled: Mapping[str, int]
    ignored: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class InferredContract:
    """A contract: `schema` with the pinned types and the `detected_roles`, which map [schema] keys to columns."""

    schema: Schema
    detected_roles: Mapping[str, str]
    rules: Rules


def infer(config: TopicConfig, sample: SampleStatistics, roles: Mapping[str, str]) -> InferredContract:
    """The contract for `sample`, with `roles` mapping [schema] keys to columns."""
    arranged = config.schema.with_columns(roles)
    rules = Rules(arranged, config.arize.model_type)
    types: dict[str, str] = dict(arranged.types)
    for name, seen in sample.columns.items():
        kind = seen.type_for(rules.get(name))
        if kind is not None and kind not in STRUCTURED and _pinnable(arranged, name):
            types.setdefault(name, kind)
    schema = Schema.model_validate({**arranged.model_dump(exclude_unset=True), **roles, "types": types})
    return InferredContract(schema, roles, rules)


def _pinnable(schema: Schema, name: str) -> bool:
    return "*" not in name and name not in schema.added()


class ContractWriter:
    """Writes one contract."""

    def __init__(
        self, config: TopicConfig, sample: SampleStatistics, contract: InferredContract, *, examples: bool
    ) -> None:
        self._config = config
        self._sample = sample
        self._contract = contract
        self._examples = examples
        self._within = f"topics.{toml_key(config.kafka.topic)}." if config.section else ""

    def lines(self, head: Sequence[str], result: SampleResult) -> Iterator[str]:
        """The lines of the file; `head` describes the sample."""
        yield from (f"# {line}" for line in head)
        yield from (f"# {line}" for line in self._result_lines(result))
        yield "#"
        yield "# A column that held only integers is pinned to integer: write float where fractions may come. A message"
        yield "# with a value that doesn't fit becomes a dead letter, unless [schema.conflicts] is null or text."
        yield from self._settings()
        yield from self._format()
        yield from self._schema()
        yield ""
        yield f"[{self._within}schema.types]"
        for name, seen in self._sample.columns.items():
            yield from self._column(name, seen)
            yield ""
        unseen = self._contract.schema.types.keys() - self._sample.columns.keys()
        for name in sorted(unseen):
            yield "# not in the sample; pinned in the configuration"
            yield f"{toml_key(name)} = {toml.text(self._contract.schema.types[name])}"
        if more := len(self._sample.more_columns):
            yield f"# {count(more)} columns or more are left out; are the keys data? Drop them with exclude or unknown"

    def _settings(self) -> Iterator[str]:
        """All sections but [format] and [schema]."""
        config = self._config
        kafka = {"brokers": config.kafka.brokers, **_changed(config.kafka, "options", "topic", "brokers")}
        yield from toml.table("kafka", kafka if self._within else {"topic": config.kafka.topic, **kafka})
        for name in ("delivery", "dead_letters", "account", "supervisor"):
            yield from toml.table(name, _changed(getattr(config, name)))
        if self._within:
            yield ""
            yield f"[{self._within.removesuffix('.')}]"
        yield from toml.table(f"{self._within}arize", {"model_type": config.arize.model_type, **_changed(config.arize)})
        yield from toml.table(f"{self._within}batch", _changed(config.batch))

    def _format(self) -> Iterator[str]:
        """Without it the messages would have other columns."""
        settings = self._config.format.model_dump(mode="json", exclude_defaults=True)
        arrays = settings.pop("arrays", {})
        if settings:
            yield from toml.table(f"{self._within}format", settings)
        for path, array in arrays.items():
            yield from toml.table(f"{self._within}format.arrays.{toml_key(path)}", array)

    def _result_lines(self, result: SampleResult) -> Iterator[str]:
        rejected = sum(result.rejected.values())
        yield (
            f"Under this contract {count(result.messages - rejected)} of {amount(result.messages, 'message')} would "
            f"be sent, {count(rejected)} would be dead letters{':' if rejected else '.'}"
        )
        for code, number in sorted(result.rejected.items(), key=lambda item: (-item[1], item[0])):
            yield f"  {code} {count(number)}"
        for effect, columns in (("become null", result.nulled), ("not be sent (unknown)", result.ignored)):
            if columns:
                yield f"Values that would {effect}: {count(sum(columns.values()))}"

    def _schema(self) -> Iterator[str]:
        schema, found = self._contract.schema, self._contract.detected_roles
        settings = schema.model_dump(mode="json", exclude_defaults=True, exclude={"types"})
        settings |= {key: getattr(schema, key) for key in found}
        tables = {key: inner for key, inner in settings.items() if isinstance(inner, Mapping) and inner}
        yield ""
        yield f"[{self._within}schema]"
        filled = {"prediction_id": schema.prediction_id_from, "timestamp": schema.timestamp_from_kafka}
        for key, other in _ALTERNATIVES.items():
            if getattr(schema, key) and key not in found and not filled[key]:
                yield f'# {key} = "..."  # not detected, but required; {other}'
        for key, inner in settings.items():
            if key not in tables:
                line = f"{toml_key(key)} = {toml.value(inner)}"
                guessed = key in found and found[key] != getattr(self._config.schema, key)
                by = "its name and values" if guessed and is_named(key, found[key]) else "its values"
                yield f"{line}  # detected by {by}" if guessed else line
        for key, inner in tables.items():
            yield from toml.table(f"{self._within}schema.{key}", inner)

    # --- one column ----------------------------------------------------------------------------

    def _column(self, name: str, seen: ColumnStatistics) -> Iterator[str]:
        rule = self._contract.rules.get(name)
        kind = self._contract.schema.types.get(name)
        yield from _wrapped(self._describe(seen))
        if self._examples and seen.examples():
            yield from _wrapped(f"for example {', '.join(map(_example, seen.examples()))}")
        if kind is None:
            yield f"# {toml_key(name)}: not pinned, {_why_not_pinned(name, seen, rule)}"
            return
        if misfits := seen.misfits(kind, rule):
            become_null = rule is not None and rule.on_conflict == "null"
            effect = "becomes null" if become_null else "makes its message a dead letter"
            values = f"{count(misfits)} ({percentage(misfits, seen.values)})"
            yield f"# CONFLICTS: values of other types: {values}; each {effect}"
        yield f"{toml_key(name)} = {toml.text(kind)}"

    def _describe(self, seen: ColumnStatistics) -> str:
        rows = self._sample.rows
        parts = [describe_types(seen.type_counts), f"null or absent {percentage(rows - seen.values, rows)}"]
        if seen.low is not None and seen.high is not None:
            parts.append(f"{seen.low!r} to {seen.high!r}")
        if seen.shortest is not None:
            unit = "items" if seen.lists and not seen.distinct else "characters"
            parts.append(f"{seen.shortest} to {seen.longest} {unit}")
        return "; ".join(parts)


def _changed(section: Section, *without: str) -> dict[str, Any]:
    """The settings that are not the defaults."""
    return section.model_dump(mode="json", exclude_defaults=True, exclude={*without})


def _why_not_pinned(name: str, seen: ColumnStatistics, rule: Rule | None) -> str:
    if "*" in name:
        return "because its name contains *, which is a wildcard here"
    if rule is not None and rule.types & STRUCTURED:
        return f"because [schema] {rule.setting} determines its type"
    if rule is not None and not seen.type_for(rule):
        return f"because [schema] {rule.setting} requires {' or '.join(sorted(rule.types))}"
    return "because no column type holds any of its values" if not seen.type_for(rule) else "because [schema] adds it"


def _example(value: Any) -> str:
    text = toml.text(value)
    return text if len(text) <= _EXAMPLE else f"{text[:_EXAMPLE]}..."


def _wrapped(line: str) -> Iterator[str]:
    """A comment, broken at spaces if it is too long."""
    while len(line) > _WIDTH:
        at = line.rfind(" ", 0, _WIDTH)
        at = at if at > 0 else _WIDTH
        yield f"# {line[:at]}"
        line = line[at:].lstrip()
    yield f"# {line}"

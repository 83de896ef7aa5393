"""The contract as a TOML file: what is pinned, and in comments what was seen and what would become of it.

Rules
1. The file loads by itself: [kafka] brokers and topic, the model's type, and all of the [schema] that was in effect;
   what was recognised is added to it. `[kafka.options]` is left out: it may hold secrets.
2. A comment never holds a value of the messages unless examples are asked for; names of columns, counts, ranges of
   numbers and lengths are no values.
3. What can't be pinned stands in a comment with the reason.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ingest.commands.schema import toml
from ingest.commands.schema.column_statistics import ColumnStatistics, Observed, kinds, share
from ingest.config.load import Config
from ingest.config.schema import Schema
from ingest.pipeline.decoding.column_types import STRUCTURED, Rule
from ingest.pipeline.decoding.rules import Rules
from ingest.status.formatting import amount, count

_WIDTH = 116
_EXAMPLE = 60
_SPECIAL = {"timestamp": "timestamp_from_kafka = true takes the one of the message in Kafka"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a worker would make of the sample: dead letters by reason, values made null or ignored by column."""

    messages: int
    rejected: Mapping[str, int]
    nulled: Mapping[str, int]
    ignored: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Inferred:
    """A contract: `schema` with the types and what was `recognised`."""

    schema: Schema
    recognised: Mapping[str, str]
    rules: Rules


def inferred(config: Config, observed: Observed, found: Mapping[str, str]) -> Inferred:
    """The contract for what was observed, with the columns `found` for the reserved keys."""
    arranged = config.columns.model_copy(update=dict(found))
    rules = Rules(arranged, config.arize.model_type)
    types: dict[str, str] = dict(arranged.types)
    for name, seen in observed.columns.items():
        kind = seen.type_under(rules.get(name))
        if kind is not None and kind not in STRUCTURED and _pinnable(arranged, name):
            types.setdefault(name, kind)
    schema = Schema.model_validate({**arranged.model_dump(exclude_unset=True), **found, "types": types})
    return Inferred(schema, found, rules)


def _pinnable(schema: Schema, name: str) -> bool:
    return "*" not in name and name not in schema.added()


class ContractWriter:
    """Writes one contract."""

    def __init__(self, config: Config, observed: Observed, contract: Inferred, *, examples: bool) -> None:
        self._config = config
        self._observed = observed
        self._contract = contract
        self._examples = examples

    def lines(self, head: Sequence[str], outcome: Outcome) -> Iterator[str]:
        """The file; `head` says where the sample comes from."""
        yield from (f"# {line}" for line in head)
        yield from (f"# {line}" for line in self._outcome(outcome))
        yield "#"
        yield "# A column that held only integers is pinned to integer: write float where fractions may come. A value"
        yield "# that doesn't fit makes a dead letter, unless [schema.conflicts] says null or text."
        kafka, arize = self._config.kafka, self._config.arize
        yield from toml.table("kafka", {"brokers": kafka.brokers, "topic": kafka.topic})
        yield from toml.table("arize", {"model_type": arize.model_type})
        yield from self._schema()
        yield ""
        yield "[schema.types]"
        for name, seen in self._observed.columns.items():
            yield from self._column(name, seen)
            yield ""
        unseen = self._contract.schema.types.keys() - self._observed.columns.keys()
        for name in sorted(unseen):
            yield "# not in the sample; pinned in the configuration"
            yield f"{toml.key(name)} = {toml.text(self._contract.schema.types[name])}"
        if more := len(self._observed.more_columns):
            yield f"# {count(more)} columns or more are left out; are the keys data? exclude and unknown drop such"

    def _outcome(self, outcome: Outcome) -> Iterator[str]:
        rejected = sum(outcome.rejected.values())
        yield (
            f"Under this contract {count(outcome.messages - rejected)} of {amount(outcome.messages, 'message')} would "
            f"be delivered, {count(rejected)} would be dead letters{':' if rejected else '.'}"
        )
        for code, number in sorted(outcome.rejected.items(), key=lambda item: (-item[1], item[0])):
            yield f"  {code} {count(number)}"
        for said, columns in (("become null", outcome.nulled), ("not be sent (unknown)", outcome.ignored)):
            if columns:
                yield f"Values that would {said}: {count(sum(columns.values()))}"

    def _schema(self) -> Iterator[str]:
        schema, found = self._contract.schema, self._contract.recognised
        said = schema.model_dump(mode="json", exclude_defaults=True, exclude={"types"})
        said |= {key: getattr(schema, key) for key in found}
        tables = {key: inner for key, inner in said.items() if isinstance(inner, Mapping) and inner}
        yield ""
        yield "[schema]"
        for key in ("prediction_id", "timestamp"):
            if getattr(schema, key) and key not in found:
                other = f"; {_SPECIAL[key]}" if key in _SPECIAL else ""
                yield f'# {key} = "..."  # not recognised, and required{other}'
        for key, inner in said.items():
            if key not in tables:
                line = f"{toml.key(key)} = {toml.value(inner)}"
                guessed = key in found and found[key] != getattr(self._config.columns, key)
                yield f"{line}  # recognised by its name and its values" if guessed else line
        for key, inner in tables.items():
            yield from toml.table(f"schema.{key}", inner)

    # --- one column ----------------------------------------------------------------------------

    def _column(self, name: str, seen: ColumnStatistics) -> Iterator[str]:
        rule = self._contract.rules.get(name)
        kind = self._contract.schema.types.get(name)
        yield from _wrapped(self._said(seen))
        if self._examples and seen.examples():
            yield from _wrapped(f"for example {', '.join(map(_example, seen.examples()))}")
        if kind is None:
            yield f"# {toml.key(name)}: not pinned, {_why(name, seen, rule)}"
            return
        if misfits := seen.misfits(kind, rule):
            word = "null" if rule is not None and rule.on_conflict == "null" else "dead letters"
            yield f"# CONFLICTS: {count(misfits)} values ({share(misfits, seen.values)}) don't fit: {word}"
        yield f"{toml.key(name)} = {toml.text(kind)}"

    def _said(self, seen: ColumnStatistics) -> str:
        rows = self._observed.rows
        parts = [kinds(seen.votes), f"null or absent {share(rows - seen.values, rows)}"]
        if seen.low is not None and seen.high is not None:
            parts.append(f"{seen.low!r} to {seen.high!r}")
        if seen.shortest is not None:
            unit = "items" if seen.lists and not seen.distinct else "characters"
            parts.append(f"{seen.shortest} to {seen.longest} {unit}")
        return "; ".join(parts)


def _why(name: str, seen: ColumnStatistics, rule: Rule | None) -> str:
    if "*" in name:
        return "as its name holds a *, which is a wildcard here"
    if rule is not None and rule.types & STRUCTURED:
        return f"as [schema] {rule.setting} gives it its type"
    if rule is not None and not seen.type_under(rule):
        return f"as [schema] {rule.setting} takes {' or '.join(sorted(rule.types))}"
    return (
        "as no type of a column holds any of its values" if not seen.type_under(rule) else "as [schema] adds it itself"
    )


def _example(value: Any) -> str:
    spelled = toml.text(value)
    return spelled if len(spelled) <= _EXAMPLE else f"{spelled[:_EXAMPLE]}..."


def _wrapped(line: str) -> Iterator[str]:
    """A comment, broken at commas and blanks where it is too long."""
    while len(line) > _WIDTH:
        at = line.rfind(" ", 0, _WIDTH)
        at = at if at > 0 else _WIDTH
        yield f"# {line[:at]}"
        line = line[at:].lstrip()
    yield f"# {line}"

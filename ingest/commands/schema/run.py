"""`ingest schema infer`: read a sample, look at it, write the contract, and say what it would make of the sample."""

import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from ingest.commands.schema.column_statistics import Observed
from ingest.commands.schema.contract_writer import ContractWriter, Inferred, Outcome, inferred
from ingest.commands.schema.detect_roles import recognised
from ingest.commands.schema.sample import MOST_BYTES, Sample, take
from ingest.config import consistency
from ingest.config.load import Config
from ingest.errors import ConfigError, ExitCode
from ingest.pipeline.decoding.learned_schema import LearnedSchema
from ingest.pipeline.decoding.parse import parse
from ingest.pipeline.decoding.privacy import privacy_of
from ingest.pipeline.decoding.renames import ColumnRenamer
from ingest.pipeline.decoding.rules import rules
from ingest.pipeline.kafka import metadata
from ingest.pipeline.rows import RowProcessor
from ingest.records import KafkaMessage
from ingest.status import formatting
from ingest.supervisor import partitions as sets

_CHUNK = 5_000


def run(
    settings: Sequence[Config], *, partitions: str | None, sample: int, examples: bool, output: Path | None
) -> ExitCode:
    """Write the contract of the one topic of `settings` to `output`, None for standard output.

    Raises ConfigError without a topic, for several, for partitions that don't exist, and where `output` can't be
    written; FatalError (exit code KAFKA) when Kafka doesn't answer.
    """
    if len(settings) != 1:
        names = ", ".join(each.kafka.topic for each in settings)
        raise ConfigError(f"--topic is missing: a contract is that of one topic, and there are {names}")
    config = settings[0]
    if not config.kafka.topic:
        raise ConfigError("[kafka] topic is missing: name the topic to read with --topic, or in [kafka]")
    if output is not None and output.exists():
        raise ConfigError(f"--output {output}: it is there already; name a new file, or remove it")
    _tell(f"asking Kafka at {config.kafka.brokers}; if it is away, that takes a minute to be sure of")
    existing = metadata.topic_partitions(config.kafka)
    chosen = sets.choose(sets.parse(partitions or sets.ALL), existing, config.kafka.topic)
    taken = take(config.kafka, chosen, sample, _tell)
    text = contract(config, taken, examples=examples)
    _write(text, output)
    return ExitCode.DONE


def contract(config: Config, sample: Sample, *, examples: bool) -> str:
    """The file for `sample`. Raises ConfigError when the configuration can't be applied."""
    observed = Observed(
        LearnedSchema(
            rules(config.columns, config.arize.model_type),
            renamer=ColumnRenamer(config.columns.rename, config.columns.exclude),
            privacy=privacy_of(config),
        )
    )
    for chunk in _chunks(sample.messages):
        observed.add(parse([message.value() for message in chunk]))
    found = recognised(observed, config.columns, config.arize.model_type, time.time())
    if consistency.faults(config.columns.model_copy(update=dict(found)), config.arize):
        found = {}  # what was recognised contradicts what is configured
    pinned = inferred(config, observed, found)
    paper = ContractWriter(config, observed, pinned, examples=examples)
    return "\n".join([*paper.lines([*_head(config, sample)], _outcome(config, pinned, sample.messages)), ""])


def _outcome(config: Config, pinned: Inferred, messages: Sequence[KafkaMessage]) -> Outcome:
    judge = RowProcessor(config.model_copy(update={"columns": pinned.schema}), time.time)
    rejected, nulled, ignored = Counter[str](), Counter[str](), Counter[str]()
    for chunk in _chunks(messages):
        decoded = judge.process(chunk)
        rejected.update(fault.reason.code for fault in decoded.rejected)
        nulled.update(decoded.nulled)
        ignored.update(decoded.ignored)
    return Outcome(len(messages), rejected, nulled, ignored)


def _head(config: Config, sample: Sample) -> Iterable[str]:
    at = datetime.now(UTC).isoformat(sep=" ", timespec="seconds")
    yield f"Inferred by ingest schema infer at {at}, topic {config.kafka.topic}:"
    messages, partitions = len(sample.messages), len(sample.ranges)
    yield f"the newest {formatting.amount(messages, 'message')} of {formatting.amount(partitions, 'partition')}"
    for partition, (first, end) in sample.ranges.items():
        yield f"  partition {partition}: offsets {first} to {end - 1}"
    if config.routes:
        yield "[routes] say which model a message is for; here all of them were taken under [schema] alone."
    if sample.cut:
        yield f"The sample was cut short at {MOST_BYTES // 2**20} MiB; a smaller --sample is spread evenly."


def _chunks(messages: Sequence[KafkaMessage]) -> Iterable[Sequence[KafkaMessage]]:
    return (messages[first : first + _CHUNK] for first in range(0, len(messages), _CHUNK))


def _write(text: str, output: Path | None) -> None:
    if output is None:
        sys.stdout.write(text)
        return
    try:
        # It may hold examples; and no file that has come to be meanwhile is overwritten.
        with os.fdopen(os.open(output, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise ConfigError(f"--output {output}: can't be written: {error.strerror}") from None
    _tell(f"{output} is written; try it with ingest debug --partition N --config {output}")


def _tell(text: str) -> None:
    sys.stderr.write(f"{text}\n")

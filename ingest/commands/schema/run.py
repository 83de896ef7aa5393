"""`ingest schema infer`: read a sample, infer the contract, and write it with the result for the sample."""

import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ingest.commands.schema.column_statistics import SampleStatistics
from ingest.commands.schema.contract_writer import ContractWriter, InferredContract, SampleResult, infer
from ingest.commands.schema.detect_roles import detect_roles
from ingest.commands.schema.sample import MOST_BYTES, Sample, read_sample
from ingest.config import consistency, partition_set
from ingest.config.resolve import TopicConfig
from ingest.errors import ConfigError, ExitCode
from ingest.pipeline.decoding.learned_schema import LearnedSchema
from ingest.pipeline.decoding.parse import parse
from ingest.pipeline.decoding.privacy import privacy_of
from ingest.pipeline.decoding.renames import ColumnRenamer
from ingest.pipeline.decoding.rules import rules
from ingest.pipeline.formats.reshape import Reshaper
from ingest.pipeline.formats.unwrap import unwrapper
from ingest.pipeline.kafka import first_contact
from ingest.pipeline.rows import RowProcessor
from ingest.records import KafkaMessage
from ingest.status import formatting
from ingest.supervisor import partition_sets

_CHUNK = 5_000


def run(
    settings: Sequence[TopicConfig], *, partitions: str | None, sample: int, examples: bool, output: Path | None
) -> ExitCode:
    """Write the contract of the one topic of `settings` to `output`, None for standard output.

    Raises ConfigError for several topics, for partitions that don't exist, and where `output` can't be
    written; FatalError (exit code KAFKA) when Kafka doesn't answer.
    """
    if len(settings) != 1:
        names = ", ".join(each.kafka.topic for each in settings)
        raise ConfigError(f"--topic is missing: a contract is for one topic, and the configured topics are {names}")
    config = settings[0]
    if output is not None and output.exists():
        raise ConfigError(f"--output {output}: the file exists; name a new file, or remove it")
    _report(f"asking Kafka at {config.kafka.brokers}")
    existing = first_contact.topic_partitions(config.kafka)
    chosen = partition_sets.choose(
        partition_set.parse(partitions or partition_set.ALL, "--partitions"),
        existing,
        config.kafka.topic,
        "--partitions",
    )
    taken = read_sample(config.kafka, chosen, sample, _report)
    text = contract(config, taken, examples=examples)
    _write(text, output)
    return ExitCode.DONE


def contract(config: TopicConfig, sample: Sample, *, examples: bool) -> str:
    """The text of the file for `sample`. Raises ConfigError when the configuration can't be applied."""
    statistics = SampleStatistics(
        LearnedSchema(
            rules(config.schema, config.arize.model_type),
            renamer=ColumnRenamer(config.schema.rename, config.schema.exclude),
            privacy=privacy_of(config.schema),
        )
    )
    usable = _unwrapped(config, sample.messages)
    reshaper = Reshaper(config.single_route())
    for messages, values in usable.chunks():
        for parts in reshaper.reshape(messages, values):
            statistics.add(parse(parts.values))
    roles = detect_roles(statistics, config.schema, config.arize.model_type, time.time())
    if consistency.faults(config.schema.with_columns(roles), config.arize):
        roles = {}  # the detected roles contradict the configuration
    pinned = infer(config, statistics, roles)
    writer = ContractWriter(config, statistics, pinned, examples=examples)
    return "\n".join([*writer.lines([*_head(config, sample)], _decode_under(config, pinned, usable)), ""])


@dataclass(frozen=True, slots=True)
class _Usable:
    """The messages of a sample that [format] unwraps, with their values; `rejected` counts the others by reason."""

    messages: Sequence[KafkaMessage]
    values: Sequence[bytes | None]
    rejected: Counter[str]

    def chunks(self) -> Iterable[tuple[Sequence[KafkaMessage], Sequence[bytes | None]]]:
        for first in range(0, len(self.messages), _CHUNK):
            yield self.messages[first : first + _CHUNK], self.values[first : first + _CHUNK]


def _unwrapped(config: TopicConfig, messages: Sequence[KafkaMessage]) -> _Usable:
    found = unwrapper(config.format, [config.schema]).unwrap(messages)
    kept = [index for index in range(len(messages)) if index not in found.rejected]
    return _Usable(
        [messages[index] for index in kept],
        [found.values[index] for index in kept],
        Counter(fault.reason.code for fault in found.rejected.values()),
    )


def _decode_under(config: TopicConfig, pinned: InferredContract, usable: _Usable) -> SampleResult:
    judge = RowProcessor(config.single_route().with_schema(pinned.schema), time.time)
    rejected, nulled, ignored = Counter(usable.rejected), Counter[str](), Counter[str]()
    for messages, values in usable.chunks():
        bad: dict[int, str] = {}
        for piece in judge.pieces(messages, values):
            bad |= {fault.index: fault.reason.code for fault in reversed(piece.decoded.rejected)}
            nulled.update(piece.decoded.nulled)
            ignored.update(piece.decoded.ignored)
        rejected.update(bad.values())
    return SampleResult(len(usable.messages) + usable.rejected.total(), rejected, nulled, ignored)


def _head(config: TopicConfig, sample: Sample) -> Iterable[str]:
    at = datetime.now(UTC).isoformat(sep=" ", timespec="seconds")
    yield f"Inferred by ingest schema infer at {at}, topic {config.kafka.topic}:"
    messages, partitions = len(sample.messages), len(sample.ranges)
    which = "" if sample.truncated else "the newest "  # what is missing then is newer
    yield f"{which}{formatting.amount(messages, 'message')} of {formatting.amount(partitions, 'partition')}"
    for partition, (first, end) in sample.ranges.items():
        yield f"  partition {partition}: offsets {first} to {end - 1}"
    if any(route.section for route in config.routes):
        yield "[routes] assign messages to models; here all messages were decoded under [schema] alone."
    if sample.held_back:
        offsets = formatting.amount(sample.held_back, "newer offset")
        yield f"Not in it: {offsets} behind open transactions, which can't be read before these end."
    if sample.truncated:
        yield f"The sample was truncated at {MOST_BYTES // 2**20} MiB; a smaller --sample covers all partitions evenly."


def _write(text: str, output: Path | None) -> None:
    if output is None:
        sys.stdout.write(text)
        return
    try:
        # O_EXCL: a file created in the meantime is not overwritten. 0o600: the text may hold examples.
        with os.fdopen(os.open(output, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise ConfigError(f"--output {output}: can't be written: {error.strerror}") from None
    _report(f"{output} is written; test it with: ingest debug --partition N --config {output}")


def _report(text: str) -> None:
    sys.stderr.write(f"{text}\n")

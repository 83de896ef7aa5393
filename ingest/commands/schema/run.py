"""`ingest schema infer`: read a sample, infer the contract, and write it with the result for the sample."""

import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from ingest.commands.schema.contract_writer import ContractWriter, InferredContract, SampleResult, infer
from ingest.commands.schema.detect_roles import detect_roles
from ingest.commands.schema.sample import MOST_BYTES, Sample, read_sample
from ingest.commands.schema.usable import Usable, statistics_of, unwrapped
from ingest.config import consistency, partition_set
from ingest.config.resolve import TopicConfig
from ingest.config.sections import Kafka
from ingest.errors import ConfigError, ExitCode
from ingest.pipeline.kafka import first_contact
from ingest.pipeline.rows import RowProcessor
from ingest.status import formatting
from ingest.supervisor import partition_sets


def run(
    settings: Sequence[TopicConfig], *, partitions: str | None, sample: int, examples: bool, output: Path | None
) -> ExitCode:
    """Write the contract of the one topic of `settings` to `output`, None for standard output.

    Raises ConfigError for several topics, for a sample without messages, for partitions that don't exist, and where
    `output` can't be written; FatalError (exit code KAFKA) when Kafka doesn't answer.
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
    if not taken.messages:
        raise ConfigError(nothing_to_infer(config.kafka, taken))
    text = contract(config, taken, examples=examples)
    _write(text, output)
    return ExitCode.DONE


def nothing_to_infer(kafka: Kafka, sample: Sample) -> str:
    """Why a sample without messages says nothing about the columns."""
    held = formatting.amount(sample.held_back, "offset")
    behind = f": {held} are behind open transactions" if sample.held_back else ""
    return (
        f"topic {kafka.topic} at {kafka.brokers} has no message that can be read now{behind}, so there is nothing to "
        "infer; produce some, or name another topic or other --partitions"
    )


def contract(config: TopicConfig, sample: Sample, *, examples: bool) -> str:
    """The text of the file for `sample`. Raises ConfigError when the configuration can't be applied."""
    usable = unwrapped(config, sample.messages)
    statistics = statistics_of(config, usable)
    roles = detect_roles(statistics, config.schema, config.arize.model_type, time.time())
    if consistency.faults(config.schema.with_columns(roles), config.arize):
        roles = {}  # the detected roles contradict the configuration
    pinned = infer(config, statistics, roles)
    writer = ContractWriter(config, statistics, pinned, examples=examples)
    return "\n".join([*writer.lines([*_head(config, sample)], _decode_under(config, pinned, usable)), ""])


def _decode_under(config: TopicConfig, pinned: InferredContract, usable: Usable) -> SampleResult:
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
        yield f"The sample was truncated at {MOST_BYTES // 2**20} MiB; a smaller --limit covers all partitions evenly."


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
    _report(
        f"{output} is written; test it with: ingest debug --partition N --config {output}. It can also be laid over "
        "your file, as a second --config"
    )


def _report(text: str) -> None:
    sys.stderr.write(f"{text}\n")

"""A sample's messages as a worker would unwrap them, and the statistics of their columns."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ingest.commands.schema.column_statistics import SampleStatistics
from ingest.config.resolve import TopicConfig
from ingest.pipeline.decoding.learned_schema import LearnedSchema
from ingest.pipeline.decoding.parse import parse
from ingest.pipeline.decoding.privacy import privacy_of
from ingest.pipeline.decoding.renames import ColumnRenamer
from ingest.pipeline.decoding.rules import rules
from ingest.pipeline.formats.reshape import Reshaper
from ingest.pipeline.formats.unwrap import unwrapper
from ingest.records import KafkaMessage

_CHUNK = 5_000


@dataclass(frozen=True, slots=True)
class Usable:
    """The messages of a sample that [format] unwraps, with their values; `rejected` counts the others by reason."""

    messages: Sequence[KafkaMessage]
    values: Sequence[bytes | None]
    rejected: Counter[str]

    def chunks(self) -> Iterable[tuple[Sequence[KafkaMessage], Sequence[bytes | None]]]:
        """Messages and values, a limited number at a time."""
        for first in range(0, len(self.messages), _CHUNK):
            yield self.messages[first : first + _CHUNK], self.values[first : first + _CHUNK]


def unwrapped(config: TopicConfig, messages: Sequence[KafkaMessage]) -> Usable:
    """The messages that the configuration's [format] takes."""
    found = unwrapper(config.format, [config.schema]).unwrap(messages)
    kept = [index for index in range(len(messages)) if index not in found.rejected]
    return Usable(
        [messages[index] for index in kept],
        [found.values[index] for index in kept],
        Counter(fault.reason.code for fault in found.rejected.values()),
    )


def statistics_of(config: TopicConfig, usable: Usable) -> SampleStatistics:
    """The statistics of the columns. Raises ConfigError when the configuration can't be applied."""
    statistics = SampleStatistics(
        LearnedSchema(
            rules(config.schema, config.arize.model_type),
            renamer=ColumnRenamer(config.schema.rename, config.schema.exclude),
            privacy=privacy_of(config.schema),
        )
    )
    reshaper = Reshaper(config.single_route())
    for messages, values in usable.chunks():
        for parts in reshaper.reshape(messages, values):
            statistics.add(parse(parts.values))
    return statistics

"""The values of dead letters as [format] unwraps them, to be read by people.

A redacted dead letter was unwrapped before it was redacted. One that can't be unwrapped, or whose topic is not
configured, has no such value.
"""

from ingest.commands.dead_letters.stored import StoredDeadLetter
from ingest.config.settings import Config
from ingest.pipeline.formats.unwrap import Unwrapper, unwrapper


class UnwrappedValues:
    """Unwraps the dead letters of the configured topics."""

    def __init__(self, config: Config) -> None:
        made = [unwrapper(topic.format, [route.schema for route in topic.routes]) for topic in config.topics]
        self._by_topic = {topic.kafka.topic: each for topic, each in zip(config.topics, made, strict=True)}
        self._only: Unwrapper | None = None if config.topic_overlays else made[0]

    def of(self, letter: StoredDeadLetter) -> bytes | None:
        """The unwrapped value, None if there is none, or if it is the letter's own."""
        steps = self._only or self._by_topic.get(letter.topic())
        if steps is None or letter.entry.redacted:
            return None
        unwrapped = steps.unwrap([letter])
        value = unwrapped.values[0]
        return None if value == letter.raw_value else value

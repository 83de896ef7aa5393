"""A sink of dead letters that keeps them in memory."""

from collections.abc import Sequence

from ingest.pipeline.dead_letters.queue import DeadLetter


class KeptLetters:
    """Keeps what it is given; all of it is durable."""

    place = "memory"

    def __init__(self) -> None:
        self.letters: list[DeadLetter] = []

    def write(self, letters: Sequence[DeadLetter]) -> None:
        self.letters += letters

    def durable(self) -> bool:
        return True

    def close(self) -> None:
        pass

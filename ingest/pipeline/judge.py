"""Decode and validate in one go: what comes out is what Arize takes, and everything else by its reason."""

from collections.abc import Callable, Sequence

from ingest.config import Config, max_past_years
from ingest.pipeline.columns import Contract
from ingest.pipeline.decode import Decoder
from ingest.pipeline.look import Limits
from ingest.pipeline.validate import validated
from ingest.records import Decoded


class Judge(Decoder):
    """A decoder whose rows are valid too. `clock` gives the seconds since 1970."""

    def __init__(self, contract: Contract, limits: Limits, clock: Callable[[], float]) -> None:
        super().__init__(contract)
        self._limits = limits
        self._clock = clock

    def decode(self, values: Sequence[bytes | None]) -> Decoded:
        """As `Decoder.decode`, with the rows that Arize would refuse among the rejected ones."""
        return validated(super().decode(values), self._limits, self._clock())


def limits_of(config: Config) -> Limits:
    """The limits for the configured model. Raises ConfigError for a bad ARIZE_MAX_PAST_YEARS."""
    return Limits(config.columns, config.arize.model_type, config.arize.environment, max_past_years())

"""What the command line and the environment tell `ingest init`, judged before anything is asked or imported."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ingest.errors import ConfigError, ExitCode, FatalError

_SECRET = re.compile(r"(password|secret|passphrase|sasl\.oauthbearer\.config|\.key\.pem|token)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """The options of the command, None where not given. `offline`: Kafka isn't asked."""

    brokers: str | None = None
    topic: str | None = None
    group: str | None = None
    options: tuple[str, ...] = ()
    model_name: str | None = None
    model_version: str | None = None
    model_type: str | None = None
    space_id: str | None = None
    offline: bool = False

    def check(self, output: Path, *, force: bool) -> None:
        """Raise FatalError (exit code USAGE) for options that can't be used, ConfigError if `output` exists."""
        self.kafka_options()
        if output.exists() and not force:
            raise ConfigError(
                f"{output}: the file exists, and is not overwritten; --force does, --output names another"
            )
        if not output.parent.is_dir():
            raise ConfigError(f"--output {output}: there is no directory {output.parent}")

    def check_complete(self) -> None:
        """Raise ConfigError with all that is missing where nobody can be asked; Kafka may have a single topic."""
        missing = [] if self.offline or self.brokers is not None else ["--brokers"]
        missing += ["--topic"] if self.topic is None and (missing or self.offline) else []
        missing += [] if self.model_name is not None else ["--model-name"]
        asks_kafka = self.topic is None and "--topic" not in missing
        if missing and not asks_kafka:
            raise ConfigError(missing_text(missing))

    def kafka_options(self) -> dict[str, str | bool | int | float]:
        """The options of librdkafka by name. Raises FatalError (exit code USAGE)."""
        found: dict[str, str | bool | int | float] = {}
        for text in self.options:
            name, equals, value = text.partition("=")
            if not equals or not name.strip():
                raise FatalError(
                    "--option: write NAME=VALUE, as in security.protocol=SASL_SSL", exit_code=ExitCode.USAGE
                )
            name = name.strip()
            if _SECRET.search(name) and not name.endswith(("_file", ".location")):
                raise FatalError(
                    f"--option {name}: a secret is not taken from a command line, where others see it; put it into a "
                    f"file and write {name}_file=PATH",
                    exit_code=ExitCode.USAGE,
                )
            found[name] = value.strip()
        return found

    def of_environment(self) -> "Given":
        """The same, completed by the variables that name the same settings."""
        variables = {
            "brokers": "INGEST_KAFKA__BROKERS",
            "topic": "INGEST_KAFKA__TOPIC",
            "group": "INGEST_KAFKA__GROUP",
            "model_name": "INGEST_ARIZE__MODEL_NAME",
            "model_version": "INGEST_ARIZE__MODEL_VERSION",
            "model_type": "INGEST_ARIZE__MODEL_TYPE",
        }
        values = {key: getattr(self, key) or os.environ.get(name) or None for key, name in variables.items()}
        return Given(options=self.options, space_id=self.space_id, offline=self.offline, **values)


def missing_text(options: Sequence[str]) -> str:
    """The error that these options are missing."""
    return f"{', '.join(options)} {'is' if len(options) == 1 else 'are'} missing, and there is no terminal to ask in"


def sections(given: Given) -> dict[str, dict[str, object]]:
    """What is given as sections of a configuration."""
    options = given.kafka_options()
    kafka: dict[str, object] = {
        "brokers": given.brokers,
        "topic": given.topic,
        "group": given.group,
        "options": options or None,
    }
    arize: dict[str, object] = {
        "model_name": given.model_name,
        "model_version": given.model_version,
        "model_type": given.model_type,
        "space_id": given.space_id,
    }
    named: dict[str, dict[str, object]] = {"kafka": kafka, "arize": arize}
    return {section: {key: value for key, value in keys.items() if value} for section, keys in named.items()}

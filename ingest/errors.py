"""The errors of `ingest`, by what to do about them: a caller decides by the class and never reads the message.

==================  =====================================================================
`ConfigError`       stop before starting; nothing was read, sent or committed
`DecodeError`       this message becomes a dead letter; its neighbours go on
`RetryableError`    send the identical rows again, after `retry_after_s` or a backoff
`RejectedError`     the endpoint will never take these rows: dead letters with the reason
`FatalError`        halt, skip nothing; the process exits with `exit_code`
==================  =====================================================================

No message here may hold a payload or a secret: it ends in logs. `orjson.JSONDecodeError.doc`
holds the whole message, so that exception is never passed on, only its text and position.
"""

from collections.abc import Mapping
from enum import IntEnum
from functools import partial
from typing import Literal

from ingest.reasons import Reason

# Why rows are sent again. Figures are kept by them, so there are few, and each keeps its meaning.
RetryReason = Literal[
    "connection",  # it could not be made, or broke
    "timeout",
    "no_acknowledgement",  # a 2xx that proves nothing
    "redirect",
    "wrong_address",  # 404, 405, 410
    "http_408",
    "http_429",
    "http_5xx",
    "http_other",
    "new_key",  # the old one was refused
    "local",  # the batch could not be written on this machine
]


class ExitCode(IntEnum):
    """The exit code of a process of `ingest`."""

    DONE = 0
    CRASHED = 1  # Python's own: an unexpected exception, a bug worth reporting
    USAGE = 2
    CONFIGURATION = 3
    KAFKA = 4  # unreachable at start, or it refused us
    CREDENTIALS = 5  # Arize refused the key or the space
    CRASHING = 6  # a worker kept crashing and its partitions were given up
    DRAIN_DEADLINE = 7  # exited with work unacknowledged; it stays uncommitted
    EXPIRED = 8  # retention removed messages before they were read
    TOO_MANY_DEAD = 9  # too many messages can't be delivered; in a replay: some still can't


class IngestError(Exception):
    """Everything `ingest` raises on purpose."""


class ConfigError(IngestError):
    """The configuration can't work. `faults` lists everything wrong with it, not only the first."""

    def __init__(self, faults: str | list[str]) -> None:
        self.faults = [faults] if isinstance(faults, str) else list(faults)
        super().__init__("\n".join(self.faults))

    def __reduce__(self) -> tuple[type["ConfigError"], tuple[list[str]]]:
        return (type(self), (self.faults,))


class DecodeError(IngestError):
    """One message can't become a row, for this `reason`; its detail is the text."""

    def __init__(self, reason: Reason) -> None:
        self.reason = reason
        super().__init__(reason.detail)

    def __reduce__(self) -> tuple[type["DecodeError"], tuple[Reason]]:
        return (type(self), (self.reason,))


class RetryableError(IngestError):
    """The same rows may be taken later. `retry_after_s` is what the endpoint asked for, if it did.

    `reason` is the kind of fault, for those who count; by default it follows from `status`.

    `ambiguous`: the rows were sent, and may be stored or not. `may_be_stored` is False only if nothing can have been
    stored: nothing was sent, or the answer is a refusal of the whole request. An answer such as 503 says why the rows
    are to be sent again, so it is not ambiguous, but they may be stored.
    """

    def __init__(
        self,
        text: str,
        *,
        status: int | None = None,
        retry_after_s: float | None = None,
        ambiguous: bool = False,
        may_be_stored: bool = True,
        reason: RetryReason | None = None,
    ) -> None:
        self.status = status
        self.reason = reason or _retry_reason(status)
        self.retry_after_s = retry_after_s
        self.ambiguous = ambiguous
        self.may_be_stored = may_be_stored
        super().__init__(text)


_REASON_OF_STATUS: Mapping[int, RetryReason] = {
    404: "wrong_address",
    405: "wrong_address",
    410: "wrong_address",
    408: "http_408",
    429: "http_429",
}


def _retry_reason(status: int | None) -> RetryReason:
    if status is None:
        return "connection"
    if 300 <= status < 400:
        return "redirect"
    return _REASON_OF_STATUS.get(status, "http_5xx" if status >= 500 else "http_other")


class RejectedError(IngestError):
    """The endpoint refuses these rows (`status` 400, 413 or 422) and will refuse them again."""

    def __init__(self, text: str, *, status: int) -> None:
        self.status = status
        super().__init__(text)

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (partial(type(self), status=self.status), (str(self),))


class FatalError(IngestError):
    """Going on would lose or repeat something. Halt with `exit_code`; everything open stays uncommitted."""

    def __init__(self, text: str, *, exit_code: ExitCode) -> None:
        self.exit_code = exit_code
        super().__init__(text)

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (partial(type(self), exit_code=self.exit_code), (str(self),))


class DamagedRecordError(FatalError):
    """Kafka can't hand out a record. What was read before it is whole: deliver that, then halt."""

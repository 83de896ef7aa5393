"""Exit codes are the documented ones, and errors keep all they hold between processes."""

import pickle
from typing import get_args

import pytest

from ingest.errors import (
    ConfigError,
    DecodeError,
    ExitCode,
    FatalError,
    IngestError,
    RejectedError,
    RetryableError,
    RetryReason,
)
from ingest.reasons import Reason


def test_exit_codes_are_the_documented_ones() -> None:
    assert {code.name: int(code) for code in ExitCode} == {
        "DONE": 0,
        "CRASHED": 1,
        "USAGE": 2,
        "CONFIGURATION": 3,
        "KAFKA": 4,
        "CREDENTIALS": 5,
        "CRASHING": 6,
        "DRAIN_DEADLINE": 7,
        "EXPIRED": 8,
        "TOO_MANY_DEAD": 9,
    }


@pytest.mark.parametrize(
    "error",
    [
        ConfigError("one"),
        ConfigError(["one", "two"]),
        DecodeError(Reason("not_json", "text")),
        RetryableError("busy", status=503, retry_after_s=2.5),
        RetryableError("cut", ambiguous=True),
        RejectedError("no", status=422),
        FatalError("stop", exit_code=ExitCode.KAFKA),
    ],
)
def test_every_error_travels_between_processes_whole(error: IngestError) -> None:
    back = pickle.loads(pickle.dumps(error))
    assert type(back) is type(error)
    assert str(back) == str(error)
    assert vars(back) == vars(error)


def test_every_fault_of_a_configuration_is_told() -> None:
    assert str(ConfigError(["one", "two"])) == "one\ntwo"
    assert ConfigError("one").faults == ["one"]


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (None, "connection"),
        (302, "redirect"),
        (404, "wrong_address"),
        (408, "http_408"),
        (429, "http_429"),
        (500, "http_5xx"),
        (599, "http_5xx"),
        (418, "http_other"),
        (201, "http_other"),
    ],
)
def test_a_retry_has_a_reason_that_follows_from_its_status(status: int | None, reason: str) -> None:
    assert RetryableError("later", status=status).reason == reason
    assert reason in get_args(RetryReason)
    assert RetryableError("later", status=status, reason="local").reason == "local"

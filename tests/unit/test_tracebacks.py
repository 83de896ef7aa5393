"""Texts of unexpected exceptions show the place and never an event or a secret."""

import sys
import threading

import pytest
import requests
import urllib3

from ingest.errors import ConfigError, ExitCode, FatalError, RetryableError
from ingest.tracebacks import describe, keep_texts_out, report

CANARY = "canary-of-an-event"


def raised(error: BaseException) -> BaseException:
    try:
        raise error
    except type(error) as caught:
        return caught


@pytest.mark.parametrize(
    "error",
    [
        ValueError(CANARY),
        KeyError(CANARY),
        UnicodeDecodeError("utf-8", CANARY.encode(), 0, 1, "bad"),
        UnicodeEncodeError("latin-1", CANARY, 0, 1, "bad"),
        OSError(CANARY),
        type("ArrowInvalid", (ValueError,), {"__module__": "pyarrow.lib"})(CANARY),
        requests.exceptions.InvalidHeader(f"Invalid leading whitespace in header value: {CANARY}"),
        requests.exceptions.ConnectionError(5, CANARY),
        requests.exceptions.InvalidURL(CANARY),
        urllib3.exceptions.LocationParseError(CANARY),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_foreign_exception_is_told_without_its_text(error: BaseException) -> None:
    for told in (describe(raised(error)), report(raised(error))):
        assert CANARY not in told
        assert type(error).__name__ in told
        assert "test_tracebacks.py" in told


def test_our_own_words_are_kept() -> None:
    assert describe(FatalError("topic rides is gone", exit_code=ExitCode.KAFKA)) == "topic rides is gone"
    assert describe(ConfigError(["one", "two"])) == "one\ntwo"
    assert "503 from Arize" in describe(raised(RetryableError("503 from Arize")))
    told = describe(raised(FileNotFoundError(2, "No such file or directory", "/etc/key")))
    assert "No such file or directory: /etc/key" in told


def test_a_traceback_has_the_exceptions_before_it_and_none_of_their_texts() -> None:
    def chained(secret: str) -> RuntimeError:
        try:
            int(secret)
        except ValueError as first:
            after = RuntimeError(secret)
            after.__cause__ = first
            return after
        raise AssertionError(secret)

    told = report(raised(chained(CANARY)))
    assert told.index("ValueError: (its text is left out") < told.index("RuntimeError: (its text is left out")
    assert told.count("Traceback (most recent call last):") == 2
    assert "int(secret)" in told
    assert CANARY not in told


def test_neither_a_thread_nor_a_finalizer_tells_a_text(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    keep_texts_out()
    thread = threading.Thread(target=int, args=(CANARY,))
    thread.start()
    thread.join()

    class Finalized:
        def __del__(self) -> None:
            int(CANARY)

    Finalized()
    told = capsys.readouterr().err
    assert told.count("ValueError: (its text is left out") == 2
    assert CANARY not in told

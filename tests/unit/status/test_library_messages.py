"""What libraries log, warn and print becomes events: without secrets, at a limited rate, and with nothing uncounted."""

import logging
import sys
import warnings
from collections.abc import Iterator

import pytest

from ingest.events import Event, LibraryMessage
from ingest.status.library_messages import MOST_MESSAGES, WINDOW_S, LibraryMessages

CANARY = "canary-of-an-event"


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def messages(clock: Clock) -> Iterator[LibraryMessages]:
    with LibraryMessages(clock) as opened:
        yield opened


def taken(messages: LibraryMessages) -> list[LibraryMessage]:
    events: list[Event] = []
    messages.drain(events.append)
    return [event for event in events if isinstance(event, LibraryMessage)]


def test_a_library_that_is_about_connections_is_quoted_without_logins(messages: LibraryMessages) -> None:
    logging.getLogger("urllib3.connectionpool").warning("Retrying http://me:%s@proxy/", "pass")
    (message,) = taken(messages)
    assert (message.library, message.level, message.text) == (
        "urllib3.connectionpool",
        "warning",
        "Retrying ***@proxy/",
    )


def test_a_library_that_sees_messages_is_named_and_not_quoted() -> None:
    # Opened here: pytest exchanges the streams between a fixture and its test.
    with LibraryMessages() as messages, warnings.catch_warnings():
        logging.getLogger("some.sdk").error("row %s", CANARY)
        warnings.simplefilter("always")
        warnings.warn(CANARY, UserWarning, stacklevel=1)
        sys.stdout.write(f"{CANARY}\n")
        sys.stderr.write(f"{CANARY}\n")
        messages.report(ValueError(CANARY))
        found = taken(messages)
    assert [(message.library, message.level) for message in found] == [
        ("some.sdk", "error"),
        ("warnings", "warning"),
        ("stdout", "warning"),
        ("stderr", "warning"),
        ("python", "error"),
    ]
    assert CANARY not in str(found)
    assert all("test_library_messages.py:" in message.text for message in found[:4]), "each names its place"


def test_nothing_reaches_the_streams_raw(capfd: pytest.CaptureFixture[str]) -> None:
    with LibraryMessages() as messages:
        logging.getLogger("some.sdk").error("x")
        logging.getLogger("uvicorn.error").critical("y")
        sys.stdout.write("z\n")
        assert [message.level for message in taken(messages)] == ["error", "error", "warning"]
    assert capfd.readouterr() == ("", "")


def test_a_flood_is_cut_and_counted(messages: LibraryMessages, clock: Clock) -> None:
    for number in range(MOST_MESSAGES + 5):
        messages.add("librdkafka", "warning", str(number))
    messages.add("librdkafka", "error", "of another level")
    assert len(taken(messages)) == MOST_MESSAGES + 1
    clock.now += WINDOW_S
    messages.add("librdkafka", "warning", "later")
    assert taken(messages) == [LibraryMessage(library="librdkafka", level="warning", text="later", left_out=5)]


def test_what_was_left_out_is_counted_at_the_end(messages: LibraryMessages) -> None:
    for number in range(MOST_MESSAGES + 5):
        messages.add("librdkafka", "info", str(number))
    events: list[Event] = []
    messages.end_forwarding(events.append)
    last = events[-1]
    assert isinstance(last, LibraryMessage)
    assert (len(events), last.left_out, last.level) == (MOST_MESSAGES + 1, 5, "info")


def test_a_thread_forwards_them(messages: LibraryMessages) -> None:
    events: list[Event] = []
    messages.forward(events.append)
    messages.add("librdkafka", "info", "a")
    messages.end_forwarding(events.append)
    assert events == [LibraryMessage(library="librdkafka", level="info", text="a")]


def test_everything_is_as_before_when_it_is_closed() -> None:
    before = (sys.stdout, sys.stderr, warnings.showwarning, list(logging.getLogger().handlers))
    with LibraryMessages():
        assert sys.stdout is not before[0]
    assert (sys.stdout, sys.stderr, warnings.showwarning, list(logging.getLogger().handlers)) == before

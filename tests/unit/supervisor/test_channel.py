"""Events travel over a pipe whole, in order, and never block the worker for long."""

import os
import pickle
import threading
from collections.abc import Iterator

import pytest

from ingest.events import Committed, Event, Notice, Progress, UploadStarted
from ingest.records import Span
from ingest.supervisor.channel import MAX_WAITING_BYTES, PIPE_BYTES, EventReceiver, EventSender

Pipe = tuple[int, int]


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    read, write = os.pipe()
    yield read, write
    for fd in (read, write):
        try:
            os.close(fd)
        except OSError:
            continue


def progress(loops: int) -> Progress:
    return Progress(worker=0, loops=loops, state="reading", uploads_in_flight=0, rss_bytes=0)


def test_events_arrive_whole_and_in_order(pipe: Pipe) -> None:
    receiver, sender = EventReceiver(pipe[0]), EventSender(pipe[1])
    sent: list[Event] = [progress(1), Committed(worker=0, next_offsets={3: 7}), Notice(text="x" * 10_000)]
    for event in sent:
        sender.send(event)
    assert receiver.receive() == sent
    assert receiver.receive() == []
    assert not receiver.ended


def test_a_full_pipe_keeps_everything_but_progress(pipe: Pipe) -> None:
    receiver, sender = EventReceiver(pipe[0]), EventSender(pipe[1])
    notices: list[Event] = [Notice(text=f"{number} " + "x" * 1000) for number in range(2_000)]
    for number, notice in enumerate(notices):
        sender.send(notice)
        sender.send(progress(number))
    assert not sender.flush(timeout_s=0.0)
    received: list[Event] = []
    while not sender.flush(timeout_s=0.0):
        received += receiver.receive()
    received += receiver.receive()
    assert [event for event in received if isinstance(event, Notice)] == notices
    assert 0 < sum(isinstance(event, Progress) for event in received) < len(notices)


def test_progress_leaves_room_in_the_pipe_for_the_rest(pipe: Pipe) -> None:
    receiver, sender = EventReceiver(pipe[0]), EventSender(pipe[1])
    for loops in range(20_000):
        sender.send(progress(loops))
    started = UploadStarted(worker=0, batch=1, rows=1, bytes=1, spans=(Span(0, 0, 1, 1),))
    sender.send(started)
    assert sender.flush(timeout_s=0.0)
    received = receiver.receive()
    assert 0 < len(received) < 20_000
    assert received[-1] == started


def test_the_start_of_an_upload_is_in_the_pipe_when_send_returns(pipe: Pipe) -> None:
    receiver, sender = EventReceiver(pipe[0]), EventSender(pipe[1])
    big = Notice(text="x" * 2 * PIPE_BYTES)
    started = UploadStarted(worker=0, batch=1, rows=1, bytes=1, spans=(Span(0, 0, 1, 1),))
    sender.send(big)  # waits in memory: a kill would take it along
    waits = threading.Thread(target=lambda: sender.send(started), daemon=True)
    waits.start()
    received: list[Event] = []
    while waits.is_alive() or len(received) < 2:
        received += receiver.receive()  # nobody flushes: it has left with the sending itself
    assert received == [big, started]


def test_a_frame_cut_off_by_a_kill_is_dropped(pipe: Pipe) -> None:
    receiver, sender = EventReceiver(pipe[0]), EventSender(pipe[1])
    sender.send(Notice(text="whole"))
    content = pickle.dumps(Notice(text="cut"))
    os.write(pipe[1], len(content).to_bytes(4, "big") + content[:-3])
    os.close(pipe[1])
    assert receiver.receive() == [Notice(text="whole")]
    assert receiver.ended
    assert receiver.receive() == []


def test_without_a_supervisor_sending_says_so(pipe: Pipe) -> None:
    sender = EventSender(pipe[1])
    os.close(pipe[0])
    with pytest.raises(BrokenPipeError):
        sender.send(progress(1))


def test_a_supervisor_that_reads_nothing_makes_the_sender_wait(pipe: Pipe) -> None:
    receiver, sender = EventReceiver(pipe[0]), EventSender(pipe[1])
    big = Notice(text="x" * MAX_WAITING_BYTES)

    def send_two() -> None:
        sender.send(big)
        sender.send(big)

    waits = threading.Thread(target=send_two, daemon=True)
    waits.start()
    received: list[Event] = []
    while waits.is_alive() or len(received) < 2:
        received += receiver.receive()
        if not waits.is_alive():
            sender.flush(timeout_s=0.0)
    assert received == [big, big]

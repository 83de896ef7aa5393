"""A worker takes its supervisor's orders from a pipe and its stops from signals."""

import os
import signal
from collections.abc import Iterator

import pytest

from ingest.supervisor.worker_process import OrderReceiver


class PipeEnd:
    def __init__(self, fd: int) -> None:
        self.fd = fd

    def fileno(self) -> int:
        return self.fd


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    read, write = os.pipe()
    yield read, write
    os.close(read)
    os.close(write)


def test_an_order_to_drain_stays(pipe: tuple[int, int]) -> None:
    orders = OrderReceiver(PipeEnd(pipe[0]))
    assert not orders.drain_requested()
    os.write(pipe[1], b"drain\n")
    assert orders.drain_requested()
    assert orders.drain_requested()


def test_added_partitions_are_returned_once_however_the_lines_are_cut(pipe: tuple[int, int]) -> None:
    orders = OrderReceiver(PipeEnd(pipe[0]))
    os.write(pipe[1], b"add 4\nadd 5 1")
    assert not orders.drain_requested()
    assert orders.added() == [4]
    assert orders.confirmed() == 0
    os.write(pipe[1], b"7\nconfirmed 18\nadd 6\ndrain\n")
    assert orders.drain_requested()
    assert orders.added() == [5, 17, 6]
    assert orders.confirmed() == 18
    assert orders.added() == []


def test_a_signal_requests_a_drain_and_a_second_one_soon_after_changes_nothing(pipe: tuple[int, int]) -> None:
    orders = OrderReceiver(PipeEnd(pipe[0]))
    orders.on_sigterm(signal.SIGTERM, None)
    orders.on_sigterm(signal.SIGTERM, None)
    assert orders.drain_requested()


def test_the_newest_order_says_which_partitions_are_paused(pipe: tuple[int, int]) -> None:
    orders = OrderReceiver(PipeEnd(pipe[0]), frozenset({3}))
    assert orders.paused() == {3}
    os.write(pipe[1], b"paused 3 5\npaused 5 1")
    assert not orders.drain_requested()
    assert orders.paused() == {3, 5}
    os.write(pipe[1], b"1\n")
    assert not orders.drain_requested()
    assert orders.paused() == {5, 11}
    os.write(pipe[1], b"paused \n")
    assert not orders.drain_requested()
    assert orders.paused() == frozenset()

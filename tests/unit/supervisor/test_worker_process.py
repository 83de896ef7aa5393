import os
import signal
from collections.abc import Iterator

import pytest

from ingest.supervisor.worker_process import Orders


class End:
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
    orders = Orders(End(pipe[0]))
    assert orders.wish() == "run"
    os.write(pipe[1], b"drain\n")
    assert orders.wish() == "drain"
    assert orders.wish() == "drain"


def test_added_partitions_are_told_once_however_the_lines_are_cut(pipe: tuple[int, int]) -> None:
    orders = Orders(End(pipe[0]))
    os.write(pipe[1], b"add 4\nadd 5 1")
    assert orders.wish() == "run"
    assert orders.added() == [4]
    assert orders.confirmed() == 0
    os.write(pipe[1], b"7\nconfirmed 18\nadd 6\ndrain\n")
    assert orders.wish() == "drain"
    assert orders.added() == [5, 17, 6]
    assert orders.confirmed() == 18
    assert orders.added() == []


def test_a_signal_is_a_wish_to_drain_and_told_twice_it_is_the_same(pipe: tuple[int, int]) -> None:
    orders = Orders(End(pipe[0]))
    orders.signalled(signal.SIGTERM, None)
    orders.signalled(signal.SIGTERM, None)
    assert orders.wish() == "drain"

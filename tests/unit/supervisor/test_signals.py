"""Signals are queued instead of acting."""

import os
import select
import signal

from ingest.supervisor.signals import SignalQueue


def test_signals_are_queued_in_order_and_handlers_come_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with SignalQueue() as queue:
        assert queue.take() == []
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)
        assert select.select([queue], [], [], 5)[0]
        assert sorted(queue.take()) == [signal.SIGINT, signal.SIGTERM]
        assert queue.take() == []
    assert signal.getsignal(signal.SIGTERM) is before

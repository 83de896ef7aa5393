"""Keys of `ingest top` sort and scroll; the terminal is as it was afterwards."""

import os
import pty
import termios

from ingest.commands.top.keys import PAGE, Keys, after, name_of
from ingest.status.live.tables import Order
from ingest.status.live.view import Look


def test_sorting_goes_round_and_starts_at_the_top() -> None:
    look = Look(skip=7)
    seen = []
    for _ in Order:
        look = after("sort", look, 100)
        seen.append(look.order)
    assert (seen, look.skip) == ([Order.LAG, Order.NUMBER, Order.WORST], 0)


def test_scrolling_stays_within_the_partitions() -> None:
    assert after("up", Look(), 100).skip == 0
    assert after("page down", Look(skip=80), 100).skip == min(80 + PAGE, 99)
    assert after("home", Look(skip=80), 100).skip == 0
    assert after("", Look(skip=3), 100).skip == 3


def test_keys_come_one_at_a_time_and_the_terminal_is_restored() -> None:
    outside, inside = pty.openpty()
    try:
        before = termios.tcgetattr(inside)
        with Keys(inside) as keys:
            assert not termios.tcgetattr(inside)[3] & termios.ECHO
            os.write(outside, b"\x1b[B")
            assert keys.read(5.0) == "down"
            assert keys.read(0.0) == ""
        assert termios.tcgetattr(inside) == before
    finally:
        os.close(outside)
        os.close(inside)
    assert name_of(b"\x1b[99~") == ""

"""The terminal's screen: a live view while it runs, lines that stay, and the cause last."""

from dataclasses import replace

import pytest

from ingest import events
from ingest.status.console import BrokenPipeConsole
from ingest.status.snapshot import Health
from ingest.status.terminal import REDRAW_S, TerminalScreen
from tests.harness.status_page import ACCOUNT, AT, calm, stuck
from tests.harness.terminal import Emulator


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "COLUMNS", "LINES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


def screen_on(terminal: Emulator, clock: Clock) -> TerminalScreen:
    console = BrokenPipeConsole(file=terminal, force_terminal=True, width=terminal.width, height=terminal.height)
    return TerminalScreen(console, least="info", clock=clock)


def test_the_cause_stands_last_and_no_view_is_left() -> None:
    terminal, clock = Emulator(), Clock()
    with screen_on(terminal, clock) as screen:
        screen.emit(events.Notice(text="a notice"), AT)
        screen.tick(calm())
        assert terminal.alternate
        assert terminal.shown[0].startswith(" OK  Delivering")
    screen.account(ACCOUNT)
    screen.ending(replace(calm(), ended=True, exit_code=7))
    assert (terminal.alternate, terminal.cursor) == (False, True)
    printed = [row for row in terminal.main if row.strip()]
    assert "a notice" in printed[0]
    assert printed[-1].startswith("Ended with exit code 7: some of what was read is not committed.")
    assert not any("acknowledged/s" in row for row in terminal.main)


def test_no_color_takes_colour_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    terminal, clock = Emulator(), Clock()
    with screen_on(terminal, clock) as screen:
        screen.tick(stuck())
        assert terminal.shown[0].startswith(" FAILING  Arize")
    written = "".join(terminal.writes)
    assert not any(f"\x1b[{code}m" in written for code in ("31", "32", "33", "1;31", "7;31"))


def test_a_change_of_health_is_drawn_with_the_next_snapshot_and_others_wait() -> None:
    terminal, clock = Emulator(), Clock()
    with screen_on(terminal, clock) as screen:
        screen.tick(calm())
        drawn = len(terminal.writes)
        clock.now += REDRAW_S / 2
        screen.tick(replace(calm(), sentence="Another sentence."))
        assert len(terminal.writes) == drawn
        screen.tick(stuck())
        assert terminal.shown[0].startswith(" FAILING")


def test_another_cause_is_drawn_with_the_next_snapshot_although_the_run_is_as_bad_as_before() -> None:
    terminal, clock = Emulator(), Clock()
    well = calm()
    kafka = replace(well.kafka, health=Health.DEGRADED)
    arize = replace(well.arize, health=Health.DEGRADED)
    with screen_on(terminal, clock) as screen:
        screen.tick(replace(well, health=Health.DEGRADED, sentence="Arize is slow.", arize=arize))
        screen.tick(replace(well, health=Health.DEGRADED, sentence="Kafka is away.", kafka=kafka))
        assert terminal.shown[0].startswith(" DEGRADED  Kafka is away.")


def test_a_line_before_the_view_is_printed_with_the_first_snapshot() -> None:
    terminal, clock = Emulator(), Clock()
    with screen_on(terminal, clock) as screen:
        screen.emit(events.Notice(text="asking Kafka"), AT)
        screen.tick(replace(calm(), topics=()))
        assert any("asking Kafka" in row for row in terminal.main)
        assert not terminal.alternate

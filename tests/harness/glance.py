"""The faults of `tests.fault.at_a_glance`, what was seen of each, and the report about it in Markdown."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.harness.surfaces import Seen

SURFACES = ("terminal", "page", "readyz", "metrics", "text log", "JSON log")
# About the bad messages that the campaign itself produces.
_OWN = re.compile(r"written to the dead letters|ingest_dead_letters_total")
_LONGEST_LINE = 400  # of a JSON line, in the report


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. `says` is what must be found on each surface; `begins` is how the report names the clock's beginning.

    `make` returns the moment (monotonic) of the fact, `heal` ends it. `passes`: it may be over after 2 s by itself, and
    the surfaces then say that it was.
    """

    name: str
    begins: str
    make: Callable[[Any], float]
    heal: Callable[[Any], None]
    says: Mapping[str, str]
    ready: bool
    passes: bool = False


@dataclass(slots=True)
class Result:
    """What a fault showed. Seconds are counted from the fact, those of `healed_s` from the healing."""

    fault: Fault
    first_s: dict[str, float] = field(default_factory=dict)
    captured_s: float = 0.0
    seen: Seen | None = None
    said: dict[str, str] = field(default_factory=dict)
    changed: tuple[str, ...] = ()
    logs: dict[str, list[str]] = field(default_factory=dict)
    healed_s: float | None = None
    healed: Seen | None = None
    healed_logs: dict[str, list[str]] = field(default_factory=dict)
    complaints: list[str] = field(default_factory=list)


def table(results: list[Result]) -> str:
    """Seconds until each surface said it, a line for each fault."""
    lines = [
        f"| fault | {' | '.join(SURFACES)} | all is well again |",
        f"|---|{'---|' * len(SURFACES)}---|",
    ]
    for result in results:
        cells = [f"{result.first_s[one]:.1f}" if one in result.first_s else "**not**" for one in SURFACES]
        lines.append(f"| {result.fault.name} | {' | '.join(cells)} | {result.healed_s or 0:.1f} |")
    return "\n".join(lines)


def section(result: Result) -> str:
    """All that was seen of one fault."""
    seen, healed, fault = result.seen, result.healed, result.fault
    assert seen is not None
    assert healed is not None
    blocks = [
        f"## {fault.name}",
        f"The clock begins when {fault.begins}. Captured {result.captured_s:.1f} s after that.",
        _block("Terminal (120x40, down to the workers)", seen.terminal),
        _block("Page", [seen.page]),
        _block("readyz and livez", seen.probe_lines),
        _block("Metrics that changed", _cut(list(result.changed))),
        *(_block(f"Log ({name}), since the fault", _cut(found)) for name, found in result.logs.items()),
        _block(
            f"After the healing: all is well after {result.healed_s:.1f} s",
            [healed.first_line, healed.page, *healed.probe_lines],
        ),
        *(_block(f"Log ({name}), since the healing", _cut(found)) for name, found in result.healed_logs.items()),
    ]
    if result.complaints:
        blocks.append("**Not as it should be:**\n\n" + "\n".join(f"- {one}" for one in result.complaints))
    return "\n\n".join(blocks)


def _block(title: str, lines: list[str] | tuple[str, ...]) -> str:
    return "\n".join([f"{title}:", "", "```", *(lines or ["(nothing)"]), "```"])


def _cut(lines: list[str]) -> list[str]:
    """The lines without those about the bad messages that the campaign itself produces."""
    lines = [line for line in lines if not _OWN.search(line)]
    return [line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]} ..." for line in lines]

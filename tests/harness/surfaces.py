"""All that can be seen of one run: `ingest supervise` on a terminal, its page, its metrics and its probes.

A `Log` is the same command with its lines in a file, for those who read a log.
"""

import html
import json
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from tests.harness.command import argv
from tests.harness.pseudo_terminal import PseudoTerminal
from tests.harness.supervise import kill_with_family, wait_until

TOKEN = "a-token-for-the-harness"
_HEADLINE = re.compile(r'id="word"[^>]*>([^<]*)<.*?id="sentence"[^>]*>([^<]*)<', re.DOTALL)
_TAG = re.compile(r"<[^>]*>")
_FIRST_ROWS = 3  # of the live view: the sentence has at most these
_PARTITIONS = re.compile(r"^\s*part(ition)?\s+lag\b")
# Samples that differ between any two moments, and say nothing by that.
_RESTLESS = re.compile(r"^(process|python)_|_(bucket|sum|count)\b|_time_seconds|memory_bytes|_free_bytes|_offsets?\b")


@dataclass(frozen=True, slots=True)
class Seen:
    """What each surface says at one moment.

    `terminal` has the rows above the partitions, `page` the word and the sentence, `page_text` all of it; `samples` are
    those of /metrics that mean a state or an event; `probes` has the HTTP status and the JSON of /readyz and /livez.
    """

    terminal: tuple[str, ...]
    page: str
    page_text: str
    samples: Mapping[str, float]
    probes: Mapping[str, tuple[int, Mapping[str, Any]]]

    @property
    def first_line(self) -> str:
        """The terminal's sentence."""
        return " ".join(" ".join(self.terminal[:_FIRST_ROWS]).split())

    @property
    def probe_lines(self) -> tuple[str, ...]:
        """`/readyz 503 {...}`, each probe in a line."""
        return tuple(f"{path} {status} {json.dumps(body)}" for path, (status, body) in self.probes.items())

    def changed(self, before: "Seen") -> tuple[str, ...]:
        """The samples that are others than `before`: `name{labels} old -> new`."""
        names = sorted({*self.samples, *before.samples})
        pairs = [(name, before.samples.get(name), self.samples.get(name)) for name in names]
        return tuple(f"{name} {_figure(old)} -> {_figure(new)}" for name, old, new in pairs if old != new)


@dataclass(slots=True)
class _Run:
    """One started command. `runtime` is where it writes the address of its page."""

    directory: Path
    runtime: Path
    url: str = ""
    pid: int = 0

    def find(self, pid: int) -> None:
        """Wait for the page."""
        self.pid = pid
        file = self.runtime / "ingest" / f"{pid}.json"
        wait_until(file.exists, what=lambda: f"{pid} serves no page")
        self.url = json.loads(file.read_text())["url"].rstrip("/")

    def get(self, path: str) -> tuple[int, str]:
        """The status and the text."""
        try:
            with urlopen(self.url + path, timeout=10) as found:
                return int(found.status), found.read().decode()
        except HTTPError as refused:
            with refused:
                return refused.code, refused.read().decode()

    def act(self, action: str, **fields: object) -> None:
        """Ask for an action with the token."""
        data = "&".join(f"{name}={value}" for name, value in fields.items()).encode()
        with urlopen(Request(f"{self.url}/actions/{action}", data, {"Authorization": f"Bearer {TOKEN}"}), timeout=10):
            pass


class OnTerminal(_Run):
    """The command on a terminal of 120 columns and 40 rows."""

    def __init__(self, directory: Path, environment: Mapping[str, str], *arguments: str) -> None:
        runtime = directory / "runtime"
        runtime.mkdir()
        super().__init__(directory, runtime)
        environment = {**environment, "XDG_RUNTIME_DIR": str(runtime), "INGEST_STATUS__TOKEN": TOKEN}
        self.terminal = PseudoTerminal(argv("supervise", *arguments), directory, environment)

    def __enter__(self) -> Self:
        self.find(self.terminal.process.pid)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.terminal.__exit__(kind, error, trace)

    def look(self) -> Seen:
        """All surfaces, within some hundredths of a second."""
        rows = self.terminal.rows()
        until = next((number for number, row in enumerate(rows) if _PARTITIONS.match(row)), len(rows))
        document = self.get("/")[1]
        headline = _HEADLINE.search(document)
        page = "" if headline is None else html.unescape(f"{headline[1]}: {headline[2]}")
        probes = {path: self.get(path) for path in ("/readyz", "/livez")}
        return Seen(
            terminal=tuple(row for row in rows[:until] if row),
            page=page,
            page_text=html.unescape(_TAG.sub(" ", document)),
            samples=_samples(self.get("/metrics")[1]),
            probes={path: (status, json.loads(body)) for path, (status, body) in probes.items()},
        )


@dataclass(slots=True)
class Log:
    """The command with its lines in a file. `mark` before something, and `since` are the lines after that."""

    run: _Run
    process: subprocess.Popen[bytes]
    path: Path
    _marked: int = field(default=0)

    @classmethod
    def start(cls, directory: Path, environment: Mapping[str, str], *arguments: str) -> "Log":
        """Start it in `directory`."""
        runtime = directory / "runtime"
        runtime.mkdir()
        path = directory / "log"
        with path.open("wb") as file:
            process = subprocess.Popen(
                argv("supervise", *arguments),
                cwd=directory,
                env={**environment, "XDG_RUNTIME_DIR": str(runtime), "INGEST_STATUS__TOKEN": TOKEN},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )
        return cls(_Run(directory, runtime), process, path)

    def lines(self) -> list[str]:
        """All of them so far."""
        return self.path.read_text(encoding="utf-8").splitlines()

    def mark(self) -> None:
        """From now on."""
        self._marked = len(self.lines())

    def since(self) -> list[str]:
        """The lines since then."""
        return self.lines()[self._marked :]

    def __enter__(self) -> Self:
        self.run.find(self.process.pid)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        kill_with_family(self.process)


def _samples(text: str) -> dict[str, float]:
    pairs = (line.rpartition(" ")[::2] for line in text.splitlines() if line and not line.startswith("#"))
    return {name: float(value) for name, value in pairs if not _RESTLESS.search(name)}


def _figure(value: float | None) -> str:
    return "missing" if value is None else f"{value:.10g}"

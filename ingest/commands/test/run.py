"""`ingest test`: judges the messages of test files under the configuration, and compares.

Rules
1. Neither Kafka nor Arize is asked, and nothing is written but the file itself with `update`.
2. Every message is judged in both lanes, if there are two: they must agree.
3. The files' own configuration counts where the command line names none.
4. The time of the test is the file's `now`, else the present: Arize takes no predictions that are older than years.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TextIO

from ingest.commands.test.cases import Case, CaseFile, read
from ingest.commands.test.compare import differences
from ingest.commands.test.outcome import Judge, Outcome
from ingest.commands.test.text import Failure, Result, as_json, as_lines
from ingest.commands.test.update import expectation, update
from ingest.config.resolve import TopicConfig
from ingest.config.settings import Config
from ingest.errors import ConfigError

AS_EXPECTED = 0
NOT_AS_EXPECTED = 1
_TOPIC = "predictions"  # where the configuration names none

Load = Callable[[Sequence[Path], str], Config]


def run(files: Sequence[Path], load: Load, *, write: bool, json: bool, stream: TextIO) -> int:
    """Test `files`; returns AS_EXPECTED or NOT_AS_EXPECTED. `load` takes configuration files and the lane.

    With `write`, what differs is written into the files instead. Raises ConfigError for files and configurations that
    can't be used.
    """
    read_files = [read(path) for path in files]
    result = tested(read_files, load, write=write)
    if json:
        stream.write(as_json(result) + "\n")
    else:
        stream.writelines(f"{line}\n" for line in as_lines(result))
    return NOT_AS_EXPECTED if result.failures else AS_EXPECTED


def tested(files: Sequence[CaseFile], load: Load, *, write: bool) -> Result:
    """The result of all files. Raises ConfigError."""
    failures: list[Failure] = []
    lanes: dict[str, None] = {}
    reason, messages, updated = "", 0, 0
    for file in files:
        now_s = time.time() if file.now_s is None else file.now_s
        judges = _Judges(file, load, now_s)
        new = {}
        for case in file.cases:
            messages += 1
            outcome, others = judges.outcomes(case)
            found = list(_failures(file, case, outcome, others))
            if write and differences(case.expect, outcome):
                new[case.number] = expectation(outcome, case.expect)
                found = [failure for failure in found if failure.lane]
            failures += found
        if new:
            update(file, new)
            updated += len(new)
        lanes |= dict.fromkeys(judges.lanes)
        reason = judges.reason or reason
    return Result(messages, tuple(lanes), "" if "fast" in lanes else reason, failures, updated)


def _failures(file: CaseFile, case: Case, outcome: Outcome, others: Sequence[tuple[str, Outcome]]) -> Iterator[Failure]:
    own = differences(case.expect, outcome)
    if own:
        yield Failure(file.path, case.number, case.line, case.name, "", own)
    for lane, other in others:
        if other != outcome:
            found = differences(expectation(outcome, case.expect), other)
            yield Failure(file.path, case.number, case.line, case.name, lane, found)


class _Judges:
    """The judges of a file's topics, for each lane. `reason` is why the fast lane is off, "" if it is not."""

    def __init__(self, file: CaseFile, load: Load, now_s: float) -> None:
        self._file = file
        self._now_ms = round(now_s * 1000)
        self.lanes: list[str] = []
        self.reason = ""
        self._by_lane: list[dict[str, Judge]] = []
        for lane in ("orjson", "auto"):
            topics: Sequence[TopicConfig] = load(file.config, lane).topics
            judges = {each.kafka.topic or _TOPIC: Judge(each, now_s) for each in topics}
            used = {judge.lane for judge in judges.values()}
            self.reason = next((judge.lane_reason for judge in judges.values() if judge.lane_reason), "")
            if lane == "auto" and used == {"orjson"}:
                return
            self._by_lane.append(judges)
            self.lanes.append("fast" if lane == "auto" else lane)

    def outcomes(self, case: Case) -> tuple[Outcome, Sequence[tuple[str, Outcome]]]:
        """What the message becomes in the orjson lane, and in the others."""
        topics = list(self._by_lane[0])
        if case.topic is None and len(topics) > 1:
            raise ConfigError(f"{self._place(case)}: topic is missing; the configured ones are {', '.join(topics)}")
        topic = topics[0] if case.topic is None else case.topic
        if topic not in topics:
            raise ConfigError(f"{self._place(case)}: topic {topic} is not configured; there are {', '.join(topics)}")
        message = case.at(topic, self._now_ms)
        first, *others = [judges[topic].outcome(message) for judges in self._by_lane]
        return first, list(zip(self.lanes[1:], others, strict=True))

    def _place(self, case: Case) -> str:
        line = f":{case.line}" if case.line is not None else ""
        return f"{self._file.path}{line}: message {case.number}"

"""`ingest init`: finds out what is missing, looks at the messages, and writes the file.

Rules
1. What is given is taken, then what the environment has; the rest is asked for in a terminal. Without one, everything
   that is missing is reported together.
2. Kafka is only asked and read, under a group that commits nothing. Offline it isn't asked at all.
3. The file is loaded before it takes its place: what `ingest` would not accept is never written.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import typer

from ingest.commands.check.messages import Verdict, judge
from ingest.commands.init.answers import Given, missing_text, sections
from ingest.commands.init.infer import infer
from ingest.commands.init.text import Draft, lines, next_steps, result_lines
from ingest.commands.schema.sample import Sample, read_sample
from ingest.commands.test.cases import ExampleMessage
from ingest.config.broker_addresses import checked_brokers
from ingest.config.load import load
from ingest.config.resolve import TopicConfig
from ingest.config.sections import Kafka
from ingest.config.settings import Config
from ingest.config.topic_names import topic_fault
from ingest.errors import ConfigError, ExitCode
from ingest.pipeline.kafka import first_contact
from ingest.pipeline.kafka.topic_list import is_internal
from ingest.records import KafkaMessage
from ingest.status import formatting

_MOST_BYTES = 32 * 2**20
_WITHIN_S = 15.0
_MOST_NAMED = 20
_DEFAULT_BROKERS = "localhost:9092"


def run(given: Given, *, limit: int, sample: Path | None, output: Path, terminal: bool) -> ExitCode:
    """Write `output`. Raises ConfigError for what is missing or wrong, FatalError (exit code KAFKA)."""
    from_file = None if sample is None else read_file(sample, limit)
    given = given.of_environment()
    if not terminal:
        given.check_complete()
    given = _with_brokers(given)
    topics: Mapping[str, tuple[int, ...]] | None = None
    if not given.offline:
        kafka = _loaded(given, {}).kafka
        _report(f"asking Kafka at {kafka.brokers}")
        topics = first_contact.topics(kafka)
    given = _with_topic(given, topics, terminal=terminal)
    given = _with_model(given, terminal=terminal)
    partitions = None if topics is None or given.topic is None else topics[given.topic]
    messages: Sequence[KafkaMessage] = ()
    if from_file is not None:
        messages, looked_at = from_file, f"It follows from {formatting.amount(len(from_file), 'message')} of {sample}."
    elif partitions is None:
        looked_at = "Kafka was not asked, and no message was looked at."
    else:
        found = _sampled(_topic(given, {}).kafka, partitions, limit)
        messages, looked_at = found.messages, _described(found, given.topic or "")
    draft = _draft(given, messages, looked_at, None if partitions is None else len(partitions))
    _write(output, "\n".join([*lines(draft), ""]))
    _told(draft, output)
    return ExitCode.DONE


# --- what is missing ------------------------------------------------------------------------------


def _with_brokers(given: Given) -> Given:
    if given.brokers is not None:
        return given
    if given.offline:
        _report(f"brokers: {_DEFAULT_BROKERS}, as none are given")
        return replace(given, brokers=_DEFAULT_BROKERS)
    return replace(given, brokers=_asked("Brokers of Kafka", _DEFAULT_BROKERS, _fault_of(checked_brokers)))


def _with_topic(given: Given, topics: Mapping[str, Any] | None, *, terminal: bool) -> Given:
    names = sorted(name for name in topics or () if not is_internal(name))
    topic = given.topic
    if topic is None and topics is not None and len(names) == 1:
        topic = names[0]
        _report(f"the only topic is {topic}")
    if topic is None and terminal:
        if names:
            _report("topics: " + ", ".join(names[:_MOST_NAMED]) + (", ..." if len(names) > _MOST_NAMED else ""))
        topic = _asked("Topic", None, lambda text: topic_fault(text) or _not_there(text, topics, names, given))
    if topic is None:
        there = f"; there are {', '.join(names[:_MOST_NAMED])}" if names else ""
        raise ConfigError(missing_text(["--topic", *([] if given.model_name else ["--model-name"])]) + there)
    if fault := _not_there(topic, topics, names, given):
        raise ConfigError(f"--topic {topic}: {fault}")
    return replace(given, topic=topic)


def _not_there(topic: str, topics: Mapping[str, Any] | None, names: Sequence[str], given: Given) -> str:
    """That Kafka has no such topic, and which is meant; "" if it has it, or wasn't asked."""
    if topics is None or topic in topics:
        return ""
    alike = first_contact.near(topic, names)
    hint = f"did you mean {' or '.join(alike)}?" if alike else f"there are {', '.join(names[:_MOST_NAMED]) or 'none'}"
    return f"there is no such topic at {given.brokers}, or you may not see it; {hint}"


def _with_model(given: Given, *, terminal: bool) -> Given:
    name, space = given.model_name, given.space_id
    if name is None and not terminal:
        raise ConfigError(missing_text(["--model-name"]))
    if name is None:
        name = _asked("Model in Arize", given.topic)
    if space is None and not os.environ.get("ARIZE_SPACE_ID") and terminal:
        space = _asked("Space in Arize (empty: ARIZE_SPACE_ID when ingest runs)", "") or None
    return replace(given, model_name=name, space_id=space)


def _asked(question: str, default: str | None, fault_of: Callable[[str], str] = lambda _: "") -> str:
    """The answer, without blanks around it; one with a fault is asked for again."""
    while True:
        text = str(typer.prompt(question, default=default, show_default=bool(default), err=True)).strip()
        if not (fault := fault_of(text)):
            return text
        _report(fault)


def _fault_of(check: Callable[[str], object]) -> Callable[[str], str]:
    """The text of the `ValueError` that `check` raises, "" without one."""

    def fault_of(text: str) -> str:
        try:
            check(text)
        except ValueError as wrong:
            return str(wrong)
        return ""

    return fault_of


# --- the messages ---------------------------------------------------------------------------------


def read_file(path: Path, limit: int) -> list[ExampleMessage]:
    """The newest `limit` messages of a file of JSON lines. Raises ConfigError."""
    try:
        values = [line for line in path.read_bytes().split(b"\n") if line.strip()]
    except OSError as error:
        raise ConfigError(f"--sample {path}: can't be read: {error.strerror}") from None
    if not values:
        raise ConfigError(f"--sample {path}: there is no message in it; write one on a line, as JSON")
    now_ms = round(time.time() * 1000)
    return [ExampleMessage(value, at_offset=at, timestamp_ms=now_ms) for at, value in enumerate(values)][-limit:]


def _sampled(kafka: Kafka, partitions: Sequence[int], limit: int) -> Sample:
    return read_sample(kafka, partitions, limit, _report, purpose="init", most_bytes=_MOST_BYTES, within_s=_WITHIN_S)


def _described(sample: Sample, topic: str) -> str:
    if not sample.messages:
        return f"Topic {topic} had no message that could be read."
    partitions = formatting.amount(len(sample.ranges), "partition")
    return f"It follows from {formatting.amount(len(sample.messages), 'message')} of {partitions} of topic {topic}."


def _draft(given: Given, messages: Sequence[KafkaMessage], looked_at: str, partitions: int | None) -> Draft:
    inferred = infer(lambda format_: _topic(given, {"format": format_}), messages, time.time())
    default = _topic(given, {}).arize.model_type
    model_type = default if given.model_type else inferred.model_type or default
    verdict: Verdict | None = None
    if inferred.objects:
        mapping = {**inferred.roles, **inferred.sources}
        settings = {"format": inferred.format_, "schema": mapping}
        verdict = judge(_topic(replace(given, model_type=model_type), settings), messages)
    return Draft(given, inferred, model_type, looked_at, partitions, verdict)


def _topic(given: Given, settings: Mapping[str, Mapping[str, Any]]) -> TopicConfig:
    return _loaded(given, settings).topics[0]


def _loaded(given: Given, settings: Mapping[str, Mapping[str, Any]]) -> Config:
    """The configuration of what is given and of the environment, but of no file. Raises ConfigError."""
    with tempfile.NamedTemporaryFile(suffix=".toml") as empty:
        return load([Path(empty.name)], {**sections(given), **settings})


# --- the file -------------------------------------------------------------------------------------


def _write(output: Path, text: str) -> None:
    """Rule 3. The file is replaced as a whole, and others may read it: there is no secret in it."""
    temporary = output.with_name(f".{output.name}.{os.getpid()}")
    try:
        temporary.write_text(text, encoding="utf-8")
        load([temporary])
        temporary.replace(output)
    except OSError as error:
        raise ConfigError(f"--output {output}: can't be written: {error.strerror}") from None
    finally:
        temporary.unlink(missing_ok=True)


def _told(draft: Draft, output: Path) -> None:
    for line in result_lines(draft):
        _report(line)
    for key in ("prediction_id", "timestamp", "prediction_label", "prediction_score"):
        if draft.inferred.objects:
            _report(f"  {key}: {draft.inferred.roles.get(key, 'no column looks like it')}")
    _report(f"{output} is written")
    space = draft.given.space_id or os.environ.get("ARIZE_SPACE_ID")
    missing = [] if os.environ.get("ARIZE_API_KEY") else ["ARIZE_API_KEY"]
    missing += [] if space else ["ARIZE_SPACE_ID"]
    for line in next_steps(str(output), missing):
        _report(line)


def _report(text: str) -> None:
    sys.stderr.write(f"{text}\n")

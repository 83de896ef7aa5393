"""A dead letter keeps which of its message's predictions were not delivered, wherever it is stored."""

import json
from pathlib import Path

import pytest

from ingest.commands.dead_letters.stored import StoredDeadLetter, from_line, from_message
from ingest.config.format import Format
from ingest.config.schema import Schema
from ingest.config.settings import Config
from ingest.pipeline.dead_letters.files import DeadLetterFiles
from ingest.pipeline.dead_letters.queue import DeadLetter
from ingest.pipeline.dead_letters.redact import RedactingSink, Redactor
from ingest.pipeline.dead_letters.topic import record
from ingest.pipeline.formats.part_numbers import chosen
from ingest.reasons import Reason
from ingest.records import KafkaMessage
from tests.harness.kept_letters import KeptLetters
from tests.harness.messages import FakeMessage

REASON = Reason("type_conflict", '"a" holds a string')


def message(**more: object) -> FakeMessage:
    return FakeMessage(b'{"p":[{"ssn":"1"}]}', topic="t", offset=3, timestamp=(1, 5), **more)  # type: ignore[arg-type]


def in_a_file(letter: DeadLetter, directory: Path) -> StoredDeadLetter:
    files = DeadLetterFiles(directory, "t")
    files.write([letter])
    files.close()
    (path,) = directory.glob("*.jsonl")
    found = from_line(path.read_bytes(), (0, 0))
    assert found is not None
    return found


def in_a_topic(letter: DeadLetter, _: Path) -> StoredDeadLetter:
    written = record(letter, "dead")
    found = from_message(FakeMessage(written.value, topic="dead", headers=list(written.headers or ())))
    assert isinstance(found, StoredDeadLetter)
    return found


@pytest.mark.parametrize("stored", [in_a_file, in_a_topic])
@pytest.mark.parametrize("parts", [(), (0,), (1, 2, 3, 9)])
def test_parts_are_kept_and_replayed(stored: object, parts: tuple[int, ...], tmp_path: Path) -> None:
    assert callable(stored)
    letter = stored(DeadLetter(message(headers=[("trace", b"t")]), REASON, parts=parts), tmp_path)
    assert letter.entry.parts == parts
    assert chosen(letter.headers()) == parts
    assert letter.raw_headers == [("trace", b"t")]
    assert letter.replayed_again().entry.parts == parts


@pytest.mark.parametrize("stored", [in_a_file, in_a_topic])
def test_a_replayed_message_that_fails_as_a_whole_keeps_the_parts_that_it_came_for(
    stored: object, tmp_path: Path
) -> None:
    assert callable(stored)
    letter = stored(DeadLetter(message(headers=[("ingest.parts", b"1-2")]), REASON), tmp_path)
    assert letter.entry.parts == (1, 2)
    assert letter.raw_headers == []


def test_a_letter_of_a_former_version_is_replayed_whole(tmp_path: Path) -> None:
    directory = tmp_path / "old"
    files = DeadLetterFiles(directory, "t")
    files.write([DeadLetter(message(), REASON)])
    files.close()
    (path,) = directory.glob("*.jsonl")
    assert "parts" not in json.loads(path.read_bytes())


def test_what_can_not_be_redacted_by_its_columns_is_withheld() -> None:
    kept = KeptLetters()
    config = Config(schema=Schema(exclude=("ssn",)), format=Format(explode=("p",)))
    sink = RedactingSink(kept, Redactor(config.topics[0]))
    sink.write([DeadLetter(message(), REASON, parts=(0,))])
    (letter,) = kept.letters
    withheld: KafkaMessage = letter.message
    assert (withheld.value(), letter.parts) == (None, (0,))
    assert "withheld" in letter.reason.detail

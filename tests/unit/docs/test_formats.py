"""The formats that docs/reference describes by hand are those that the code writes and reads."""

import json
import re
from pathlib import Path

import pytest

from ingest.commands.dead_letters.files import MARKS
from ingest.commands.dead_letters.stored import REPLAYED, from_line
from ingest.pipeline.dead_letters.files import DeadLetterFiles
from ingest.pipeline.dead_letters.queue import DeadLetter
from ingest.pipeline.dead_letters.redact import REDACTED
from ingest.pipeline.dead_letters.topic import PROVENANCE, REPLAYED_TO
from ingest.pipeline.decoding.kafka_values import ORIGIN
from ingest.pipeline.formats.part_numbers import DECODED
from ingest.pipeline.offsets.checkpoint import MAX_METADATA_BYTES, SettledRange, decode, encode
from ingest.reasons import Reason
from ingest.records import Counts
from tests.harness.messages import FakeMessage

REFERENCE = Path(__file__).parents[3] / "docs" / "reference"
DEAD_LETTER = (REFERENCE / "dead-letter-format.md").read_text(encoding="utf-8")
METADATA = (REFERENCE / "commit-metadata.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("raw", [b"text", b"\xff", None])
def test_every_field_of_a_dead_letters_line_is_described(raw: bytes | None, tmp_path: Path) -> None:
    files = DeadLetterFiles(tmp_path, "predictions")
    files.write(
        [
            DeadLetter(
                FakeMessage(raw, key=raw, headers=[("trace", raw)]), Reason("type_conflict", "a sentence"), "age", (1,)
            )
        ]
    )
    files.close()
    (file,) = tmp_path.iterdir()
    assert re.fullmatch(r"predictions\.\d{8}T\d{6}Z\.\d+\.1\.jsonl", file.name)
    assert all(f"`{field}`" in DEAD_LETTER for field in json.loads(file.read_bytes()))


def test_example_of_a_line_is_read_as_a_dead_letter() -> None:
    example = re.search(r"```json\n(.*?)```", DEAD_LETTER, re.DOTALL)
    assert example is not None
    letter = from_line(json.dumps(json.loads(example[1])).encode(), (0, 0))
    assert letter is not None
    assert (letter.entry.reason, letter.entry.column, letter.offset()) == ("type_conflict", "age", 1217)


@pytest.mark.parametrize("header", sorted({*PROVENANCE, REPLAYED, REPLAYED_TO, REDACTED, DECODED, ORIGIN}))
def test_every_header_of_a_dead_letter_is_described(header: str) -> None:
    assert f"`{header}`" in DEAD_LETTER


def test_headers_and_files_that_are_described_exist() -> None:
    headers = {*PROVENANCE, REPLAYED, REPLAYED_TO, REDACTED, DECODED, ORIGIN}
    assert set(re.findall(r"`(ingest\.\w+)`", DEAD_LETTER)) == headers
    assert f"`{MARKS}`" in DEAD_LETTER


def test_example_of_the_metadata_means_what_the_page_says() -> None:
    example = re.search(r"^ingest/2 [\d:]+ topic.*$", METADATA, re.MULTILINE)
    assert example is not None
    found = decode(1218, example[0])
    assert found.counts == Counts(1200, 17, 1)
    assert (found.topic_id, found.topic_partitions) == ("k1Wzr3TTR5CX2rJcdgBdPw", 32)
    assert found.ranges == (
        SettledRange(1318, 1368, Counts(49, 1)),
        SettledRange(1388, 1418, Counts(30), frozenset({1})),
    )
    assert encode(found) == example[0]


def test_limit_of_the_metadata_is_the_codes() -> None:
    assert f"at most {MAX_METADATA_BYTES:,} bytes" in METADATA

"""A stored request survives a crash unchanged, and its rows are counted once each."""

import base64
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from ingest.sandbox.arize_schema import _PB2, METADATA_KEY
from ingest.sandbox.journal import Journal, JournalWriter
from ingest.sandbox.row_counter import RowCounter


def table_of(partitions: list[int], sequences: list[int]) -> pa.Table:
    message = _PB2.Schema()
    message.constants.model_id = "churn"
    message.constants.model_version = "7"
    message.constants.environment = _PB2.Schema.Environment.PRODUCTION
    message.arrow_schema.tag_column_names.extend(["kp", "seq"])
    encoded = base64.b64encode(message.SerializeToString())
    columns = {"kp": pa.array(partitions, pa.int64()), "seq": pa.array(sequences, pa.int64())}
    return pa.table(columns).replace_schema_metadata({METADATA_KEY: encoded})


def store(writer: JournalWriter, table: pa.Table) -> None:
    part = writer.spool()
    with pa.ipc.new_stream(part, table.schema) as stream:
        stream.write_table(table)
    writer.store(part)


def test_what_is_stored_is_read_back_in_order(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path)
    store(writer, table_of([0, 0], [0, 1]))
    store(writer, table_of([1], [0]))
    first, second = Journal(tmp_path).requests()
    assert (first.number, second.number) == (0, 1)
    assert (first.model_name, first.model_version, first.environment) == ("churn", "7", "PRODUCTION")
    assert list(Journal(tmp_path).rows()) == [{"kp": 0, "seq": 0}, {"kp": 0, "seq": 1}, {"kp": 1, "seq": 0}]


def test_received_counts_every_copy(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path)
    store(writer, table_of([0, 3, 0], [0, 2, 0]))
    store(writer, table_of([3], [2]))
    journal = Journal(tmp_path)
    assert journal.received() == {(0, 0): 2, (3, 2): 2}
    assert journal.counts()[3].tolist() == [0, 0, 2]


def test_a_dropped_request_leaves_nothing(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path)
    part = writer.spool()
    part.write(b"half a requ")
    writer.drop(part)
    assert list(tmp_path.iterdir()) == []


def test_a_torn_request_is_swept_by_the_next_endpoint_and_never_read(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path)
    store(writer, table_of([0], [0]))
    torn = writer.spool()
    torn.write(b"half a requ")
    torn.close()
    assert Journal(tmp_path).received() == {(0, 0): 1}
    store(JournalWriter(tmp_path), table_of([0], [1]))
    assert sorted(file.name for file in tmp_path.iterdir()) == ["0000000000.arrow", "0000000001.arrow"]
    assert Journal(tmp_path).received() == {(0, 0): 1, (0, 1): 1}


def test_the_counter_tells_new_rows_from_repeated_ones() -> None:
    counter = RowCounter()
    counter.add(table_of([0, 0, 0, 1], [5, 5, 6, 5]))
    counter.add(table_of([0, 1, 1], [6, 5, 9000]))
    assert (counter.batches, counter.rows, counter.distinct, counter.duplicates, counter.untracked) == (2, 7, 4, 3, 0)


def test_rows_without_place_are_untracked() -> None:
    counter = RowCounter()
    counter.add(pa.table({"a": [1, 2]}))
    counter.add(table_of([0, 0], [-1, 3]))
    assert (counter.rows, counter.distinct, counter.untracked) == (4, 1, 3)


def test_the_counter_agrees_with_counting_by_hand() -> None:
    dice = np.random.default_rng(1)
    counter = RowCounter()
    seen: set[tuple[int, int]] = set()
    rows = 0
    for _ in range(30):
        partitions, sequences = dice.integers(0, 3, 200).tolist(), dice.integers(0, 4000, 200).tolist()
        counter.add(table_of(partitions, sequences))
        seen.update(zip(partitions, sequences, strict=True))
        rows += 200
    assert (counter.distinct, counter.duplicates) == (len(seen), rows - len(seen))


def test_a_counter_starts_with_what_the_journal_holds(tmp_path: Path) -> None:
    store(JournalWriter(tmp_path), table_of([0, 0], [0, 1]))
    counter = RowCounter.of(tmp_path)
    counter.add(table_of([0], [1]))
    assert (counter.rows, counter.duplicates) == (3, 1)


def test_an_unreadable_directory_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        JournalWriter(tmp_path / "file")

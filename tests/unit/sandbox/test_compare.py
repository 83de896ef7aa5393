"""Lost, unexpected, changed and duplicated rows are found, and equal ones are not reported."""

import base64
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from ingest.sandbox.arize_schema import _PB2, METADATA_KEY
from ingest.sandbox.compare import Comparison, compare, compare_counts, row_hash
from ingest.sandbox.generate import Generator, Row
from ingest.sandbox.journal import Journal, JournalWriter

MADE_BY = Generator(seed=3, bad_share=0.05)
END = {0: 400, 1: 300}


def good_rows() -> list[Row]:
    return [
        MADE_BY.row(partition, sequence)
        for partition, end in END.items()
        for sequence in range(end)
        if MADE_BY.bad(partition, sequence) is None
    ]


def stored(path: Path, rows: Iterable[Row]) -> Journal:
    message = _PB2.Schema()
    message.constants.model_id = "churn"
    message.arrow_schema.prediction_id_column_name = "prediction_id"
    given = list(rows)
    names = sorted({name for row in given for name in row})
    table = pa.table({name: pa.array([row.get(name) for row in given]) for name in names})
    table = table.replace_schema_metadata({METADATA_KEY: base64.b64encode(message.SerializeToString())})
    writer = JournalWriter(path)
    part = writer.spool()
    with pa.ipc.new_stream(part, table.schema) as stream:
        stream.write_table(table)
    writer.store(part)
    return Journal(path)


def both(journal: Journal) -> Comparison:
    by_values, by_counts = compare(journal, MADE_BY, END), compare_counts(journal, MADE_BY, END)
    assert (by_values.lost, by_values.duplicates, by_values.unexpected) == (
        by_counts.lost,
        by_counts.duplicates,
        by_counts.unexpected,
    )
    return by_values


def test_everything_stored_once_is_nothing_lost(tmp_path: Path) -> None:
    found = both(stored(tmp_path, good_rows()))
    assert found.nothing_lost
    assert (found.expected, found.stored, found.duplicates) == (len(good_rows()), len(good_rows()), 0)


def test_an_event_that_is_missing_is_lost_also_at_the_end(tmp_path: Path) -> None:
    rows = good_rows()
    missing = [rows[5], rows[-1]]
    found = both(stored(tmp_path, [row for row in rows if row not in missing]))
    assert (found.lost, found.nothing_lost) == (2, False)
    assert found.examples["lost"] == [(row["kp"], row["seq"]) for row in missing]


def test_a_partition_without_any_row_is_lost(tmp_path: Path) -> None:
    found = both(stored(tmp_path, (row for row in good_rows() if row["kp"] == 0)))
    assert found.lost == sum(row["kp"] == 1 for row in good_rows())


def test_a_repeated_event_is_a_duplicate_and_nothing_worse(tmp_path: Path) -> None:
    rows = good_rows()
    found = both(stored(tmp_path, [*rows, rows[0], rows[0]]))
    assert (found.duplicates, found.nothing_lost) == (2, True)


def test_a_bad_event_that_is_stored_is_a_stranger(tmp_path: Path) -> None:
    place = next((0, sequence) for sequence in range(400) if MADE_BY.bad(0, sequence) is not None)
    found = both(stored(tmp_path, [*good_rows(), MADE_BY.row(*place)]))
    assert (found.unexpected, found.nothing_lost) == (1, False)
    assert found.examples["unexpected"] == [place]


def test_an_event_that_was_never_produced_is_a_stranger(tmp_path: Path) -> None:
    beyond = next(sequence for sequence in range(300, 400) if MADE_BY.bad(1, sequence) is None)
    found = both(stored(tmp_path, [*good_rows(), MADE_BY.row(1, beyond)]))
    assert found.examples["unexpected"] == [(1, beyond)]


@pytest.mark.parametrize(
    "change", [{"merchant": "another"}, {"amount": 1e-300}, {"prediction_id": "x"}, {"city": None, "extra": "key"}]
)
def test_a_changed_value_is_found(tmp_path: Path, change: dict[str, Any]) -> None:
    rows = good_rows()
    rows[9] = {**rows[9], **change}
    found = both(stored(tmp_path, rows))
    assert (found.changed, found.nothing_lost) == (1, False)
    assert found.examples["changed"] == [(rows[9]["kp"], rows[9]["seq"])]


def test_a_column_that_became_float_is_a_change_of_every_row(tmp_path: Path) -> None:
    rows = [{**row, "visits": float(row["visits"])} for row in good_rows()]
    assert both(stored(tmp_path, rows)).changed == len(rows)
    assert compare(Journal(tmp_path), MADE_BY, END, ignore={"visits"}).nothing_lost


def test_first_leaves_out_what_lies_before_it(tmp_path: Path) -> None:
    rows = [row for row in good_rows() if row["seq"] >= 100]
    assert compare(stored(tmp_path, rows), MADE_BY, END, first={0: 100, 1: 100}).nothing_lost


def test_hashes_tell_types_apart_but_not_null_from_absent() -> None:
    values: list[Any] = [1, 1.0, "1", True, ["1"], 0.0, -0.0, 0, False, "", []]
    assert len({row_hash({"a": value}) for value in values}) == len(values)
    assert row_hash({"a": None, "b": 1}) == row_hash({"b": 1})
    assert row_hash({"b": 2, "a": 1}) == row_hash({"a": 1, "b": 2})
    assert row_hash({"a": 1}) != row_hash({"b": 1})

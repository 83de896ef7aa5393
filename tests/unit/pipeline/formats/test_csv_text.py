"""CSV by RFC 4180."""

import csv
import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.pipeline.decoding.raw_text import Number
from ingest.pipeline.formats.csv_text import NotCsvError, rows_of

FIELDS = st.text("ab1.,\"'\r\n \0é", max_size=5)


@given(st.lists(st.lists(FIELDS, min_size=1, max_size=4), max_size=4), st.sampled_from(["\r\n", "\n", "\r"]))
def test_it_is_what_python_writes_in_quotes(rows: list[list[str]], newline: str) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator=newline).writerows(rows)
    assert rows_of(text.getvalue()) == rows
    assert rows_of(text.getvalue().removesuffix(newline)) == rows


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", []),
        ("1", [["1"]]),
        ("1,2\r\n3,4", [["1", "2"], ["3", "4"]]),
        ("1\n", [["1"]]),
        ("1\n\n2\n", [["1"], [None], ["2"]]),
        (",", [[None, None]]),
        ('"",a', [["", "a"]]),
        ('"a\r\n""b"""', [['a\r\n"b"']]),
        (" a , 1", [[" a ", " 1"]]),
        ("\n", [[None]]),
    ],
)
def test_lines_and_fields(text: str, wanted: list[list[Any]]) -> None:
    assert rows_of(text) == wanted


@pytest.mark.parametrize("text", ["0", "-0", "12", "1.50", "1e400", "-1.5E-7", "123456789012345678901234567890"])
def test_a_number_of_json_is_a_number_with_its_characters(text: str) -> None:
    ((field,),) = rows_of(text)
    assert isinstance(field, Number)
    assert field == text
    ((quoted,),) = rows_of(f'"{text}"')
    assert not isinstance(quoted, Number)


@pytest.mark.parametrize("text", ["01", "1.", ".5", "+1", "NaN", "1 ", "0x1", "true", "null", "1_0", "٣"])
def test_anything_else_is_a_string(text: str) -> None:
    ((field,),) = rows_of(text)
    assert not isinstance(field, Number)
    assert json.dumps(field) == json.dumps(text)


@pytest.mark.parametrize(
    ("text", "line"), [('a"b', 1), ('"a', 1), ('a\n"b"c', 2), ('"a" ,b', 1), ("1\n2\n'\"'", 3), ('"a""', 1)]
)
def test_a_quote_out_of_place_is_refused(text: str, line: int) -> None:
    with pytest.raises(NotCsvError, match=f"at line {line}$"):
        rows_of(text)

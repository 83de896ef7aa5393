"""Names are shortened in the middle, sentences between words, figures never."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from ingest.status.live import text
from ingest.status.live.text import Field


def test_a_name_keeps_its_beginning_and_its_end() -> None:
    assert text.name("predictions-of-eu-west", 12) == "predic…-west"
    assert text.name("short", 12) == "short"
    assert text.name("ab", 1) == "…"


def test_a_sentence_ends_after_a_word() -> None:
    assert text.sentence("the worker has halted", 15) == "the worker …"
    assert text.sentence("the worker", 10) == "the worker"


def test_a_sentence_is_wrapped_and_only_its_last_row_is_shortened() -> None:
    found = text.wrapped("one two three four five six seven", 8, 10, 3)
    assert found == ["one two", "three four", "five six …"]


@given(st.text(max_size=60), st.integers(1, 40))
def test_what_is_shortened_fits(given_text: str, width: int) -> None:
    assert cell_len(text.name(given_text, width)) <= width
    assert cell_len(text.sentence(given_text, width)) <= width
    assert all(cell_len(row) <= width for row in text.wrapped(given_text, width, width, 3))


@pytest.mark.parametrize("given_text", ["a\x1b[2Jb", "a\rb", "a\nb", "a\x9b1mb"])
def test_control_characters_are_not_passed_on(given_text: str) -> None:
    assert text.plain(given_text).isprintable()


def test_fields_are_left_out_as_a_whole_by_importance() -> None:
    fields = [Field("1,234 read/s", 1), Field("lag 9,999", 3), Field("", 9), Field("oldest 3 s", 2)]
    shown = ["".join(part.text for part in text.fields(fields, width)) for width in (50, 24, 12, 5)]
    assert shown == ["1,234 read/s   lag 9,999   oldest 3 s", "lag 9,999   oldest 3 s", "lag 9,999", ""]

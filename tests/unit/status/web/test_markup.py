"""HTML by construction: text is escaped wherever it stands."""

import pytest

from ingest.status.web.markup import Markup, joined, tag
from tests.harness.status_page import HOSTILE


def test_a_tag_holds_text_markup_and_nothing() -> None:
    assert tag("p", "a < b", None, tag("b", 3), class_="x") == '<p class="x">a &lt; b<b>3</b></p>'


def test_a_void_tag_has_no_end() -> None:
    assert tag("meta", charset="utf-8") == '<meta charset="utf-8">'


@pytest.mark.parametrize(("value", "found"), [(True, "<p hidden></p>"), (False, "<p></p>"), (None, "<p></p>")])
def test_attributes_without_a_value(value: object, found: str) -> None:
    assert tag("p", hidden=value) == found


def test_hostile_text_stays_text() -> None:
    made = tag("p", HOSTILE, title=HOSTILE)
    assert made.count("<") == 2
    assert made.count(">") == 2
    assert made.count('"') == 2


def test_text_that_was_markup_once_is_text_when_it_is_changed() -> None:
    """A method of str returns a str: what is put together by hand is escaped."""
    assert joined([Markup("<b>").lower()]) == "&lt;b&gt;"

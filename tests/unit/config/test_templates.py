"""A template is filled from a message exactly as it is written, or the message has a reason why it can't be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.config.templates import Placeholder, has_placeholders, is_path, parse


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", ()),
        ("fraud", ("fraud",)),
        ("{release}", (Placeholder("release"),)),
        (
            "v-{meta.release}-{headers.env}.1",
            ("v-", Placeholder("meta.release"), "-", Placeholder("headers.env"), ".1"),
        ),
        ("{a}{b}", (Placeholder("a"), Placeholder("b"))),
        ("a{{b}}c", ("a{b}c",)),
        ("{{{a}}}", ("{", Placeholder("a"), "}")),
        ("{two words}", (Placeholder("two words"),)),
    ],
)
def test_parts_of_a_text(text: str, parts: tuple[str | Placeholder, ...]) -> None:
    assert parse(text) == parts
    assert has_placeholders(text) == any(isinstance(part, Placeholder) for part in parts)


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("{", 1),
        ("ab}", 3),
        ("a{b{c}}", 2),
        ("{}", 1),
        ("x{ a}", 2),
        ("{a..b}", 1),
        ("{headers.}", 1),
        ("{a}}", 4),
        ("{{a}", 4),
    ],
)
def test_what_can_t_be_read_is_told_with_its_position(text: str, position: int) -> None:
    with pytest.raises(ValueError, match=rf"^position {position}: "):
        parse(text)


@given(st.text())
def test_any_text_can_be_written_with_its_braces_doubled(text: str) -> None:
    assert "".join(str(part) for part in parse(text.replace("{", "{{").replace("}", "}}"))) == text


def test_a_path() -> None:
    assert all(is_path(path) for path in ("a", "a.b", "headers.x-env", "a b", "ü"))
    assert not any(is_path(path) for path in ("", ".", "a.", ".a", "a..b", " a", "headers."))

"""Payloads are shown readable, short and harmless to a terminal."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.commands.debug import payload

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(JSON, st.booleans())
def test_json_is_laid_out_without_a_change(value: object, escaped: bool) -> None:  # noqa: FBT001
    text = json.dumps(value, ensure_ascii=escaped)
    lines = payload._laid_out(text)
    assert json.dumps(json.loads("\n".join(lines)), sort_keys=True) == json.dumps(json.loads(text), sort_keys=True)


def test_json_keeps_its_digits_and_its_duplicate_keys() -> None:
    raw = b'{"a":1.50,"a":1180591620717411303424,"n":{"b":[1,"x, y"]},"e":{}}'
    assert payload.value_lines(raw, is_json=True) == [
        "{",
        '  "a": 1.50,',
        '  "a": 1180591620717411303424,',
        '  "n": {"b": [1, "x, y"]},',
        '  "e": {}',
        "}",
    ]


@given(st.binary(max_size=300))
def test_nothing_unprintable_reaches_the_screen(raw: bytes) -> None:
    for is_json in (True, False):
        assert all(line.isprintable() for line in payload.value_lines(raw, is_json=is_json))
    assert payload.line(raw).isprintable()


@pytest.mark.parametrize("raw", [b"\x1b[2J\x07", "\u202eevil".encode(), b"\x9b31m", b"a\rb"])
def test_terminal_commands_are_escaped(raw: bytes) -> None:
    (shown,) = payload.value_lines(raw, is_json=False)
    assert shown.isascii()


def test_what_is_cut_off_is_told_with_the_whole_size() -> None:
    lines = payload.value_lines(b"x" * 10_000, is_json=False)
    assert lines == ["x" * 4_000, "… and 6,000 more characters (of 10,000 bytes in all)"]
    many = payload.value_lines(b"\n" * 500 + b"end", is_json=False)
    assert len(many) == payload.VALUE_LINES + 1
    assert "(of 503 bytes in all)" in many[-1]
    assert payload.cell("y" * 100_000, 5) == '"yyyy… (100,000 characters)'
    assert payload.cell([1, 2], 60) == "[1, 2]"


@pytest.mark.parametrize(
    ("at_ms", "shown"),
    [
        (0, "1970-01-01T00:00:00.000+00:00"),
        (1_784_548_800_250, "2026-07-20T12:00:00.250+00:00"),
        (2**62, f"{2**62}"),
    ],
)
def test_times_are_utc_and_never_fail(at_ms: int, shown: str) -> None:
    assert payload.moment(at_ms).startswith(shown)

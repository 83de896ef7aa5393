"""Each key and table of a TOML file is found at its line."""

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.config.messages import toml_key
from ingest.config.toml_lines import lines

TEXT = '''# a comment = 1
a = 1
[kafka]   # [not.this]
brokers = """x
= y \\""" """ # z
"q.r" = 'a # b'
[kafka.options]
security.protocol = "SSL"
t = [
  1, # c ]
  "a]b", { deep = [
    2 ] },
]
x = { b = 1, "c d" = [2] }
[[arr]]
n = 1
[[arr]]
n = 2
[arr.sub]
m = 3
[ topics . "a.b" . schema ]
tags = ["x"]
when = 1979-05-27T07:32:00Z
raw = \'\'\'
]
\'\'\'
last = true'''


def test_every_key_has_its_line() -> None:
    tomllib.loads(TEXT)
    found = lines(TEXT)
    expected = {
        ("a",): 2,
        ("kafka",): 3,
        ("kafka", "brokers"): 4,
        ("kafka", "q.r"): 6,
        ("kafka", "options", "security", "protocol"): 8,
        ("kafka", "options", "t", "1"): 11,
        ("kafka", "options", "t", "2", "deep", "0"): 12,
        ("kafka", "options", "x", "c d"): 14,
        ("arr", "0", "n"): 16,
        ("arr", "1", "n"): 18,
        ("arr", "1", "sub", "m"): 20,
        ("topics", "a.b", "schema", "tags"): 22,
        ("topics", "a.b", "schema", "raw"): 24,
        ("topics", "a.b", "schema", "last"): 27,
    }
    assert {path: found.get(path) for path in expected} == expected


def test_windows_line_ends_count_once() -> None:
    assert lines("a = 1\r\n\r\nb = 2\r\n")[("b",)] == 3


@pytest.mark.parametrize("text", ["", "\n", "# only", "a", "a =", "[", '"', "x = [", "= 1", "\\", "a = '''"])
def test_a_text_that_is_no_toml_ends_the_scan_without_an_error(text: str) -> None:
    lines(text)


KEYS = st.text(st.characters(codec="utf-8", exclude_characters="\x7f"), max_size=6)
VALUES: Any = st.recursive(
    st.integers(0, 9) | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
)


def written(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{toml_key(key)} = {written(each)}' for key, each in value.items())} }}"
    if isinstance(value, list):
        return f"[\n{', '.join(map(written, value))}]"
    return str(value)


@given(st.dictionaries(KEYS, VALUES, max_size=5))
def test_every_key_that_tomllib_reads_is_found(tree: dict[str, Any]) -> None:
    text = "".join(f"{toml_key(key)} = {written(value)}\n" for key, value in tree.items())
    assert tomllib.loads(text) == tree
    found = lines(text)
    at = 1
    for key, value in tree.items():
        assert found[(key,)] == at
        at += written(value).count("\n") + 1

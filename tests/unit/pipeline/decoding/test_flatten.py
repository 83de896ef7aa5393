"""Nested objects as flat columns."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.errors import DecodeError
from ingest.pipeline.decoding.flatten import MAX_DEPTH, flatten

KEYS = st.text("ab.", min_size=1, max_size=3)
OBJECTS = st.recursive(
    st.dictionaries(KEYS, st.integers(0, 3), max_size=3),
    lambda inner: st.dictionaries(KEYS, inner | st.integers(0, 3) | st.lists(inner, max_size=2), max_size=3),
    max_leaves=8,
)


def paths(value: Any, prefix: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for key, inner in value.items():
        if isinstance(inner, dict) and inner:
            found += paths(inner, f"{prefix}{key}.")
        else:
            found.append((prefix + key, None if isinstance(inner, dict) else inner))
    return found


def keys_in(value: Any) -> int:
    if isinstance(value, dict):
        return len(value) + sum(map(keys_in, value.values()))
    return sum(map(keys_in, value)) if isinstance(value, list) else 0


@given(OBJECTS)
def test_every_leaf_has_its_path_or_the_row_is_refused(row: dict[str, Any]) -> None:
    wanted = paths(row)
    if len(dict(wanted)) < len(wanted):
        with pytest.raises(DecodeError) as refused:
            flatten(row)
        assert refused.value.reason.code == "ambiguous_key"
    else:
        flat, keys = flatten(row)
        assert flat == dict(wanted)
        assert keys == keys_in(row)


def nested(levels: int) -> dict[str, Any]:
    row: dict[str, Any] = {"leaf": 1}
    for _ in range(levels - 1):
        row = {"in": row}
    return row


def test_depth_has_a_limit() -> None:
    assert flatten(nested(MAX_DEPTH))[1] == MAX_DEPTH
    with pytest.raises(DecodeError, match="32 levels") as refused:
        flatten(nested(MAX_DEPTH + 1))
    assert refused.value.reason.code == "nested_too_deep"


def test_an_unnamed_key_is_refused_at_any_level() -> None:
    with pytest.raises(DecodeError) as refused:
        flatten({"a": {"": 1}})
    assert refused.value.reason.code == "empty_key"

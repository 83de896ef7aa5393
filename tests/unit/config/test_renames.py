"""The column of a key, and the keys of a column."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.config.load import load
from ingest.config.renames import Renames
from ingest.errors import ConfigError

NAMES = st.text("ab.", min_size=1, max_size=5)
STARRED = st.tuples(st.text("ab.", max_size=2), st.text("ab.", max_size=2)).map("*".join)
ENTRIES = st.dictionaries(STARRED, STARRED, max_size=3).flatmap(
    lambda stars: st.dictionaries(NAMES, NAMES, max_size=3).map(lambda exact: {**stars, **exact})
)


@given(ENTRIES, st.lists(NAMES, max_size=20), NAMES)
def test_the_keys_of_a_column_are_all_those_that_become_it(
    entries: dict[str, str], keys: list[str], column: str
) -> None:
    renames = Renames(entries)
    found = renames.keys_of(column)
    assert all(renames.column_of(key) == column for key in found)
    assert {key for key in keys if renames.column_of(key) == column} <= set(found)


@pytest.mark.parametrize("entry", [{"a.*": "b"}, {"a": "*"}, {"*.*": "*"}, {"*": "*.*"}, {"": "a"}, {"*": ""}])
def test_an_entry_that_says_no_names_is_a_fault(entry: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="rename"):
        load(flags={"schema": {"rename": entry}})

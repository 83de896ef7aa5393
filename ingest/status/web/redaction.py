"""The effective configuration for people to look at, without a secret.

Rules
1. Values are those of `ingest config show`: `***` stands for a secret, so that it is visible that one is set.
2. A value of several lines in [kafka.options] is not shown: certificates and keys may stand in them.
3. Names of files are shown, their content is not.
"""

from typing import Any

from ingest.config.effective import HIDDEN, EffectiveValue, effective
from ingest.config.load import Loaded
from ingest.status.web.published import ConfigView


def redacted(loaded: Loaded) -> ConfigView:
    """Section -> key -> value, as the file would have it."""
    view: dict[str, dict[str, Any]] = {}
    for row in effective(loaded):
        section: dict[str, Any] = view
        for name in row.path[:-1]:
            section = section.setdefault(name, {})
        section[row.path[-1]] = _shown(row)
    return view


def _shown(row: EffectiveValue) -> Any:
    several_lines = row.path[:2] == ("kafka", "options") and "\n" in str(row.value)
    return HIDDEN if several_lines else row.value

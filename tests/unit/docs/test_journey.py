"""The functions that docs/architecture names are where it says they are."""

import operator
import re
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
ARCHITECTURE = ROOT / "docs" / "architecture"
PAGE = (ARCHITECTURE / "a-messages-journey.md").read_text(encoding="utf-8")

STEPS = re.findall(r"\*\*`([\w.]+)`\*\*,\s+`(ingest/[\w/]+)\.py`", PAGE)
MODULES = [
    (page.name, module)
    for page in sorted(ARCHITECTURE.glob("*.md"))
    for module in sorted(set(re.findall(r"`(?:ingest/)?([\w/]+/\w+\.py)`", page.read_text(encoding="utf-8"))))
]


@pytest.mark.parametrize(("function", "module"), STEPS)
def test_function_of_a_step_is_in_its_module(function: str, module: str) -> None:
    assert callable(operator.attrgetter(function)(import_module(module.replace("/", "."))))


def test_every_step_names_a_function() -> None:
    assert len(STEPS) >= len(re.findall(r"^\d+\. ", PAGE, re.MULTILINE)) > 0


@pytest.mark.parametrize(("page", "module"), MODULES)
def test_module_that_a_page_names_exists(page: str, module: str) -> None:
    rooms = [ROOT / "ingest", ROOT / "ingest" / "pipeline", ROOT]
    assert any((room / module).is_file() for room in rooms), f"{page} names {module}"

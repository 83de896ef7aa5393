"""README.md fits on a few screens, and what the documents outside of docs/ link to and name is there.

mkdocs checks the links within docs/.
"""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
README_BYTES = 8_192
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "benchmarks/README.md")

TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")

_FENCED = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?<!`)\[[^\]]*\]\(([^()\s]+)\)")
_HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


def links(document: str) -> list[str]:
    """The targets of a document's links that are no addresses."""
    text = _FENCED.sub("", (ROOT / document).read_text(encoding="utf-8"))
    return [target for target in _LINK.findall(text) if "://" not in target and not target.startswith("mailto:")]


def anchors(file: Path) -> set[str]:
    headings = _HEADING.findall(_FENCED.sub("", file.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


LINKS = [(document, target) for document in DOCUMENTS for target in dict.fromkeys(links(document))]

# Where a new thing goes, and more.
PATHS = sorted(set(re.findall(r"`(?:\./)?((?:ingest|tests|docs|scripts|benchmarks)/[\w./-]*)`", TEXT)))


def test_readme_is_short() -> None:
    assert (ROOT / "README.md").stat().st_size < README_BYTES


@pytest.mark.parametrize(("document", "target"), LINKS)
def test_link_leads_to_a_file_and_a_heading(document: str, target: str) -> None:
    name, _, anchor = target.partition("#")
    file = ((ROOT / document).parent / name) if name else ROOT / document
    assert file.exists()
    assert not anchor or anchor in anchors(file)


@pytest.mark.parametrize("path", PATHS)
def test_path_that_contributing_names_exists(path: str) -> None:
    assert (ROOT / path).exists()

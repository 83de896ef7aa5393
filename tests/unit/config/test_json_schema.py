"""The JSON schema takes every example of the repository, and refuses what loading refuses."""

import re
import tomllib
from pathlib import Path

import jsonschema
import pytest

from ingest.config.json_schema import json_schema
from tests.harness.config_file import faults_of

ROOT = Path(__file__).parents[3]
SCHEMA = json_schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
FILES = sorted((ROOT / "tests/data").rglob("ingest.toml"))
FENCE = re.compile(r"^```toml[^\n]*\n(.*?)^```", re.DOTALL | re.MULTILINE)
EXAMPLES = [
    pytest.param(block, id=f"{page.relative_to(ROOT)}-{at}")
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    for at, block in enumerate(FENCE.findall(page.read_text(encoding="utf-8")))
    if "[[message]]" not in block  # the examples of ingest test
]
SPELLED = """
[kafka]
brokers = ["a:9092", "b:9092"]
topic = ["t", "u"]
start = "EARLIEST"
queue_bytes = "64MB"
[kafka.options]
security.protocol = "SSL"
"socket.timeout.ms" = 5000
[batch]
linger_s = "500ms"
max_events = "${EVENTS}"
[arize]
model_version = 7
model_type = "SCORE_CATEGORICAL"
timeout_s = "${TIMEOUT:-10s}"
[schema]
tags = "region, release"
timestamp_unit = "milliseconds"
types = { age = "INTEGER" }
shap = "shap_*"
[supervisor]
partitions = ["0..3", 5]
"""
BAD = [
    '[kafka]\nbrokrs = "x"',
    "[kafka]\nbrokers = 5",
    '[kafka]\nstart = "middle"',
    "[kafka.options]\nx = [1]",
    "[batch]\nmax_events = 0",
    '[batch]\nlinger_s = "soon"',
    '[batch]\nmax_bytes = "64XB"',
    "[schema]\ntags = 5",
    '[schema.types]\na = "strng"',
    "[schema.embeddings.e]\ndata = 'x'",
    "[nothing]\na = 1",
    '[supervisor]\nworkers = "two"',
    "[arize]\nport = 99999",
    "[routes.r]\ndelivr = false",
    "[topics.a.arize]\nmodel = 'x'",
]


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_there_are_examples() -> None:
    assert len(FILES) > 20
    assert len(EXAMPLES) > 20


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.parent.name)
def test_an_example_of_the_tests_is_valid(file: Path) -> None:
    VALIDATOR.validate(tomllib.loads(file.read_text(encoding="utf-8")))


@pytest.mark.parametrize("text", EXAMPLES)
def test_an_example_of_the_documents_is_valid(text: str) -> None:
    VALIDATOR.validate(tomllib.loads(text))


def test_the_spellings_are_valid() -> None:
    VALIDATOR.validate(tomllib.loads(SPELLED))


@pytest.mark.parametrize("text", BAD)
def test_what_loading_refuses_is_invalid(text: str) -> None:
    assert faults_of(text)
    assert not VALIDATOR.is_valid(tomllib.loads(text))

"""Where there is no configuration, the file that is meant is named."""

from pathlib import Path

import pytest

from ingest.config.checks import check_delivery
from ingest.config.load import load
from ingest.config.near_files import near_file
from ingest.errors import ConfigError
from tests.harness.config_file import placed_faults


def no_file() -> str:
    with pytest.raises(ConfigError) as wrong:
        check_delivery(load())
    return wrong.value.faults[0]


@pytest.mark.parametrize(
    "name", ["ingets.toml", "Ingest.toml", "INGEST.TOML", "igest.toml", "ingest.toml.txt", "ingest.tml"]
)
def test_a_misnamed_file_is_suggested(name: str) -> None:
    Path(name).touch()
    assert no_file() == f"there is no ingest.toml here; is {name} meant? Rename it, or name it with --config {name}"


@pytest.mark.parametrize("name", ["ingest.yaml", "Ingest.yml", "ingest.json"])
def test_a_file_of_another_format_is_named(name: str) -> None:
    Path(name).touch()
    assert no_file().startswith(f"there is no ingest.toml here, and {name} is not read: a configuration is TOML")


def test_nothing_like_it_is_not_named() -> None:
    Path("pyproject.toml").touch()
    Path("notes.txt").touch()
    Path("ingest.py").touch()
    Path("ingest").touch()
    Path("Ingest.toml").mkdir()
    assert no_file().startswith("there is no ingest.toml here: ingest init writes one")
    assert near_file(Path("nowhere/ingest.toml")) == ""


def test_a_named_file_that_is_missing_has_its_neighbour_named() -> None:
    Path("production.toml").touch()
    assert placed_faults(Path("prodution.toml")) == [
        "prodution.toml: no such file; --config names a TOML file; is production.toml meant?"
    ]
    Path("conf").mkdir()
    Path("conf/prod.yaml").touch()
    assert placed_faults(Path("conf/prod.toml"))[0].endswith("is conf/prod.yaml meant?")


def test_other_case_comes_before_another_ending() -> None:
    for name in ("ingest.yaml", "Ingest.toml"):
        Path(name).touch()
    assert near_file(Path("ingest.toml")) == "Ingest.toml"

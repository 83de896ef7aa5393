"""The tests of the configuration run where there is no ingest.toml and none of its variables."""

import os
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.upper().startswith(("INGEST_", "ARIZE_")):
            monkeypatch.delenv(name)

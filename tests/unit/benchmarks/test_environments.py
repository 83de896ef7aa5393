"""Making a peer's environment: when it is made, what of a failure is told, and what its lock may say."""

import os
from pathlib import Path

import pytest

from benchmarks.peers import environments
from benchmarks.peers.environments import Environment, PeerMissingError

CHECKOUT = Path(__file__).parents[3]
NAMES = ("quix", "bytewax", "spark")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(environments, "cache_directory", lambda: tmp_path / "cache")
    monkeypatch.setattr(environments, "HERE", tmp_path)
    (tmp_path / "peer.lock").write_text("# nothing\n")
    return tmp_path


def fake_uv(directory: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `uv` first in PATH that notes its arguments in `calls`."""
    uv = directory / "bin" / "uv"
    uv.parent.mkdir()
    uv.write_text(f'#!/bin/sh\necho "$@" >> {directory}/calls\n{script}\n')
    uv.chmod(0o755)
    monkeypatch.setenv("PATH", f"{uv.parent}:{os.environ['PATH']}")
    return directory / "calls"


MAKES = 'if [ "$1" = venv ]; then for last; do :; done; mkdir -p "$last"; fi'


def test_it_is_made_once_and_again_when_the_lock_has_changed(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = fake_uv(cache, MAKES, monkeypatch)
    environment = Environment("peer")
    environment.prepare()
    made = calls.read_text().splitlines()
    assert [call.split()[0] for call in made] == ["venv", "pip"]
    environment.prepare()
    assert calls.read_text().splitlines() == made
    (cache / "peer.lock").write_text("# something else\n")
    environment.prepare()
    assert len(calls.read_text().splitlines()) == 2 * len(made)


def test_only_hashed_wheels_are_installed_but_for_the_sources_named(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = fake_uv(cache, MAKES, monkeypatch)
    Environment("peer", sources=("pyspark",)).prepare()
    install = calls.read_text().splitlines()[1]
    assert "--require-hashes --only-binary :all: --no-binary pyspark" in install


def test_who_cannot_be_made_is_missing_with_the_last_words_and_is_tried_again(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = fake_uv(cache, "echo 'error: no network' >&2\nexit 2", monkeypatch)
    for _ in range(2):
        with pytest.raises(PeerMissingError, match="can't be made: error: no network"):
            Environment("peer").prepare()
    assert len(calls.read_text().splitlines()) == 2


@pytest.mark.parametrize("name", NAMES)
def test_a_lock_has_a_hash_for_everything_and_names_no_place(name: str) -> None:
    lines = Environment(name).lock.read_text().splitlines()
    assert not [line for line in lines if "://" in line or line.startswith("-")]
    packages = [place for place, line in enumerate(lines) if line and not line.startswith((" ", "#"))]
    assert packages
    assert all("--hash=sha256:" in lines[place + 1] for place in packages)


@pytest.mark.parametrize("name", NAMES)
def test_a_peer_uploads_with_the_same_sdk_and_pandas_as_ingest(name: str) -> None:
    ours = (CHECKOUT / "requirements.lock").read_text()
    for package in ("arize", "pandas", "pyarrow"):
        assert f"\n{package}=={Environment(name).version(package)} " in f"\n{ours}"


def test_the_versions_are_those_of_what_it_directly_needs(cache: Path) -> None:
    (cache / "peer.in").write_text("arize>=8\nbytewax[kafka]>=0.21\n")
    (cache / "peer.lock").write_text("arize==8.61.0 \\\n    --hash=sha256:00\nbytewax==0.21.1 \\\nnumpy==2 \\\n")
    assert Environment("peer").versions() == "arize 8.61.0, bytewax 0.21.1"


def test_a_version_that_the_lock_does_not_name_is_missing() -> None:
    with pytest.raises(PeerMissingError, match="doesn't name flink"):
        Environment("quix").version("flink")

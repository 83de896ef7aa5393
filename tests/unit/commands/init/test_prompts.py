"""`ingest init` in a terminal: what it asks, and that a wrong answer is asked for again."""

import os
import pty
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from ingest.config.load import load


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("INGEST_", "ARIZE_"))]:
        monkeypatch.delenv(name)


def answered(arguments: Sequence[str], answers: Sequence[str]) -> tuple[int, str]:
    """The exit code and what the terminal shows; the answers are typed ahead."""
    outside, inside = pty.openpty()
    try:
        with subprocess.Popen(
            [sys.executable, "-m", "ingest", "init", *arguments], stdin=inside, stdout=inside, stderr=inside
        ) as process:
            os.close(inside)
            os.write(outside, "".join(f"{answer}\n" for answer in answers).encode())
            shown = b""
            while part := _read(outside):
                shown += part
        return process.returncode, shown.decode().replace("\r\n", "\n")
    finally:
        os.close(outside)


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # Linux's way to say that nobody has the other side
        return b""


def test_what_is_missing_is_asked_for() -> None:
    code, shown = answered(["--offline"], ["rides", "", ""])
    assert code == 0
    assert [question in shown for question in ("Topic:", "Model in Arize [rides]:", "when ingest runs):")] == [True] * 3
    assert "brokers: localhost:9092, as none are given" in shown
    assert "set ARIZE_API_KEY and ARIZE_SPACE_ID, then:\n  ingest check\n" in shown
    assert (load().kafka.topic, load().arize.model_name, load().arize.space_id) == ("rides", "rides", "")


def test_a_wrong_answer_is_asked_for_again() -> None:
    code, shown = answered(["--offline"], ["", "my topic", "pred*", "predictions", "fraud", "space"])
    assert code == 0
    assert shown.count("Topic:") == 4
    assert "it has a blank" in shown
    assert "it is a pattern" in shown
    assert (load().kafka.topic, load().arize.model_name, load().arize.space_id) == ("predictions", "fraud", "space")


def test_brokers_that_are_none_are_asked_for_again_before_kafka_is_asked() -> None:
    code, shown = answered([], ["http://localhost", "127.0.0.1:1"])
    assert shown.count("Brokers of Kafka [localhost:9092]:") == 2
    assert "an address has no http://" in shown
    assert "asking Kafka at 127.0.0.1:1\n" in shown
    assert code == 4
    assert not Path("ingest.toml").exists()


def test_without_a_terminal_it_is_told_before_anything_heavy_is_imported() -> None:
    program = (
        "import sys; from ingest.cli import main; sys.argv = ['ingest', 'init', *sys.argv[1:]]\n"
        "try: main()\n"
        "except SystemExit as end: print(end.code, sorted({'pyarrow', 'arize', 'confluent_kafka'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "--topic", "t"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout == "3 []\n"
    assert done.stderr == "--brokers, --model-name are missing, and there is no terminal to ask in\n"


def test_the_only_topic_may_still_be_kafkas() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ingest", "init", "--brokers", "127.0.0.1:1"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 4
    assert done.stderr.startswith("asking Kafka at 127.0.0.1:1\n")

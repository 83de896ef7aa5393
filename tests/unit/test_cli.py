"""The command line shows help with real examples, loads little, and exits with the documented codes."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness.command import Command, clean_environment

HEAVY = ("arize", "pyarrow", "pandas", "numpy", "confluent_kafka")


def ingest(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return Command(cwd, clean_environment(**environment)).run(*arguments, code=None)


@pytest.mark.parametrize(
    "command",
    [
        ("supervise",),
        ("debug",),
        ("check",),
        ("lint",),
        ("config", "show"),
        ("config", "schema"),
        ("lag",),
        ("audit",),
        ("schema", "infer"),
        ("dead-letters", "list"),
        ("dead-letters", "show"),
        ("dead-letters", "replay"),
        ("demo",),
        ("sandbox", "kafka"),
        ("sandbox", "arize"),
        ("sandbox", "produce"),
    ],
    ids=" ".join,
)
def test_help_shows_a_real_example(command: tuple[str, ...], tmp_path: Path) -> None:
    done = ingest(*command, "--help", cwd=tmp_path)
    assert done.returncode == 0
    assert f"\n    ingest {' '.join(command)}" in done.stdout


def test_help_loads_nothing_heavy(tmp_path: Path) -> None:
    code = f"import sys, ingest.cli; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_supervisor_does_not_load_what_only_workers_need(tmp_path: Path) -> None:
    modules = "ingest.cli, ingest.supervisor.session, ingest.status.screen"
    heavy = [name for name in HEAVY if name not in {"numpy", "confluent_kafka"}]
    code = f"import sys, {modules}; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_fault_of_the_configuration_is_a_line_and_exit_3(tmp_path: Path) -> None:
    done = ingest("supervise", cwd=tmp_path)
    assert done.returncode == 3
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 3
    assert done.stderr.startswith("there is no ingest.toml here: ingest init writes one")
    assert "ARIZE_API_KEY" in done.stderr


def test_flags_are_checked_like_the_file(tmp_path: Path) -> None:
    (tmp_path / "ingest.toml").write_text('[kafka]\ntopik = "rides"\n')
    done = ingest("supervise", "--workers", "0", cwd=tmp_path)
    assert done.returncode == 3
    assert "[supervisor] workers" in done.stderr
    assert "did you mean topic?" in done.stderr


def test_a_bad_partition_set_stops_before_kafka_is_asked(tmp_path: Path) -> None:
    done = ingest(
        *("supervise", "--partitions", "0-3,x", "--topic", "rides", "--brokers", "127.0.0.1:1"),
        cwd=tmp_path,
        ARIZE_API_KEY="k",
        ARIZE_SPACE_ID="s",
        INGEST_ARIZE__MODEL_NAME="m",
    )
    assert done.returncode == 3
    assert '[supervisor] partitions "0-3,x": position 5' in done.stderr
    assert "(--partitions)" in done.stderr


def test_a_usage_error_is_exit_2(tmp_path: Path) -> None:
    assert ingest("supervise", "--workerz", "3", cwd=tmp_path).returncode == 2
    assert ingest("no-such-command", cwd=tmp_path).returncode == 2


def test_several_topics_need_a_choice_or_workers_before_kafka_is_asked(tmp_path: Path) -> None:
    (tmp_path / "ingest.toml").write_text(
        '[kafka]\nbrokers = "127.0.0.1:1"\n[arize]\nmodel_name = "m"\n[topics.rides]\n[topics.fares]\n'
    )
    done = ingest("debug", "--partition", "0", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (
        3,
        "--partition: of which topic? Select one with --topic; the configured topics are rides, fares\n",
    )
    done = ingest("debug", "--partition", "0", "--topic", "ride", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (3, "--topic ride: no such [topics.*]; did you mean rides?\n")
    done = ingest("supervise", cwd=tmp_path, ARIZE_API_KEY="k", ARIZE_SPACE_ID="s")
    assert done.returncode == 3
    assert done.stderr.startswith("--workers 1: a worker reads one topic, and there are 2: rides, fares; ask for 2")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("audit", "--by-hour", "--json", "--topic", "t"), "--by-hour changes nothing with --json"),
        (("dead-letters", "list", "--since", "-1h", "--until", "-2h"), "nothing can match"),
        (("dead-letters", "list", "--reason", "not_jsn"), "did you mean not_json?"),
        (("dead-letters", "show", "--reason", "not_jsn"), "did you mean not_json?"),
        (("dead-letters", "replay", "--to", "topic", "--reason", "not_jsn"), "did you mean not_json?"),
    ],
)
def test_an_option_that_can_not_act_is_a_usage_error(arguments: tuple[str, ...], words: str, tmp_path: Path) -> None:
    (tmp_path / "dead_letters").mkdir()
    done = ingest(*arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr

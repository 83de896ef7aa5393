"""The command line shows help with real examples, loads little, and exits with the documented codes."""

import json
import shlex
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import confluent_kafka
import pytest
import typer
from typer.main import get_command
from typer.testing import CliRunner, Result

from ingest.cli import app
from ingest.commands.help import FORMER_OPTIONS, folded, help_text
from scripts.pages import cli
from tests.harness.command import Command, clean_environment

HEAVY = ("arize", "pyarrow", "pandas", "numpy", "confluent_kafka")
# Typer itself takes pydantic to convert arguments; what loads a configuration is not needed for that.
SETTINGS = (*HEAVY, "pydantic_settings", "ingest.config.sections", "rich", "requests")
COMMANDS = [(name.split()[1:], command) for name, command in cli.commands()]
NAMES = [" ".join(path) for path, _ in COMMANDS]
GROUPS = ["", "dead-letters", "schema", "sandbox"]
# Wrong arguments of each command that click takes: the command itself must judge them.
WRONG = [
    "debug --partition 0 --from yesterday",
    "debug --partition 0 --commit",
    "debug --partition 0 --json --pdb",
    "audit --by-hour --json",
    "dead-letters list --since -1h --until -2h",
    "dead-letters show --partitions x",
    "dead-letters replay --offsets x",
    "init --option sasl.password=canary",
]


def ingest(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return Command(cwd, clean_environment(**environment)).run(*arguments, code=None)


def loaded(commands: Sequence[Sequence[str]], names: Sequence[str], cwd: Path) -> list[tuple[int, list[str]]]:
    """The exit code of each command, and those of the modules `names` that are loaded after it, all in one process."""
    code = (
        "import contextlib, io, json, sys\n"
        "from ingest.cli import main\n"
        "found = []\n"
        f"for arguments in {[list(each) for each in commands]!r}:\n"
        "    sys.argv = ['ingest', *arguments]\n"
        "    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):\n"
        "        try:\n"
        "            main()\n"
        "        except SystemExit as left:\n"
        "            code = int(left.code or 0)\n"
        f"    found.append((code, [name for name in {list(names)!r} if name in sys.modules]))\n"
        "print(json.dumps(found))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=cwd,
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return [(code, names) for code, names in json.loads(done.stdout)]


# --- help ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", NAMES)
def test_help_shows_a_real_example(command: str) -> None:
    example = f"\n    ingest {command}"
    shown = help_of(command, 80)
    assert example in shown or f"\n    ingest --{command}" in shown


def command_of(path: str) -> Any:
    found: Any = get_command(app)
    for name in path.split():
        found = found.commands[name]
    return found


def help_of(path: str, columns: int) -> str:
    return help_text(command_of(path), typer.Context(command_of(path), info_name=f"ingest {path}".strip()), columns)


def invoked(arguments: Sequence[str]) -> Result:
    return CliRunner().invoke(app, arguments, prog_name="ingest")


@pytest.mark.parametrize("columns", [200, 80, 61, 59, 40, 24])
@pytest.mark.parametrize("command", [*NAMES, *GROUPS])
def test_no_line_of_help_is_longer_than_the_terminal_and_nothing_is_cut(command: str, columns: int) -> None:
    shown = help_of(command, columns)
    assert max(map(len, shown.splitlines())) <= min(columns, 80)
    squashed = "".join(shown.split()).replace("\\", "")
    found = command_of(command)
    texts = [option.help for option in found.params] + [part for part in found.help.split("\n\n") if "\b" not in part]
    assert [text for text in texts if "".join(text.split()) not in squashed] == []


def test_an_example_that_is_too_long_goes_on_as_a_shell_takes_it() -> None:
    command = "ingest sandbox produce --brokers localhost:9092 --topic 'my topic' --events 100000 | jq '.a | .b'"
    lines = list(folded(command, 44, "  "))
    assert max(map(len, lines)) <= 46
    assert all(line.endswith(" \\") for line in lines[:-1])
    typed = "\n".join(lines).replace("\\\n", "")  # a shell joins what a backslash ends
    assert shlex.split(typed) == shlex.split(command)
    assert list(folded("ingest lag", 44)) == ["ingest lag"]


def test_help_has_a_short_option_and_every_command_has_it(tmp_path: Path) -> None:
    for command in (*NAMES, *GROUPS):
        assert invoked([*command.split(), "-h"]).stdout == invoked([*command.split(), "--help"]).stdout
    done = ingest("dead-letters", "-h", cwd=tmp_path, COLUMNS="70")
    assert done.returncode == 0
    assert "-h, --help" in done.stdout
    assert 60 < max(map(len, done.stdout.splitlines())) <= 70


# --- nothing heavy before the arguments are judged --------------------------------------------------


def test_help_and_a_wrong_option_load_nothing_heavy(tmp_path: Path) -> None:
    paths = [command.split() for command in (*NAMES, *GROUPS)]
    asked = [*([*path, "--help"] for path in paths), *([*path, "--no-such-option"] for path in paths)]
    assert loaded(asked, SETTINGS, tmp_path) == [(0, [])] * len(paths) + [(2, [])] * len(paths)


def test_arguments_that_a_command_judges_itself_load_nothing_heavy(tmp_path: Path) -> None:
    assert loaded([each.split() for each in WRONG], SETTINGS, tmp_path) == [(2, [])] * len(WRONG)


def test_a_wrong_configuration_is_reported_before_arrow_kafka_and_arize_are_loaded(tmp_path: Path) -> None:
    (tmp_path / "ingest.toml").write_text('[kafka]\ntopik = "rides"\n')
    commands = [
        "supervise",
        "check",
        "debug --partition 0",
        "lag",
        "topics",
        "audit",
        "schema infer",
        "dead-letters list",
    ]
    heavy = [name for name in HEAVY if name != "numpy"]
    assert loaded([each.split() for each in commands], heavy, tmp_path) == [(3, [])] * len(commands)


def test_versions_load_librdkafka_alone(tmp_path: Path) -> None:
    heavy = [name for name in SETTINGS if name != "confluent_kafka"]
    assert loaded([["--version"], ["version", "--json"]], heavy, tmp_path) == [(0, [])] * 2


# --- options and commands that don't exist ----------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("supervize", "No such command 'supervize'. Did you mean 'supervise'?"),
        ("infer", "Did you mean 'schema infer'?"),
        ("replay", "Did you mean 'dead-letters replay'?"),
        ("run", "Did you mean 'supervise'?"),
        ("valdate", "Did you mean 'check'?"),
        ("dead-letters lst", "Did you mean 'list'?"),
        ("supervise --workerz 3", "No such option: --workerz. Did you mean --workers"),
        ("supervise --part 3", "No such option: --part. Did you mean --partitions?"),
        ("schema infer --exmaples", "No such option: --exmaples. Did you mean --examples?\n"),
        ("supervise --Log_Levle info", "No such option: --Log_Levle. Did you mean --log-level"),
        ("--versoin", "Did you mean --version?"),
        ("lag --zzz", "No such option: --zzz\n"),
    ],
)
def test_a_wrong_command_or_option_names_the_one_that_is_meant(arguments: str, words: str) -> None:
    done = invoked(arguments.split())
    assert (done.exit_code, done.stdout) == (2, "")
    assert words in done.stderr


@pytest.mark.parametrize(("path", "former"), sorted(FORMER_OPTIONS))
def test_a_former_spelling_names_the_new_one(path: str, former: str) -> None:
    new = FORMER_OPTIONS[path, former]
    done = invoked([*path.split(), former, "1"])
    assert (done.exit_code, done.stdout) == (2, "")
    assert f"No such option: {former}. It is called {new} now\n" in done.stderr
    options = dict(zip(NAMES, (command for _, command in COMMANDS), strict=True))[path].params
    assert new in [name for option in options for name in option.opts]
    assert former not in [name for option in options for name in option.opts]


def test_an_option_has_one_spelling_and_one_meaning_in_all_commands() -> None:
    forms: dict[str, set[str]] = {}
    for path, command in COMMANDS:
        for option in command.params:
            for name in option.opts:
                if name.startswith("-"):
                    shown = option.metavar or ("|".join(map(str, option.type_descriptor.choices or ())) or "flag")
                    forms.setdefault(name, set()).add(shown)
            long = [name for name in option.opts if name.startswith("--")]
            assert len(long) <= 1, (path, option.opts)
    several = {name: shown for name, shown in forms.items() if len(shown) > 1}
    assert several == {}
    plurals = {name for name in forms if f"{name}s" in forms}
    assert plurals == {"--partition"}  # of debug, which reads a single one


# --- completion and version -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shell", "typed", "wanted"),
    [
        ("bash", "ingest dead-", "dead-letters"),
        ("zsh", "ingest lag --wat", "--watch"),
        ("fish", "ingest schema inf", "infer"),
    ],
)
def test_a_shell_completes_commands_and_options(shell: str, typed: str, wanted: str, tmp_path: Path) -> None:
    assert f"_INGEST_COMPLETE=complete_{shell}" in invoked(["completion", shell]).stdout
    answer = ingest(
        cwd=tmp_path,
        _INGEST_COMPLETE=f"complete_{shell}",
        COMP_WORDS=typed,
        COMP_CWORD=str(len(typed.split()) - 1),
        _TYPER_COMPLETE_ARGS=typed,
        _TYPER_COMPLETE_FISH_ACTION="get-args",
    )
    assert answer.returncode == 0
    assert wanted in answer.stdout


def test_an_unknown_shell_is_a_usage_error() -> None:
    assert invoked(["completion", "tcsh"]).exit_code == 2


def test_versions_as_text_and_as_json_are_the_same(tmp_path: Path) -> None:
    text = ingest("--version", cwd=tmp_path).stdout
    found = json.loads(ingest("version", "--json", cwd=tmp_path).stdout)
    assert text.startswith(f"ingest {found['ingest']}\n")
    assert f"librdkafka       {found['librdkafka']}\n" in text
    assert found["librdkafka"] == confluent_kafka.libversion()[0]
    assert found["arize"] == version("arize")
    assert (found["lane"] == "fast") is (found["orjson_reason"] == "")
    assert found["orjson_reason"] in text


def test_a_supervisor_does_not_load_what_only_workers_need(tmp_path: Path) -> None:
    modules = "ingest.cli, ingest.supervisor.session, ingest.status.screen"
    heavy = [name for name in HEAVY if name not in {"numpy", "confluent_kafka"}]
    code = f"import sys, {modules}; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_fault_of_the_configuration_is_a_line_and_exit_3(tmp_path: Path) -> None:
    done = ingest("supervise", cwd=tmp_path)
    assert done.returncode == 3
    (first,) = done.stdout.splitlines()
    assert "INFO    supervisor  ingest" in first
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


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("check", "--workers", "many"), "'--workers': a whole number is expected"),
        (("supervise", "--workers", "1.5"), "'--workers': a whole number is expected"),
        (("debug", "--limit", "0"), "'--limit': 1 or more is expected"),
        (("init", "--limit", "1000000"), "'--limit': at most 100,000 is expected"),
        (("supervise", "--log-level", "loud"), "'--log-level': 'loud' is not one of 'debug', 'info'"),
    ],
)
def test_a_wrong_value_of_an_option_is_told_as_one_of_a_file(arguments: tuple[str, ...], words: str) -> None:
    done = invoked(arguments)
    assert done.exit_code == 2
    assert f"Invalid value for {words}" in done.stderr
    assert "Input should" not in done.stderr


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

"""Malformed secrets: surrounding blanks are removed, all other faults are refused, and no secret is quoted.

A canary stands where a secret does, at each place where one can be. Every six characters of it are searched for.
"""

import json
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from ingest import cli
from ingest.errors import ExitCode
from ingest.sandbox.arize import API_KEY, SPACE_ID
from tests.harness import command as real_command
from tests.harness.rig import Rig

CANARY = "Zq7Xw9Kp2VtLm4Rj"
HALF, REST = CANARY[:8], CANARY[8:]
SET = {"ARIZE_API_KEY": "k", "ARIZE_SPACE_ID": "s", "INGEST_ARIZE__MODEL_NAME": "m", "INGEST_KAFKA__TOPIC": "t"}

STARTS = " starts, pid "  # the first line of supervise

INNER = {
    "line break": (f"{HALF}\n{REST}", "character 9 is a line break"),
    "cr": (f"{HALF}\r{REST}", "character 9 is a line break"),
    "blank": (f"{HALF} {REST}", "character 9 is a blank"),
    "tab": (f"{HALF}\t{REST}\n", "character 9 is a tab"),
    "nbsp": (f"{HALF}\u00a0{REST}", "character 9 is not ASCII"),
    "bom": (f"{HALF}\ufeff{REST}", "character 9 is not ASCII"),
    "latin-1 letter": (f"{HALF}\u00e9{REST}", "character 9 is not ASCII"),
    "not latin-1": (f"{HALF}\u20ac{REST}", "character 9 is not ASCII"),
    "DEL": (f"{HALF}\x7f{REST}", "character 9 is a control character (DEL)"),
    "not UTF-8": (f"{HALF}\udcff{REST}", "character 9 is not UTF-8"),
}


def told(text: str) -> list[str]:
    return [CANARY[at : at + 6] for at in range(len(CANARY) - 5) if CANARY[at : at + 6] in text]


Command = Callable[..., list[str]]


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Iterator[Command]:
    """`command("supervise", file=..., **environment)` runs it in this process: the lines it wrote, and exit code 3."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.upper().startswith(("INGEST_", "ARIZE_")):
            monkeypatch.delenv(name)

    def run(*arguments: str, file: str = "", code: int = ExitCode.CONFIGURATION, **environment: str) -> list[str]:
        Path("ingest.toml").write_text(file, encoding="utf-8")
        with monkeypatch.context() as patched:
            for name, value in environment.items():
                patched.setenv(name, value)
            patched.setattr(sys, "argv", ["ingest", *arguments])
            # pytest has its own, and the command replaces them.
            patched.setattr(sys, "unraisablehook", sys.unraisablehook)
            patched.setattr(threading, "excepthook", threading.excepthook)
            with pytest.raises(SystemExit) as left:
                cli.main()
        written = "".join(capfd.readouterr())
        assert told(written) == []
        assert left.value.code == code, written
        return [line for line in written.splitlines() if STARTS not in line]

    yield run
    for path in (path for path in tmp_path.rglob("*.jsonl") if path.is_file()):
        assert told(path.read_text()) == []


@pytest.mark.parametrize(("value", "fault"), INNER.values(), ids=INNER.keys())
def test_a_key_and_a_space_that_can_not_be_sent_are_refused_with_all_other_faults(
    value: str, fault: str, command: Command
) -> None:
    lines = command("supervise", ARIZE_API_KEY=value, ARIZE_SPACE_ID=value)
    assert len(lines) == 4
    assert lines[2].startswith(f"ARIZE_SPACE_ID: {fault}; ")
    assert lines[3].startswith(f"ARIZE_API_KEY: {fault}; ")


@pytest.mark.parametrize("content", [f"{HALF}\n{REST}\n", f"{HALF}\0{REST}", f"{HALF}\u20ac"], ids=ascii)
@pytest.mark.parametrize(
    "arguments",
    [("supervise",), ("debug", "--partition", "0", "--send"), ("dead-letters", "replay"), ("check",)],
    ids=" ".join,
)
def test_every_command_that_delivers_refuses_the_file(
    arguments: tuple[str, ...], content: str, command: Command, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_bytes(content.encode())
    # Without a topic `check` needs no Kafka.
    lines = command(
        *arguments,
        file='[arize]\napi_key_file = "secret"\n[kafka.options]\n"sasl.password_file" = "secret"\n',
    )
    written = "\n".join(lines)
    assert "[arize] api_key_file = secret: character 9 is " in written
    # As a password a letter of any language will do.
    assert ("[kafka.options] sasl.password_file = secret: character 9 is " in written) is (content[8] in "\n\0")


ALL = [
    ("supervise",),
    ("check",),
    ("debug", "--partition", "0"),
    ("lag",),
    ("schema", "infer"),
    ("dead-letters", "list"),
    ("dead-letters", "replay"),
    ("audit",),
]


@pytest.mark.parametrize("arguments", ALL, ids=" ".join)
def test_a_broken_secret_in_the_configuration_is_refused_by_every_command(
    arguments: tuple[str, ...], command: Command
) -> None:
    escaped = json.dumps(f"{HALF}\n{REST}\0")
    lines = command(
        *arguments,
        file=f"[arize]\nspace_id = {escaped}\n[kafka.options]\n"
        f'"sasl.password" = {escaped}\n"ssl.key.password" = {escaped}\n',
    )
    written = "\n".join(lines)
    for name in ("[arize] space_id", '"sasl.password"', '"ssl.key.password"'):
        assert f"{name}: character 9 is a line break; " in written


@pytest.mark.parametrize("arguments", ALL, ids=" ".join)
def test_a_secret_s_file_under_the_wrong_name_is_not_quoted(
    arguments: tuple[str, ...], command: Command, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text(f"{CANARY}\n")
    (tmp_path / "account").mkdir()
    topic = '[dead_letters]\ntopic = "letters"\n' if arguments[0] == "dead-letters" else ""
    lines = command(
        *arguments,
        file=f'[kafka]\nbrokers = "127.0.0.1:1"\n[kafka.options]\n"security.protocol_file" = "secret"\n{topic}',
        **(SET if arguments != ("check",) else {}),
    )
    refusal = '[kafka.options]: librdkafka refuses them: Invalid value "***" for configuration property'
    assert refusal in "\n".join(lines)


@pytest.mark.parametrize(
    "environment",
    [
        {"INGEST_KAFKA__OPTIONS": f'{{"sasl.password": "{CANARY}"'},
        {"INGEST_KAFKA__OPTIONS": f'{{"sasl.password": ["{CANARY}"]}}'},
        {"INGEST_KAFKA__OPTIONS": f'{{"sasl.password": "{CANARY}\\u0000"}}'},
        {"INGEST_KAFKA__OPTIONS__SASL.PASSWORD": f"{HALF}\n{REST}"},
        {"INGEST_KAFKA": f'{{"options": {{"sasl.password": "{CANARY}"'},
        {"INGEST_TOPICS": f'{{"t": {{"arize": {{"space_id": "{CANARY}"'},
        {"INGEST_ROUTES": f'{{"r": {{"arize": {{"space_id": "{HALF} {REST}"}}}}}}'},
        {"INGEST_KAFKA__QUEUE_BYTES": CANARY},
        {"INGEST_KAFKA__BROKERS": f"me:{CANARY}@broker:9092"},
        {"ARIZE_API_KEY_FILE": CANARY, "INGEST_ARIZE__API_KEY": CANARY},
    ],
    ids=lambda environment: ascii(next(iter(environment.items()))).replace(CANARY, "..."),
)
def test_a_variable_that_can_not_be_read_is_named_and_not_quoted(
    environment: Mapping[str, str], command: Command
) -> None:
    lines = command("supervise", **environment)
    assert len(lines) == 1
    assert lines[0].startswith(("INGEST_", "[kafka] ", "[routes.r.arize] ", "[arize] api_key"))


def test_a_file_that_is_not_toml_is_reported_without_its_secret(command: Command) -> None:
    (line,) = command("supervise", file=f'[kafka.options]\n"sasl.password" = "{CANARY}" "{CANARY}"\n')
    assert line.startswith("ingest.toml: not valid TOML: ")


def test_a_crash_of_the_command_line_is_reported_without_the_text_of_the_exception(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object) -> None:
        raise ValueError(CANARY)

    monkeypatch.setattr("ingest.config.load.load_with_sources", crash)
    lines = command("lag", code=ExitCode.CRASHED)
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[-1].startswith("ValueError: (its text is left out")


def test_a_login_in_the_sdk_s_own_settings_is_not_printed(command: Command) -> None:
    lines = command("check", ARIZE_SINGLE_HOST=f"me:{CANARY}@host", ARIZE_BASE_DOMAIN="arize.com", **_no_topic())
    assert "single_host='***@host'" in "\n".join(lines)


def _no_topic() -> dict[str, str]:
    return {name: value for name, value in SET.items() if name != "INGEST_KAFKA__TOPIC"}


# --- with all of it running -----------------------------------------------------------------------

ROW = '{"prediction_id": "%d", "prediction_ts": 1767225600.0, "prediction_score": 0.5, "space": %s}'
NO_SPACE = [f"{SPACE_ID}{HALF}\n{REST}", f"{CANARY}\u20ac", f"{CANARY}\u00e9", f" {SPACE_ID}", "\0", f"{CANARY}\r\n"]


def test_a_padded_key_delivers_and_a_message_that_makes_no_space_harms_no_other(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=1)
    spaces = [SPACE_ID] * 50 + NO_SPACE + [""] + [SPACE_ID] * 50
    main.put((ROW % (number, json.dumps(space))).encode() for number, space in enumerate(spaces))
    run = main.start(
        environment={"ARIZE_API_KEY": f"\ufeff {API_KEY}\r\n", "ARIZE_SPACE_ID": ""},
        arize={"space_id": "{space}\n"},
        schema={"tags": []},
    )
    assert run.wait() == ExitCode.DONE, run.last_words()
    assert main.committed_at(0) == len(spaces)
    assert sum(1 for _ in main.evidence.journal.rows()) == 100
    assert main.reasons == {(0, 50 + at): "bad_space_id" for at in range(len(NO_SPACE))} | {(0, 56): "no_destination"}
    assert told(run.output + run.errors) == []
    for path in main.dead_letters.glob("*.jsonl"):
        for line in path.read_text().splitlines():
            assert told(json.loads(line)["reason"]) == []
    for path in (main.directory / "account").iterdir():
        assert told(path.read_text()) == []


def test_a_padded_key_s_file_and_a_padded_space_deliver(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=1)
    main.produce(200)
    main.endpoint.control(api_key=CANARY)
    (main.directory / "key").write_bytes(b"\xef\xbb\xbf" + CANARY.encode() + b"\r\n")
    (main.directory / "password").write_text(f"{CANARY}\n")
    run = main.start(
        environment={"ARIZE_API_KEY": "", "ARIZE_SPACE_ID": f"{SPACE_ID}\n"},
        arize={"api_key_file": str(main.directory / "key")},
        kafka={"options": {"sasl.password_file": str(main.directory / "password")}},
    )
    assert run.wait() == ExitCode.DONE, run.last_words()
    assert main.findings() == []
    assert told(run.output + run.errors) == []


def test_the_real_command_refuses_a_key_before_anything_starts(tmp_path: Path) -> None:
    ingest = real_command.Command(
        tmp_path, real_command.clean_environment(**{**SET, "ARIZE_API_KEY": f"{HALF}\n{REST}\n"})
    )
    done = ingest.run("supervise", "--brokers", "127.0.0.1:1", code=ExitCode.CONFIGURATION)
    assert [line for line in done.stdout.splitlines() if STARTS not in line] == []
    assert done.stderr.startswith("ARIZE_API_KEY: character 9 is a line break; ")
    assert told(done.stderr) == []
    assert list(tmp_path.iterdir()) == []

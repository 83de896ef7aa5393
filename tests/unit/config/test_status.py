"""[status]: the token of the actions, and what needs it."""

from pathlib import Path

import pytest

from ingest.config.load import load
from ingest.config.sections import Status
from ingest.errors import ConfigError

TOKEN = "0123456789abcdef"


def loaded(tmp_path: Path, text: str) -> Status:
    file = tmp_path / "ingest.toml"
    file.write_text(f'[kafka]\ntopic = "t"\n[arize]\nmodel_name = "m"\n[status]\n{text}')
    return load(file).status


def test_actions_are_off_by_default(tmp_path: Path) -> None:
    status = loaded(tmp_path, "")
    assert not status.actions
    assert status.action_token() == ""
    assert (status.host, status.port, status.enabled) == ("127.0.0.1", 9410, True)


def test_the_environment_sets_the_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INGEST_STATUS__TOKEN", f" {TOKEN}\n")
    status = loaded(tmp_path, "actions = true")
    assert status.action_token() == TOKEN
    assert TOKEN not in repr(status)


def test_a_token_without_actions_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INGEST_STATUS__TOKEN", "short")
    assert loaded(tmp_path, "").action_token() == ""


def test_actions_without_a_token_are_a_fault(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="actions need a token: set token_file, or INGEST_STATUS__TOKEN"):
        loaded(tmp_path, "actions = true")


def test_two_tokens_are_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INGEST_STATUS__TOKEN", TOKEN)
    with pytest.raises(ConfigError, match="token and token_file exclude each other"):
        loaded(tmp_path, 'token_file = "token"')


@pytest.mark.parametrize("port", [-1, 65_536])
def test_a_port_is_a_port(tmp_path: Path, port: int) -> None:
    with pytest.raises(ConfigError, match="port"):
        loaded(tmp_path, f"port = {port}")


@pytest.mark.parametrize(("content", "fault"), [("short", "fewer than 16"), ("a" * 9 + " " + "b" * 9, "a blank")])
def test_a_token_that_no_header_can_hold_is_a_fault(tmp_path: Path, content: str, fault: str) -> None:
    file = tmp_path / "token"
    file.write_text(content)
    with pytest.raises(ConfigError, match=fault) as raised:
        Status(actions=True, token_file=file).action_token()
    assert content not in str(raised.value)

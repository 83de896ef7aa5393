"""The key, the space and the age limit come from files and from Arize's own variables."""

from pathlib import Path

import pytest

from ingest.config.arize_access import api_key, max_past_years, space_id
from ingest.config.load import load
from ingest.config.sections import Arize
from ingest.errors import ConfigError
from tests.harness.config_file import SECRET, toml

PADDED = [f"{SECRET}\n", f"{SECRET}\r\n", f" {SECRET}\t", f"\ufeff{SECRET}\n", f"{SECRET}\u00a0", f"{SECRET}\r"]


def test_a_key_file_wins_over_the_environment_and_is_read_at_each_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARIZE_API_KEY", "from-environment")
    assert (key := api_key(load().arize)) is not None
    assert key.get_secret_value() == "from-environment"
    Path("key").write_text(f"  {SECRET}\n")
    config = load(toml('[arize]\napi_key_file = "key"\n'))
    assert (key := api_key(config.arize)) is not None
    assert key.get_secret_value() == SECRET
    assert SECRET not in f"{key!r} {key} {config!r}"
    Path("key").write_text("rotated")
    assert (key := api_key(config.arize)) is not None
    assert key.get_secret_value() == "rotated"


def test_the_space_may_come_from_arize_s_own_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARIZE_SPACE_ID", "theirs")
    assert space_id(load().arize) == "theirs"
    assert space_id(load(toml('[arize]\nspace_id = "ours"\n')).arize) == "ours"


@pytest.mark.parametrize("padded", PADDED, ids=ascii)
def test_a_key_and_a_space_lose_the_white_space_around_them(padded: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARIZE_API_KEY", padded)
    monkeypatch.setenv("ARIZE_SPACE_ID", padded)
    config = load()
    assert (key := api_key(config.arize)) is not None
    assert (key.get_secret_value(), space_id(config.arize)) == (SECRET, SECRET)
    assert space_id(Arize(space_id=padded)) == SECRET
    Path("key").write_bytes(padded.encode())
    config = load(toml('[arize]\napi_key_file = "key"\n'))
    assert (key := api_key(config.arize)) is not None
    assert key.get_secret_value() == SECRET


def test_the_maximum_age_of_predictions_is_the_sdk_s_own_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ARIZE_MAX_PAST_YEARS", raising=False)
    assert max_past_years() == 5
    monkeypatch.setenv("ARIZE_MAX_PAST_YEARS", "7")
    assert max_past_years() == 7
    for wrong in ("0", "many", "-1", ""):
        monkeypatch.setenv("ARIZE_MAX_PAST_YEARS", wrong)
        with pytest.raises(ConfigError, match="ARIZE_MAX_PAST_YEARS"):
            max_past_years()

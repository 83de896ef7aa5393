"""Secrets and header values are cleaned and checked, and texts are freed of them."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.config.credentials import (
    Scrubber,
    given_option,
    header_fault,
    is_secret,
    option_fault,
    read_secret,
    stripped,
    text_fault,
    without_logins,
)
from ingest.errors import ConfigError

CANARY = "Zq7Xw9Kp2VtLm4"


@pytest.mark.parametrize(
    "around",
    [
        "{}\n",
        "{}\r",
        "{}\r\n",
        " {} ",
        "\t{}\t",
        "\N{NO-BREAK SPACE}{}",
        "\N{BYTE ORDER MARK}{}",
        "\N{BYTE ORDER MARK} {}\n\n",
    ],
)
def test_what_can_not_be_meant_is_removed(around: str) -> None:
    assert stripped(around.format("k-1")) == "k-1"
    assert stripped(around.format("")) == ""


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("ak-1234!~", ""),
        ("", ""),
        ("ab\ncd", "character 3 is a line break"),
        ("ab\rcd", "character 3 is a line break"),
        ("a b", "character 2 is a blank"),
        ("a\tb", "character 2 is a tab"),
        ("a\0b", "character 2 is NUL"),
        ("a\x1bb", "character 2 is a control character"),
        ("ab\x7f", "character 3 is a control character (DEL)"),
        ("ab\x85c", "character 3 is a control character"),
        ("k\N{LATIN SMALL LETTER E WITH ACUTE}y", "character 2 is not ASCII"),
        ("ke\N{CYRILLIC SMALL LETTER U}", "character 3 is not ASCII"),
        ("a\N{NO-BREAK SPACE}b", "character 2 is not ASCII"),
        ("a\udcffb", "character 2 is not UTF-8"),
    ],
)
def test_a_header_value_is_printable_ascii_without_blanks(text: str, fault: str) -> None:
    assert header_fault(text) == fault


@given(st.text())
def test_what_passes_can_be_sent_and_what_does_not_is_not_quoted(text: str) -> None:
    fault = header_fault(text)
    if not fault:
        assert text == text.strip()
        assert text.isascii()
        assert text.isprintable()
    else:
        assert fault.isascii()
        assert fault.isprintable()


def test_librdkafka_gets_no_control_characters_but_a_pem_its_line_breaks() -> None:
    assert text_fault("a\tb c\N{LATIN SMALL LETTER E WITH ACUTE}") == ""
    assert text_fault("a\nb") == "character 2 is a line break"
    assert text_fault("a\0b") == "character 2 is NUL"
    assert text_fault("a\udcff") == "character 2 is not UTF-8"
    assert option_fault("ssl.key.pem", "-----BEGIN\r\nx\n") == ""
    assert option_fault("ssl.key.pem", "a\0b") == "character 2 is NUL"
    assert option_fault("ssl.key.pem", "a\x1bb") == "character 2 is a control character"
    assert option_fault("sasl.password", "a\nb") == "character 2 is a line break"


def test_a_secret_option_loses_its_line_ends_and_keeps_its_blanks() -> None:
    assert given_option("sasl.password", " p \r\n\n") == " p "
    assert given_option("ssl.key.password", "p\t\n") == "p\t"
    assert given_option("client.id", "c\n") == "c\n"


@pytest.mark.parametrize(
    ("option", "secret"),
    [
        ("sasl.password", True),
        ("sasl.username", True),
        ("ssl.key.password", True),
        ("ssl.key.pem", True),
        ("sasl.oauthbearer.client.secret", True),
        ("sasl.oauthbearer.config", True),
        ("sasl.mechanism", False),
        ("ssl.key.location", False),
        ("sasl.oauthbearer.method", False),
        ("sasl.password_file", False),
        ("client.id", False),
    ],
)
def test_which_options_hold_secrets(option: str, secret: bool) -> None:  # noqa: FBT001
    assert is_secret(option) is secret


# --- files ----------------------------------------------------------------------------------------


def refused(path: Path | str) -> str:
    with pytest.raises(ConfigError) as wrong:
        read_secret("[arize] api_key_file", str(path))
    (fault,) = wrong.value.faults
    assert fault.startswith("[arize] api_key_file = ")
    assert CANARY[:6] not in fault
    return fault


def test_a_file_is_stripped_also_behind_a_link(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "key").write_bytes(b"\xef\xbb\xbf " + CANARY.encode() + b"\r\n")
    (tmp_path / "key").symlink_to(tmp_path / "data" / "key")
    assert read_secret("key", str(tmp_path / "key")) == CANARY


def test_the_key_of_hashes_keeps_its_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"\xef\xbb\xbf" + CANARY.encode() + b"\n")
    assert read_secret("key", str(tmp_path / "key"), keep_bom=True) == f"\N{BYTE ORDER MARK}{CANARY}"


def test_files_that_are_no_secret(tmp_path: Path) -> None:
    assert "it is a directory" in refused(tmp_path)
    assert "No such file" in refused(tmp_path / "gone")
    (tmp_path / "latin").write_bytes(f"{CANARY}\N{LATIN SMALL LETTER E WITH ACUTE}".encode("latin-1"))
    assert refused(tmp_path / "latin").endswith("not UTF-8; save it as UTF-8")
    (tmp_path / "utf-16").write_bytes(CANARY.encode("utf-16"))
    assert "looks like UTF-16" in refused(tmp_path / "utf-16")
    (tmp_path / "empty").write_bytes(b"\xef\xbb\xbf\r\n")
    assert "it is empty" in refused(tmp_path / "empty")
    (tmp_path / "large").write_text(CANARY * 10_000)
    assert "larger than 64 KiB" in refused(tmp_path / "large")
    (tmp_path / "largest").write_text("x" * 64 * 1024)
    assert len(read_secret("key", str(tmp_path / "largest"))) == 64 * 1024
    assert "not usable" in refused("a\0b")


def test_a_pipe_and_a_device_are_refused_and_never_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "a pipe or a device" in refused(tmp_path / "pipe")
    assert "a pipe or a device" in refused("/dev/zero")
    read, write = os.pipe()
    try:
        assert "a pipe or a device" in refused(f"/dev/fd/{read}")  # as of <(command)
    finally:
        os.close(read)
        os.close(write)


def test_a_file_that_can_not_be_read(tmp_path: Path) -> None:
    (tmp_path / "key").symlink_to(tmp_path / "key")
    assert "can't be read: Too many levels of symbolic links" in refused(tmp_path / "key")


# --- texts ----------------------------------------------------------------------------------------


def test_a_text_loses_secrets_whole_and_in_pieces_and_keeps_the_names() -> None:
    clean = Scrubber([CANARY, "pw-sasl.password-9", "ab"], ["sasl.password", "sasl.mechanism"])
    assert clean(f'Invalid value "{CANARY}" for "sasl.mechanism"') == 'Invalid value "***" for "sasl.mechanism"'
    assert clean(f"{CANARY[3:9]} or {CANARY[:5]}") == f"*** or {CANARY[:5]}"
    assert clean('"sasl.password": ab, but not abc') == '"sasl.password": ***, but not abc'
    assert clean("pw-sasl.password-9") == "***"
    assert Scrubber([])("all of it") == "all of it"


def test_the_armour_of_a_pem_is_no_secret() -> None:
    clean = Scrubber([f"-----BEGIN PRIVATE KEY-----\n{CANARY}\n-----END PRIVATE KEY-----"])
    assert clean(f"Expecting: PRIVATE KEY, not {CANARY}") == "Expecting: PRIVATE KEY, not ***"


@given(st.text(min_size=6), st.text(), st.text())
def test_no_secret_survives(secret: str, before: str, after: str) -> None:
    for line in filter(None, (line.strip() for line in secret.splitlines())):
        if len(line) >= 6 and not line.startswith("-----") and "***" not in line:
            assert line not in Scrubber([secret])(before + line + after)


def test_a_login_in_an_address_is_removed() -> None:
    assert without_logins(f"single_host='user:{CANARY}@h' twice") == "single_host='***@h' twice"
    assert without_logins(f"https://u:{CANARY}@@h/x") == "***@h/x"
    assert without_logins("api.arize.com") == "api.arize.com"


def test_a_secret_file_that_can_not_be_read_is_named() -> None:
    with pytest.raises(ConfigError, match=r"\[kafka.options\] x_file = missing: can't be read: No such file"):
        read_secret("[kafka.options] x_file", "missing")
    Path("binary").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="not UTF-8"):
        read_secret("key", "binary")

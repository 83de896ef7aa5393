"""The framing of Confluent's serializers."""

import pytest

from tests.harness.formats import confluent, unwrapped, zstd

PLAIN = b'{"a": 1}'


def test_the_zero_byte_and_the_schema_id_are_skipped() -> None:
    assert unwrapped(confluent(PLAIN, 2**32 - 1), framing="confluent") == PLAIN


def test_schema_ids_are_checked_where_they_are_listed() -> None:
    assert unwrapped(confluent(PLAIN, 7), framing="confluent", schema_ids=(3, 7)) == PLAIN
    assert unwrapped(confluent(PLAIN, 8), framing="confluent", schema_ids=(3, 7)) == (
        "bad_framing", "[format] schema_ids: schema id 8 is not among them",
    )  # fmt: skip


@pytest.mark.parametrize("value", [b"", b"\0", b"\0\0\0\0", PLAIN, b"\1" + confluent(PLAIN)[1:]])
def test_what_is_not_framed_is_refused(value: bytes) -> None:
    code, detail = unwrapped(value, framing="confluent")
    assert code == "bad_framing"
    assert detail.startswith("[format] framing: ")


@pytest.mark.parametrize("value", [b"\x02\x06abc", b"\x00\x0a\x03abc", b"\xff", b"\x10\x01"])
def test_avro_and_protobuf_are_named(value: bytes) -> None:
    code, detail = unwrapped(confluent(value, 12), framing="confluent")
    assert code == "not_json"
    assert "schema id 12" in detail
    assert "Avro or Protobuf" in detail


@pytest.mark.parametrize("value", [b"", b" ", b"\n{}", b"nul", b"-", b"NaN"])
def test_whatever_may_begin_json_is_the_decoders(value: bytes) -> None:
    assert unwrapped(confluent(value), framing="confluent") == value


def test_a_compressed_value_may_be_framed() -> None:
    assert unwrapped(confluent(zstd(PLAIN)), framing="confluent", compression="zstd") == PLAIN
    assert unwrapped(confluent(b"\xef\xbb\xbf" + PLAIN), framing="confluent", skip_bom=True) == PLAIN


def test_a_schema_in_the_header_needs_no_framing() -> None:
    headers = [("__value_schema_id", b"\1" + bytes(16))]
    assert unwrapped(PLAIN, headers=headers, framing="confluent") == PLAIN
    assert unwrapped(PLAIN, headers=headers) == PLAIN
    code, detail = unwrapped(PLAIN, headers=headers, framing="confluent", schema_ids=(7,))
    assert code == "bad_framing"
    assert "GUID" in detail

"""Compressed values: whole, checked, and inflated within their bound."""

import gzip
import random
import tracemalloc
import zlib

import pyarrow as pa
import pytest

from tests.harness.formats import raw_deflate, unwrapped, zstd, zstd_of_unknown_size

PLAIN = b'{"a": "' + bytes(random.Random(1).choices(b"abcdefgh", k=300_000)) + b'"}'
MIB = 2**20
COMPRESSED = {
    "gzip": gzip.compress(PLAIN),
    "zstd": zstd(PLAIN),
    "zstd of unknown size": zstd_of_unknown_size(PLAIN),
    "zlib": zlib.compress(PLAIN),
    "raw": raw_deflate(PLAIN),
}
KINDS = {"gzip": "gzip", "zstd": "zstd", "zstd of unknown size": "zstd", "zlib": "deflate", "raw": "deflate"}
SKIPPABLE = b"\x5f\x2a\x4d\x18\x03\x00\x00\x00abc"


@pytest.mark.parametrize("name", COMPRESSED)
def test_a_value_is_inflated_exactly(name: str) -> None:
    assert unwrapped(COMPRESSED[name], compression=KINDS[name]) == PLAIN


@pytest.mark.parametrize("name", sorted(COMPRESSED.keys() - {"raw"}))
def test_auto_goes_by_the_first_bytes(name: str) -> None:
    assert unwrapped(COMPRESSED[name], compression="auto") == PLAIN


@pytest.mark.parametrize("value", [b"", b"{}", b"(", b"x", b"x{", b"\x1f", COMPRESSED["raw"], b"8", b" [1]"])
def test_auto_takes_other_values_as_they_are(value: bytes) -> None:
    assert unwrapped(value, compression="auto") == value


@pytest.mark.parametrize("name", COMPRESSED)
@pytest.mark.parametrize("cut", [1, 3, 9, 1_000])
def test_a_value_that_ends_too_early_is_refused(name: str, cut: int) -> None:
    value = COMPRESSED[name]
    for part in (value[:-cut], value[:cut], b""):
        code, detail = unwrapped(part, compression=KINDS[name])
        assert code == "bad_compression"
        assert detail.startswith("[format] compression: ")


@pytest.mark.parametrize("name", COMPRESSED)
@pytest.mark.parametrize("after", [b"\0", b"garbage that follows", b"\x1f", b"\x28\xb5", b"\x28\xb5\x2f\xfd"])
def test_trailing_bytes_are_refused(name: str, after: bytes) -> None:
    assert unwrapped(COMPRESSED[name] + after, compression=KINDS[name])[0] == "bad_compression"


@pytest.mark.parametrize(("value", "kind"), [(COMPRESSED["gzip"], "gzip"), (COMPRESSED["zlib"], "deflate")])
def test_a_checksum_that_does_not_hold_is_refused(value: bytes, kind: str) -> None:
    at = len(value) - 6 if kind == "gzip" else len(value) - 1
    damaged = value[:at] + bytes([value[at] ^ 1]) + value[at + 1 :]
    code, detail = unwrapped(damaged, compression=kind)
    assert code == "bad_compression"
    assert "incorrect data check" in detail


def test_a_zstd_checksum_that_does_not_hold_is_refused() -> None:
    # A frame of one raw block with its checksum, made by `zstd --check`: of "abc", and of something else.
    frame = bytes.fromhex("28b52ffd2403190000616263") + (0x44BC2CF5AD770999 & 0xFFFFFFFF).to_bytes(4, "little")
    assert unwrapped(frame, compression="zstd") == b"abc"
    assert unwrapped(frame.replace(b"abc", b"abd"), compression="zstd")[0] == "bad_compression"


@pytest.mark.parametrize("kind", ["gzip", "zstd", "deflate"])
def test_what_is_not_compressed_is_refused(kind: str) -> None:
    for value in (b'{"a": 1}', b"\xff" * 50, b""):
        assert unwrapped(value, compression=kind)[0] == "bad_compression"


def test_gzip_may_have_several_members_and_zstd_several_frames() -> None:
    parts = [PLAIN[:7], b"", PLAIN[7:]]
    assert unwrapped(b"".join(map(gzip.compress, parts)), compression="gzip") == PLAIN
    assert unwrapped(b"".join(map(zstd, parts)), compression="zstd") == PLAIN
    mixed = SKIPPABLE + zstd_of_unknown_size(parts[0]) + SKIPPABLE + zstd(parts[2]) + SKIPPABLE
    assert unwrapped(mixed, compression="auto") == PLAIN
    assert unwrapped(zlib.compress(parts[0]) + zlib.compress(parts[2]), compression="deflate")[0] == "bad_compression"


def test_zstd_frames_without_data_hold_no_message() -> None:
    assert unwrapped(SKIPPABLE, compression="zstd")[0] == "bad_compression"
    assert unwrapped(SKIPPABLE[:-1], compression="zstd")[0] == "bad_compression"
    assert unwrapped(zstd(b""), compression="zstd") == b""


def test_a_zstd_dictionary_and_a_reserved_block_are_refused() -> None:
    with_dictionary = bytes.fromhex("28b52ffd2101") + b"\3" + bytes.fromhex("190000616263")
    assert unwrapped(with_dictionary, compression="zstd") == (
        "bad_compression", "[format] compression: its zstd data was made with a dictionary",
    )  # fmt: skip
    assert unwrapped(bytes.fromhex("28b52ffd20031f0000616263"), compression="zstd")[0] == "bad_compression"


@pytest.mark.parametrize("name", COMPRESSED)
def test_the_bound_is_exact(name: str) -> None:
    kind = KINDS[name]
    assert unwrapped(COMPRESSED[name], compression=kind, max_inflated_bytes=len(PLAIN)) == PLAIN
    code, detail = unwrapped(COMPRESSED[name], compression=kind, max_inflated_bytes=len(PLAIN) - 1)
    assert (code, "[format] max_inflated_bytes" in detail) == ("inflated_size", True)


def _bomb(kind: str, size: int) -> bytes:
    """`size` zeros, compressed."""
    if kind == "gzip of members":
        return gzip.compress(bytes(MIB)) * (size // MIB)
    if kind.startswith("zstd"):
        frame = zstd_of_unknown_size(bytes(MIB)) if "unknown" in kind else zstd(bytes(MIB))
        return frame * (size // MIB) if "frames" in kind else _one_frame(size)
    writer = zlib.compressobj(9, zlib.DEFLATED, {"gzip": 31, "deflate": 15}[kind])
    return b"".join(writer.compress(bytes(MIB)) for _ in range(size // MIB)) + writer.flush()


def _one_frame(size: int) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        for _ in range(size // MIB):
            stream.write(bytes(MIB))
    compressed: bytes = sink.getvalue().to_pybytes()
    return compressed


@pytest.mark.parametrize(
    "kind", ["gzip", "gzip of members", "deflate", "zstd", "zstd of frames", "zstd of frames of unknown size"]
)
def test_a_bomb_takes_no_more_memory_than_the_bound_and_a_block(kind: str) -> None:
    limit = 2 * MIB
    bomb = _bomb(kind, 256 * MIB)
    assert len(bomb) < MIB
    unwrapped(bomb, compression="auto", max_inflated_bytes=limit)  # what is allocated once is there
    arrow = pa.default_memory_pool()
    proxy = pa.proxy_memory_pool(arrow)
    pa.set_memory_pool(proxy)
    tracemalloc.start()
    try:
        assert unwrapped(bomb, compression="auto", max_inflated_bytes=limit)[0] == "inflated_size"
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        pa.set_memory_pool(arrow)
    assert peak < limit * 9 / 8 + 4 * 64 * 1024 + len(bomb)
    assert (proxy.max_memory() or 0) < 4 * 64 * 1024 + len(bomb)


def test_a_zstd_window_beyond_the_bound_is_refused() -> None:
    # Of unknown size, with a window of 128 MiB and of 8 MiB.
    def frame(window: int) -> bytes:
        return bytes.fromhex("28b52ffd00") + bytes([(window - 10) << 3]) + bytes.fromhex("190000616263")

    assert unwrapped(frame(27), compression="zstd")[0] == "inflated_size"
    assert unwrapped(frame(23), compression="zstd", max_inflated_bytes=10) == b"abc"
    assert unwrapped(frame(27), compression="zstd", max_inflated_bytes=128 * MIB) == b"abc"


def test_a_frame_that_lies_about_its_size_is_refused() -> None:
    short, long = bytes.fromhex("28b52ffd2002190000616263"), bytes.fromhex("28b52ffd2004190000616263")
    assert unwrapped(short, compression="zstd")[0] == "bad_compression"
    assert unwrapped(long, compression="zstd")[0] == "bad_compression"

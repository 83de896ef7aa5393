"""A message that is not a JSON object is called by its name, with the option or the change that helps."""

import base64
import bz2
import gzip
import json
import lzma
import pickle
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.errors import DecodeError
from ingest.pipeline.decoding import diagnosis
from ingest.pipeline.decoding.parse import parse_object

JSON = json.dumps({"prediction_id": "SECRET", "city": "Zürich", "n": 1}, ensure_ascii=False)
ASCII = b'{"prediction_id": "SECRET", "n": 1}'
SECRET = "SECRET"
ZSTD = b"\x28\xb5\x2f\xfd\x04\x58\x19\x01\x00" + ASCII
MESSAGEPACK = b"\x82\xadprediction_id\xa6SECRET\xa5score\xcb?\xe0\x00\x00\x00\x00\x00\x00"
CBOR = b"\xa2\x6dprediction_id\x66SECRET\x65score\xf9\x38\x00"
PROTOBUF = b"\x0a\x06SECRET\x15\x00\x00\x00\x3f"
THRIFT = b"\x0b\x00\x01" + struct.pack(">I", 6) + b"SECRET\x04\x00\x02" + struct.pack(">d", 0.5) + b"\x00"
BSON_BODY = b"\x02id\x00\x07\x00\x00\x00SECRET\x00\x00"
BSON = struct.pack("<I", 4 + len(BSON_BODY)) + BSON_BODY


def detail(value: bytes) -> tuple[str, str]:
    with pytest.raises(DecodeError) as raised:
        parse_object(value)
    return raised.value.reason.code, raised.value.reason.detail


NOT_JSON = {
    "empty": (b"", "is empty"),
    "blanks": (b" \r\n", "nothing but blanks"),
    "gzip": (gzip.compress(ASCII), '[format] compression = "gzip"'),
    "zstd": (ZSTD, '[format] compression = "zstd"'),
    "zlib": (zlib.compress(ASCII), '[format] compression = "deflate"'),
    "zlib, best": (zlib.compress(ASCII, 9), '[format] compression = "deflate"'),
    "lz4": (b"\x04\x22\x4d\x18\x64\x40\xa7" + ASCII, "lz4, which no option takes"),
    "snappy": (b"\xff\x06\x00\x00sNaPpY\x01" + ASCII, "snappy, which no option takes"),
    "snappy of Java": (b"\x82SNAPPY\x00\x00\x00\x00\x01" + ASCII, "snappy, which no option takes"),
    "bzip2": (bz2.compress(ASCII), "bzip2"),
    "xz": (lzma.compress(ASCII), "xz"),
    "Avro container": (b"Obj\x01\x04\x16avro.schema", "an Avro container file"),
    "Parquet": (b"PAR1\x15\x04", "a Parquet file"),
    "Schema Registry, JSON": (b"\x00\x00\x00\x00\x07" + ASCII, '[format] framing = "confluent"'),
    "Schema Registry, large id": (b"\x00\x00\x01\x86\xa0" + ASCII, '[format] framing = "confluent"'),
    "Schema Registry, Avro": (b"\x00\x00\x00\x00\x07\x0cSECRET\x02", "Avro or Protobuf behind it"),
    "Apicurio": (b"\x00\x00\x00\x00\x00\x00\x00\x00\x07" + ASCII, "Apicurio"),
    "Glue": (b"\x03\x00" + bytes(range(16)) + ASCII, "AWS Glue"),
    "zeros": (b"\x00" * 40, "binary data"),
    "MessagePack": (MESSAGEPACK, "MessagePack"),
    "CBOR": (CBOR, "CBOR"),
    "Protobuf": (PROTOBUF, "Protobuf"),
    "Thrift": (THRIFT, "Thrift"),
    "BSON": (BSON, "BSON"),
    "pickle": (pickle.dumps({"a": SECRET}), "a pickled Python object"),
    "Java": (b"\xac\xed\x00\x05sr\x00\x11java.util.HashMap", "a serialized Java object"),
    "binary": (bytes(range(0x80, 0x100)) * 2, "binary data"),
    "utf-8 BOM": (b"\xef\xbb\xbf" + ASCII, "[format] skip_bom = true"),
    "utf-16 BOM": (JSON.encode("utf-16"), "UTF-16 with a byte order mark"),
    "utf-16 be BOM": (b"\xfe\xff" + JSON.encode("utf-16-be"), "UTF-16 with a byte order mark"),
    "utf-16-le": (JSON.encode("utf-16-le"), "UTF-16 without a byte order mark"),
    "utf-16-be": (JSON.encode("utf-16-be"), "UTF-16 without a byte order mark"),
    "utf-32": (JSON.encode("utf-32"), "UTF-32 with a byte order mark"),
    "utf-32-le": (JSON.encode("utf-32-le"), "UTF-32 without a byte order mark"),
    "utf-32-be": (JSON.encode("utf-32-be"), "UTF-32 without a byte order mark"),
    "latin-1": (JSON.encode("latin-1"), "looks like Latin-1"),
    "latin-1, far behind": (b'{"a": "' + b"x" * 5_000 + b'\xfc"}', "not UTF-8 at byte 5007; it looks like Latin-1"),
    "cut character": ('{"a": "ü'.encode()[:-1], "the message is cut off"),
    "CESU-8": (b'{"a": "\xed\xa0\xbd\xed\xb8\x80"}', "half of a surrogate pair"),
    "binary in a string": (b'{"a": "\x89PNG\x0d\x0a\x1a\x0a\x00\x00\xff"}', "binary data"),
    "base64": (base64.b64encode(ASCII), "base64 of JSON"),
    "base64 of gzip": (base64.b64encode(gzip.compress(ASCII)), "base64 of compressed data"),
    "JWT": (base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=") + b".eyJhIjoxfQ.x", "JSON Web Token"),
    "XML": (b"<?xml version='1.0'?><a>SECRET</a>", "it is XML"),
    "HTML": (b"<!DOCTYPE html><html>SECRET</html>", "it is HTML"),
    "CSV": (b"id,score\nSECRET,0.5\n", "looks like CSV"),
    "CSV of tabs": (b"id\tscore\nSECRET\t0.5\n", "looks like CSV"),
    "key=value": (b"prediction_id=SECRET score=0.5", "key=value"),
    "YAML": (b"prediction_id: SECRET\nscore: 0.5\n", "YAML"),
    "JSONP": (b"callback(" + ASCII + b")", "JSONP"),
    "JSON lines": (ASCII + b"\n" + ASCII, "one object per message"),
    "objects in a row": (ASCII + ASCII, "one object per message"),
    "trailing comma": (b'{"a": "SECRET",}', "a comma before a closing bracket"),
    "line comment": (b'{"a": 1 // SECRET\n}', "a comment"),
    "comment behind": (ASCII + b" # SECRET", "a comment"),
    "block comment": (b'{"a": 1 /* SECRET */}', "a comment"),
    "Python repr": (b"{'prediction_id': 'SECRET'}", "json.dumps"),
    "None": (b'{"a": None, "b": "SECRET"}', "None is Python's"),
    "True": (b'{"a": True}', "True is Python's"),
    "NaN": (b'{"a": NaN}', '[format] non_finite = "null"'),
    "nan": (b'{"a": nan}', '[format] non_finite = "null"'),
    "Infinity": (b'{"a": [1, Infinity]}', '[format] non_finite = "null"'),
    "-Infinity": (b'{"a": -Infinity}', '[format] non_finite = "null"'),
    "NaN behind others": (('{"ü": "' + "ü" * 900 + '", "b": NaN}').encode(), "non_finite"),
    "undefined": (b'{"a": undefined}', "undefined is JavaScript's"),
    "NaN alone": (b"NaN", '[format] non_finite = "null"'),
    "None alone": (b"None", "None is Python's"),
    "no quotes": (b"{prediction_id: 1}", "a key without double quotes, or none"),
    "cut off": (ASCII[:-4], "it is cut off"),
    "control character": (b'{"a": "SEC\nRET"}', "a control character"),
    "escape": (b'{"a": "\\x41SECRET"}', "begins no escape"),
    "half a pair": (b'{"a": "\\ud83d"}', "half of a surrogate pair"),
    "leading zero": (b'{"a": 017}', "a number in a form"),
    "plus": (b'{"a": +1}', "a number in a form"),
    "hexadecimal": (b'{"a": 0x1F}', "a number in a form"),
    "typographic": ("{\u201ca\u201d: 1}".encode(), "typographic quote"),
    "hard blank": ('{"a":\u00a01}'.encode(), "looks like a blank"),
}


@pytest.mark.parametrize("name", NOT_JSON)
def test_what_is_not_json_is_named_with_its_remedy(name: str) -> None:
    value, words = NOT_JSON[name]
    code, found = detail(value)
    assert code == "not_json"
    assert words in found
    assert SECRET not in found


NOT_AN_OBJECT = {
    "JSON in a string": (json.dumps(ASCII.decode()).encode(), "[format] json_string = true"),
    "base64 in a string": (json.dumps(base64.b64encode(ASCII).decode()).encode(), "holds base64"),
    "string": (b'"SECRET"', "a JSON string"),
    "array of objects": (b"[" + ASCII + b"," + ASCII + b"]", "[format] explode"),
    "array of values": (b'["SECRET", 1]', "a JSON array"),
    "empty array": (b"[]", "without any item"),
    "null": (b"null", "a tombstone"),
    "number": (b"17", "a JSON number"),
    "boolean": (b"true", "a JSON boolean"),
}


@pytest.mark.parametrize("name", NOT_AN_OBJECT)
def test_json_that_is_no_object_is_named_with_its_remedy(name: str) -> None:
    value, words = NOT_AN_OBJECT[name]
    code, found = detail(value)
    assert code == "not_an_object"
    assert words in found
    assert SECRET not in found


def test_plain_text_that_is_not_json_is_not_called_anything_else() -> None:
    for value in (b"hello", b"SECRET", b"some words of a log line", b"x^2", b"2024-01-01T00:00:00Z"):
        code, found = detail(value)
        assert code == "not_json"
        assert found.startswith("not valid JSON at character")


def test_a_broken_object_is_never_called_binary() -> None:
    for value in (b'{"a": "\x00\x01\x02"}', b'{"a" 1}', b'{"a": 1 "b": 2}', b'{"a": 1}}', b"{"):
        code, found = detail(value)
        assert (code, found.startswith("not valid JSON at character")) == ("not_json", True)


@given(st.binary(max_size=200))
def test_any_bytes_have_words_that_do_not_quote_them(value: bytes) -> None:
    for found in (diagnosis.not_json(value, 0, "words"), diagnosis.not_json(value, len(value), "words")):
        assert found.isprintable()
        assert found.isascii()
        assert len(found) < 300

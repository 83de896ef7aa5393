"""Malformed and extreme messages, each with what must become of it: a dead letter's reason, or a row value for value.

Every message that may arrive has columns of its own (`x...`), so that none of them decides the kind of another's
column. Those that must not fit do it in the columns of `GOOD`, whose kinds the good neighbours settle.
"""

import json
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

Row = dict[str, Any]

TIME_S = int(time.time()) - 3_600
TAG = "tag_region"
BASE: Row = {"prediction_ts": TIME_S, "prediction_label": "yes", "prediction_score": 0.5}


def good(number: int) -> Row:
    """A good neighbour: every column has a kind that nothing in the corpus may change."""
    return {
        "prediction_id": f"good {number}",
        **BASE,
        "amount": number + 0.25,
        "count": number,
        "big": 2**53 + 1 + number,
        "flag": number % 2 == 0,
        "city": f"Zürich {number}",
        "words": ["a", f"b{number}"],
        TAG: "eu",
    }


@dataclass(frozen=True)
class CorpusMessage:
    """One message. `reason` is its dead letter's code; else it arrives as `row`."""

    name: str
    value: bytes | None
    reason: str | None = None
    row: Row | None = None

    def __str__(self) -> str:
        return self.name


def messages() -> list[CorpusMessage]:
    """The corpus, names unique."""
    found = [*_broken(), *_truncated(), *_numbers(), *_strings(), *_keys(), *_nested(), *_kinds(), *_reserved()]
    twice = [name for name, count in Counter(message.name for message in found).items() if count > 1]
    assert not twice, f"names that stand twice in the corpus: {twice}"
    return found


def _text(name: str, fragment: str) -> str:
    """A good message with `fragment`, JSON text, for its last members."""
    return json.dumps({"prediction_id": name, **BASE}, ensure_ascii=False)[:-1] + f", {fragment}}}"


def _bad(name: str, reason: str, fragment: str | bytes) -> CorpusMessage:
    """A message that only `fragment` makes bad."""
    raw = fragment.encode() if isinstance(fragment, str) else fragment
    head, tail = _text(name, "\0").encode().split(b"\0")
    return CorpusMessage(name, head + raw + tail, reason)


def _fine(name: str, fragment: str | bytes, **row: Any) -> CorpusMessage:
    """A message that arrives; `row` are the columns that `fragment` makes."""
    return CorpusMessage(name, _bad(name, "", fragment).value, row={"prediction_id": name, **BASE, **row})


def _whole(name: str, value: bytes | None, reason: str) -> CorpusMessage:
    return CorpusMessage(name, value, reason)


# --- what is no JSON ------------------------------------------------------------------------------


def _broken() -> Iterator[CorpusMessage]:
    fine = _text("whole", '"city": "x"')
    yield _whole("tombstone", None, "tombstone")
    for name, value in {
        "empty": b"",
        "blank": b" \t\r\n",
        "NUL alone": b"\x00",
        "text": b"hello",
        "utf-8 BOM": b"\xef\xbb\xbf" + fine.encode(),
        "utf-16 with BOM": fine.encode("utf-16"),
        "utf-16-le": fine.encode("utf-16-le"),
        "utf-16-be": fine.encode("utf-16-be"),
        "utf-32": fine.encode("utf-32"),
        "BOM alone": b"\xef\xbb\xbf",
        "latin-1": _text("l", '"city": "Zürich"').encode("latin-1"),
        "two documents": fine.encode() + b"\n" + fine.encode(),
        "two documents with a comma": fine.encode() + b"," + fine.encode(),
        "two documents in a row": fine.encode() * 2,
        "record separator": b"\x1e" + fine.encode() + b"\n",
        "NUL behind": fine.encode() + b"\x00",
        "NUL before": b"\x00" + fine.encode(),
        "form feed before": b"\x0c" + fine.encode(),
        "no-break space behind": fine.encode() + "\u00a0".encode(),
        "line separator behind": fine.encode() + "\u2028".encode(),
        "a brace too many": fine.encode() + b"}",
        "a bracket behind": fine.encode() + b"]",
        "brackets that don't match": fine.encode()[:-1] + b"]",
        "an upload of Avro": b"\x00\x00\x00\x00\x07" + fine.encode(),
        "gzip": b"\x1f\x8b\x08\x00" + fine.encode(),
        "XML": b"<prediction id='1'/>",
        "CSV": b"id,score\n1,0.5\n",
        "YAML": b"prediction_id: 1\n",
        "JSONP": b"callback(" + fine.encode() + b")",
        "XSSI guard": b")]}',\n" + fine.encode(),
        "JavaScript": b"{prediction_id: 'x'}",
        "undefined": b"undefined",
        "True": b"True",
        "None": b"None",
        "bare NaN": b"NaN",
        "nothing but a brace": b"{",
        "closing brace": b"}",
        "nothing but a quote": b'"',
        "nothing but a minus": b"-",
        "comma": b",",
        "colon": b":",
        "object with a comma alone": b"{,}",
        "object with a value alone": b"{1}",
        "a key alone": b'{"a"}',
        "unclosed brackets": b"[" * 1_000,
        "unclosed braces": b'{"a":' * 1_000,
        "a megabyte of text": b"x" * 900_000,
        "a megabyte of blanks": b" " * 900_000,
        "a megabyte of NUL": b"\x00" * 900_000,
    }.items():
        yield _whole(name, value, "not_json")
    for name, value in {
        "empty array": b"[]",
        "array": b"[" + fine.encode() + b"]",
        "array of numbers": b"[1, 2]",
        "string": b'"hello"',
        "number": b"17",
        "float": b"1.5",
        "true": b"true",
        "false": b"false",
        "null": b"null",
        "empty string": b'""',
        "null with blanks": b" null\n",
        "1,024 brackets": b"[" * 1_024 + b"]" * 1_024,
    }.items():
        yield _whole(f"top: {name}", value, "not_an_object")
    yield _whole("100,000 unclosed brackets", b"[" * 100_000, "nested_too_deep")
    yield _whole("100,000 unclosed braces", b'{"a":' * 100_000, "nested_too_deep")
    yield _whole("1,025 brackets", b"[" * 1_025 + b"]" * 1_025, "nested_too_deep")
    yield _whole("100,000 brackets", b"[" * 100_000 + b"]" * 100_000, "nested_too_deep")
    for name, fragment in {
        "trailing comma": '"x": 1,',
        "leading comma": ', "x": 1',
        "two commas": '"x": 1,, "y": 2',
        "trailing comma in a list": '"x": ["a",]',
        "comma alone in a list": '"x": [,]',
        "no comma": '"x": 1 "y": 2',
        "no comma in a list": '"x": ["a" "b"]',
        "no colon": '"x" 1',
        "two colons": '"x":: 1',
        "semicolon": '"x": 1; "y": 2',
        "equals": '"x" = 1',
        "no value": '"x": ',
        "no value before a comma": '"x": , "y": 1',
        "no key": ": 1",
        "line comment": '"x": 1 // one\n',
        "block comment": '"x": /* one */ 1',
        "hash comment": '"x": 1 # one\n',
        "single quotes": "'x': 1",
        "single-quoted value": "\"x\": 'a'",
        "typographic quotes": "“x”: 1",
        "bare key": "x: 1",
        "number for a key": "1: 1",
        "null for a key": "null: 1",
        "list for a key": '["x"]: 1',
        "bare value": '"x": yes',
        "unclosed string": '"x": "a',
        "unclosed list": '"x": ["a"',
        "unclosed object": '"x": {"a": 1',
        "wrong bracket": '"x": ["a"}',
        "tab in a string": '"x": "a\tb"',
        "newline in a string": '"x": "a\nb"',
        "return in a string": '"x": "a\rb"',
        "U+0001 in a string": '"x": "a\x01b"',
        "escape in a string": '"x": "a\x1bb"',
        "tab in a key": '"x\ty": 1',
        "unknown escape": r'"x": "\x41"',
        "escaped quote at the end": r'"x": "a\"',
        "octal escape": r'"x": "\101"',
        "escape of one digit": r'"x": "\u1"',
        "escape of three digits": r'"x": "\u123"',
        "escape of no hex digits": r'"x": "\u12g4"',
        "escape with braces": r'"x": "\u{1F600}"',
        "escaped newline": '"x": "a\\\nb"',
        "lone high surrogate escaped": r'"x": "\ud800"',
        "lone low surrogate escaped": r'"x": "\udc00"',
        "surrogates escaped the wrong way round": r'"x": "\udc00\ud800"',
        "high surrogate and a letter": r'"x": "\ud800a"',
        "two high surrogates": r'"x": "\ud800\ud800"',
        "lone surrogate in a key": r'"x\ud800": 1',
        "lone surrogate in a list": r'"x": ["\udfff"]',
        "NaN": '"x": NaN',
        "nan": '"x": nan',
        "Infinity": '"x": Infinity',
        "-Infinity": '"x": -Infinity',
        "inf": '"x": inf',
        "NaN in a list": '"x": [NaN]',
        "leading zero": '"x": 01',
        "two zeros": '"x": 00',
        "negative leading zero": '"x": -01',
        "leading plus": '"x": +1',
        "minus alone": '"x": -',
        "two minuses": '"x": --1',
        "minus and a blank": '"x": - 1',
        "hexadecimal": '"x": 0x1F',
        "octal": '"x": 0o17',
        "binary": '"x": 0b1',
        "underscores": '"x": 1_000',
        "thousands": '"x": 1,000',
        "decimal comma": '"x": 1,5',
        "leading point": '"x": .5',
        "trailing point": '"x": 5.',
        "point before the exponent": '"x": 5.e1',
        "two points": '"x": 1.2.3',
        "exponent without digits": '"x": 1e',
        "exponent with a sign alone": '"x": 1e+',
        "exponent with a point": '"x": 1e1.5',
        "suffix": '"x": 1L',
        "float suffix": '"x": 1.5f',
        "percent": '"x": 50%',
        "Arabic digits": '"x": ١٢٣',
        "full-width digits": '"x": \uff11',
        "true in capitals": '"x": TRUE',
        "True of Python": '"x": True',
        "None of Python": '"x": None',
        "undefined for a value": '"x": undefined',
        "tru": '"x": tru',
        "nul": '"x": nul',
        "no-break space between": '"x":\u00a01',
        "zero-width space between": '"x":\u200b1',
        "BOM between": '"x":\ufeff1',
        "vertical tab between": '"x":\x0b1',
    }.items():
        yield _bad(f"syntax: {name}", "not_json", fragment)
    for name, raw in {
        "lone continuation": b"\x80",
        "two continuations": b"\x80\xbf",
        "overlong slash": b"\xc0\xaf",
        "overlong NUL": b"\xc0\x80",
        "overlong of three bytes": b"\xe0\x80\xaf",
        "overlong of four bytes": b"\xf0\x80\x80\xaf",
        "high surrogate": b"\xed\xa0\x80",
        "low surrogate": b"\xed\xb0\x80",
        "surrogate pair (CESU-8)": b"\xed\xa0\xbd\xed\xb8\x80",
        "past U+10FFFF": b"\xf4\x90\x80\x80",
        "five bytes": b"\xf8\x88\x80\x80\x80",
        "six bytes": b"\xfc\x84\x80\x80\x80\x80",
        "FE": b"\xfe",
        "FF": b"\xff",
        "cut off after one of two": b"\xc3",
        "cut off after two of three": b"\xe2\x82",
        "cut off after three of four": b"\xf0\x9f\x98",
        "broken off by a letter": b"\xe2\x82a",
    }.items():
        yield _bad(f"utf-8: {name}", "not_json", b'"x": "' + raw + b'"')
    yield _bad("utf-8: in a key", "not_json", b'"x\xff": 1')
    yield _bad("utf-8: in a list", "not_json", b'"x": ["\xff"]')
    yield _bad("utf-8: outside of strings", "not_json", b'"x": \xff')


def _truncated() -> Iterator[CorpusMessage]:
    """A message with everything in it, cut off behind every token and within those of several bytes."""
    text = '{"prediction_id": "é\\n", "prediction_ts": -1.5e+3, "t": true, "n": null, "o": {"l": ["😀", [1], {}]}}'
    raw = text.encode()
    marks = b'{}[]:,"\\-.+e \xc3\xf0tun'
    cuts = {1, len(raw) - 1, *(place + after for place, byte in enumerate(raw) if byte in marks for after in (0, 1))}
    for cut in sorted(cuts - {0, len(raw)}):
        yield _whole(f"cut off after {cut} bytes", raw[:cut], "not_json")


# --- numbers --------------------------------------------------------------------------------------


def _numbers() -> Iterator[CorpusMessage]:
    for number in (
        0, 1, -1, 2**31 - 1, 2**31, 2**32, 2**53 - 1, 2**53, 2**53 + 1, -(2**53) - 1, 2**63 - 1, -(2**63), 10**18
    ):  # fmt: skip
        yield _fine(f"integer {number}", f'"x{number}": {number}', **{f"x{number}": number})
    yield _fine("integer -0", '"x-0": -0', **{"x-0": 0})
    for text in (
        str(2**63), str(2**63 + 1), str(-(2**63) - 1), str(2**64 - 1), str(2**64), str(2**64 + 1), str(10**25),
        str(-(10**25)), "9" * 308, "1" + "0" * 400, "-1" + "0" * 400, "9" * 5_000,
    ):  # fmt: skip
        short = f"{text[:24]} of {len(text)} characters"
        yield _bad(f"integer {short}", "integer_past_64_bits", f'"x": {text}')
        yield _bad(f"integer {short} among floats", "integer_past_64_bits", f'"amount": {text}')
    yield _bad("integer 2**64 in a list", "unsupported_list", f'"x": [{2**64}]')
    yield _bad("integer 2**53 + 1 among floats", "type_conflict", f'"amount": {2**53 + 1}')
    for text in (
        "0.0", "-0.0", "0e0", "0E+0", "-0e-9", "1.0", "1e0", "1E5", "1e+5", "1.5e-5", "5e-324", "-5e-324",
        "2.2250738585072014e-308", "2.225073858507201e-308", "1.7976931348623157e308", "-1.7976931348623157e308",
        "0.1", "0.30000000000000004", "9007199254740993.0", "1e22", "1e23", "123456789012345678901234567890.5",
        "9223372036854775808.0", "1.8446744073709552e19", "3.141592653589793238462643383279502884197",
        "0." + "0" * 400 + "1e401", "1" + "0" * 300 + "e-300", "1e-400", "4.9406564584124654e-324",
        "0.1000000000000000055511151231257827021181583404541015625", "1.0000000000000002220446049250313",
    ):  # fmt: skip
        column = f"x{text[:40]}"
        yield _fine(f"float {text[:40]}", f'"{column}": {text}', **{column: float(text)})
    for text in ("1e400", "-1e400", "1e309", "1.7976931348623159e308", "1E+999999999999", "9" * 400 + ".5"):
        yield _bad(f"float {text[:30]}", "number_range", f'"x": {text}')
    yield _bad("float 1e400 in a list", "number_range", '"x": [1e400]')
    yield _bad("float 1e400 in an object", "number_range", '"x": {"y": -1e400}')
    yield _bad("float 1e400 in amount", "number_range", '"amount": 1e400')
    yield _fine("integers among floats", '"amount": 9007199254740992', amount=2.0**53)


# --- strings --------------------------------------------------------------------------------------


def _strings() -> Iterator[CorpusMessage]:
    strings = {
        "empty": "",
        "blank": " ",
        "NUL": "\x00",
        "NUL within": "a\x00b",
        "all control characters": "".join(map(chr, range(32))),
        "delete": "\x7f",
        "C1 controls": "".join(map(chr, range(0x80, 0xA0))),
        "quote and backslash": '"\\/',
        "colon and quote": '":": "',
        "looks like JSON": '{"a": 1, "a": 2}',
        "true": "true",
        "null": "null",
        "NaN": "NaN",
        "number": "1",
        "big number": "9" * 40,
        "right to left": "\u05e9\u05dc\u05d5\u05dd",
        "right-to-left override": "\u202eevil\u202c",
        "combining": "e\u0301",
        "precomposed": "\u00e9",
        "many combining": "a" + "\u0301" * 1_000,
        "emoji": "😀",
        "emoji family": "👨\u200d👩\u200d👧\u200d👦",
        "flag": "🇨🇭",
        "skin tone": "👍🏽",
        "zero width": "\u200b\u200c\u200d\ufeff",
        "line separators": "\u2028\u2029\u0085",
        "private use": "\ue000\U000f0000",
        "noncharacters": "\ufffe\uffff\U0010ffff",
        "replacement": "\ufffd",
        "last before the surrogates": "\ud7ff\ue000",
        "Chinese beyond the plane": "𠜎",
        "Turkish": "İıŞ",
        "ligature": "ﬁ",
        "long": "x" * 100_000,
        "long of four bytes": "😀" * 25_000,
        "long of quotes": '"' * 50_000,
    }
    for name, text in strings.items():
        column = f"x{name}"
        yield _fine(f"string {name}", f'"{column}": {json.dumps(text, ensure_ascii=False)}', **{column: text})
        escaped = "".join(f"\\u{unit:04x}" for unit in _utf16(text)) if len(text) < 5_000 else text.replace('"', '\\"')
        yield _fine(f"string {name} escaped", f'"{column}": "{escaped}"', **{column: text})
    yield _fine("string in upper-case escapes", r'"x upper": "\u00E9\uD83D\uDE00"', **{"x upper": "é😀"})
    yield _fine("string with every short escape", r'"x short": "\"\\\/\b\f\n\r\t"', **{"x short": '"\\/\b\f\n\r\t'})
    yield _fine("string of nearly a megabyte", f'"city": "{"ü" * 470_000}"', city="ü" * 470_000)
    yield _fine("tag of 20,000 characters", f'"{TAG}": "{"ü" * 20_000}"', **{TAG: "ü" * 20_000})
    yield _bad("tag of 20,001 characters", "tag_length", f'"{TAG}": "{"x" * 20_001}"')


def _utf16(text: str) -> list[int]:
    raw = text.encode("utf-16-be")
    return [raw[at] << 8 | raw[at + 1] for at in range(0, len(raw), 2)]


# --- keys -----------------------------------------------------------------------------------------


def _keys() -> Iterator[CorpusMessage]:
    for name, fragment in {
        "at the top": '"city": "a", "city": "b"',
        "with equal values": '"city": "a", "city": "a"',
        "with a null": '"city": null, "city": "a"',
        "three times": '"city": "a", "city": "b", "city": "c"',
        "escaped": r'"\u0063ity": "a", "city": "b"',
        "escaped twice": r'"\u0063ity": "a", "\u0063\u0069ty": "b"',
        "escaped in two ways": r'"\/": 1, "\u002f": 1',
        "escaped emoji": r'"😀": 1, "\ud83d\ude00": 1',
        "far apart": '"city": "a", "x": {"y": ["z"]}, "city": "b"',
        "with blanks": '"city" \n\t: "a" , "city"  :  "b"',
        "nested": '"x": {"a": 1, "a": 2}',
        "nested and escaped": r'"x": {"a": 1, "\u0061": 2}',
        "two objects of one name": '"x": {"a": 1}, "x": {"b": 2}',
        "object and value": '"x": {"a": 1}, "x": 2',
        "deep": '"x": {"y": {"z": {"a": 1, "a": 2}}}',
        "in an object of a list": '"x": [{"a": 1, "a": 2}]',
        "an empty object twice": '"x": {}, "x": {}',
        "of other quotes in strings": r'"x": "\":", "city": "a", "city": "b"',
        "the id": '"prediction_id": "again"',
        "the timestamp": f'"prediction_ts": {TIME_S}',
    }.items():
        yield _bad(f"duplicate key {name}", "duplicate_key", fragment)
    for name, fragment in {
        "dotted and nested": '"x.a": 1, "x": {"a": 2}',
        "nested and dotted": '"x": {"a": 2}, "x.a": 1',
        "two levels": '"x": {"a.b": 1, "a": {"b": 2}}',
        "dotted, nested, null": '"x.a": null, "x": {"a": 2}',
    }.items():
        yield _bad(f"ambiguous key {name}", "ambiguous_key", fragment)
    yield _bad("empty key", "empty_key", '"": 1')
    yield _bad("empty key with a null", "empty_key", '"": null')
    yield _bad("empty key nested", "empty_key", '"x": {"": 1}')
    yield _bad("empty key in a list", "unsupported_list", '"x": [{"": 1}]')
    keys = {
        "blank": " ",
        "a point": ".",
        "points": "..x..",
        "NUL": "x\x00",
        "control characters": "x\x01\x1f",
        "newline": "x\ny",
        "quote": 'x"y',
        "backslash": "x\\y",
        "slash": "x/y",
        "emoji": "x😀",
        "right to left": "x\u05e9\u05dc",
        "combining": "xe\u0301",
        "precomposed": "x\u00e9",
        "line separator": "x\u2028",
        "zero width": "x\u200b",
        "upper case": "CITY",
        "title case": "City",
        "a star": "x*",
        "brackets": "x[0]",
        "a number": "0",
        "null": "null",
        "index": "index",
        "pandas' index": "__index_level_0__",
        "pandas' level": "level_0",
        "dunder": "__class__",
        "prototype": "__proto__",
        "SQL": "x'; drop table x; --",
        "comma": "x,y",
        "10,000 characters": "x" * 10_000,
        "10,000 characters of four bytes": "😀" * 10_000,
    }
    for name, key in keys.items():
        yield _fine(f"key {name}", f"{json.dumps(key, ensure_ascii=False)}: 1", **{key: 1})
        yield _fine(f"key {name} in an object", f'"x o": {{{json.dumps(key)}: 1}}', **{f"x o.{key}": 1})
    many = {f"x many {number}": number for number in range(900)}
    yield _fine("900 keys", json.dumps(many)[1:-1], **many)
    more = {f"x more {number}": number for number in range(10_000)}
    yield _bad("10,000 keys", "too_many_columns", json.dumps(more)[1:-1])
    yield _bad("10,000 keys in an object", "too_many_columns", f'"x": {json.dumps(more)}')
    yield _fine("null under a new key", '"x null": null')
    yield _fine("nulls everywhere", '"amount": null, "count": null, "city": null, "words": null, "flag": null')


# --- nesting --------------------------------------------------------------------------------------


def _nested() -> Iterator[CorpusMessage]:
    yield _whole("empty object", b"{}", "empty_object")
    yield _whole("empty object with blanks", b" { } ", "empty_object")
    yield _whole("objects of nothing", b'{"a": {"b": {}}}', "missing_column")
    yield _fine("an empty object", '"x empty": {}')
    yield _fine("an empty object within", '"x inner": {"a": {}, "b": 1}', **{"x inner.b": 1})
    yield _fine("nested", '"x n": {"a": {"b": "c", "d": [""]}}', **{"x n.a.b": "c", "x n.a.d": [""]})
    deep = "x deep" + ".a" * 30
    yield _fine("nested 31 deep", '"x deep":' + '{"a":' * 30 + "1" + "}" * 30, **{deep: 1})
    for depth in (33, 100, 1_000, 1_022):
        yield _bad(f"nested {depth} deep", "nested_too_deep", '"x":' + '{"a":' * depth + "1" + "}" * depth)
        listed = '{"a":' + "[" * depth + "]" * depth + "}"
        yield _bad(f"a list nested {depth} deep in an object", "nested_too_deep", f'"x": {listed}')
    for depth in (1_024, 1_025, 100_000):
        yield _bad(f"nested {depth} deep", "nested_too_deep", '"x":' + '{"a":' * depth + "1" + "}" * depth)
        yield _bad(f"a list nested {depth} deep", "nested_too_deep", '"x":' + "[" * depth + "]" * depth)
    yield _bad("a list nested 100 deep", "unsupported_list", '"x":' + "[" * 100 + "]" * 100)
    yield _bad("a list nested 1,000 deep", "unsupported_list", '"x":' + "[" * 1_000 + "]" * 1_000)


# --- values of other kinds ------------------------------------------------------------------------


def _kinds() -> Iterator[CorpusMessage]:
    for column, others in {
        "amount": ('"1.5"', "true", '["a"]'),
        "count": ('"1"', "false", "[]"),
        "big": ('"x"', "0.5", "true"),
        "flag": ("1", "0", '"true"', "0.0"),
        "city": ("1", "1.5", "true", '["a"]'),
        "words": ('"a"', "1", "true"),
    }.items():
        for other in others:
            yield _bad(f"{column} holds {other}", "type_conflict", f'"{column}": {other}')
    for other in ("[1]", '["a", 1]', "[1, 2.5]", "[true]", "[[]]", '[["a"]]', "[{}]", '["a", {}]', "[null, 1]"):
        yield _bad(f"a list {other}", "unsupported_list", f'"x": {other}')
        yield _bad(f"words holds {other}", "unsupported_list", f'"words": {other}')
    yield _fine("a list of nulls", '"x nulls": [null, null]', **{"x nulls": [None, None]})
    yield _fine("an empty list", '"x none": []', **{"x none": []})
    yield _fine("a list with a null", '"words": ["a", null, ""]', words=["a", None, ""])
    yield _fine("a list of oddities", r'"words": ["\u0000", "é", "\ud83d\ude00"]', words=["\x00", "é", "😀"])
    yield _fine("a list of 20,000", f'"words": {json.dumps(["w"] * 20_000)}', words=["w"] * 20_000)
    yield _fine("an object where a string was", '"city": {"name": 1}', **{"city.name": 1})


# --- the columns that mean something --------------------------------------------------------------


def _row(name: str, reason: str, change: Row) -> CorpusMessage:
    """A message whose only fault is in a reserved column; Ellipsis takes one away."""
    row = {"prediction_id": name, **BASE, **change}
    return CorpusMessage(
        name, json.dumps({key: value for key, value in row.items() if value is not ...}).encode(), reason
    )


def _reserved() -> Iterator[CorpusMessage]:
    yield _row("id: absent", "missing_column", {"prediction_id": ...})
    yield _row("id: null", "missing_column", {"prediction_id": None})
    yield _row("id: empty", "id_length", {"prediction_id": ""})
    yield _row("id: 513 characters", "id_length", {"prediction_id": "x" * 513})
    yield _row("id: 513 characters of four bytes", "id_length", {"prediction_id": "😀" * 513})
    yield _row("id: a megabyte", "id_length", {"prediction_id": "x" * 900_000})
    number = {"prediction_id": 5, **BASE}
    yield CorpusMessage("id: integer", json.dumps(number).encode(), row=number | {"prediction_id": "5"})
    yield _row("id: float", "wrong_type", {"prediction_id": 1.5})
    yield _row("id: boolean", "wrong_type", {"prediction_id": True})
    yield _row("id: list", "wrong_type", {"prediction_id": ["a"]})
    yield _row("id: object", "missing_column", {"prediction_id": {"a": 1}})
    yield _row("id: empty object", "missing_column", {"prediction_id": {}})
    for name, key in {"512 characters": "ü" * 512, "emoji": "😀" * 512, "NUL": "\x00", "blank": " "}.items():
        row = {"prediction_id": key, **BASE}
        yield CorpusMessage(f"id: {name}", json.dumps(row).encode(), row=row)
    times: dict[str, tuple[Any, str]] = {
        "absent": (..., "missing_column"),
        "null": (None, "missing_column"),
        "0": (0, "timestamp_range"),
        "-1": (-1, "timestamp_range"),
        "seven years ago": (TIME_S - 7 * 365 * 86_400, "timestamp_range"),
        "two years ahead": (TIME_S + 2 * 365 * 86_400, "timestamp_range"),
        "year 2262": (2**33 + 2**32, "timestamp_range"),
        "2**63 - 1": (2**63 - 1, "timestamp_range"),
        "-2**63": (-(2**63), "timestamp_range"),
        "2**64": (2**64, "integer_past_64_bits"),
        "a date long ago": ("1999-07-20", "timestamp_range"),
        "a month": ("2026-07", "bad_timestamp"),
        "digits in quotes": (str(TIME_S), "bad_timestamp"),
        "empty text": ("", "bad_timestamp"),
        "true": (True, "wrong_type"),
        "a list": ([], "wrong_type"),
        "an object": ({"$date": TIME_S}, "missing_column"),
    }
    for name, (value, reason) in times.items():
        yield _row(f"timestamp: {name}", reason, {"prediction_ts": value})
    at = datetime.fromtimestamp(TIME_S, UTC)
    units: dict[str, Any] = {
        "milliseconds": TIME_S * 1_000,
        "milliseconds as a float": TIME_S * 1_000.0,
        "microseconds": TIME_S * 1_000_000,
        "nanoseconds": TIME_S * 1_000_000_000,
        "ISO 8601": at.isoformat(),
        "ISO 8601 in short": f"{at:%Y%m%dT%H%M%Sz}",
    }
    for name, value in units.items():
        row = {"prediction_id": f"timestamp: {name}", **BASE}
        yield CorpusMessage(f"timestamp: {name}", json.dumps(row | {"prediction_ts": value}).encode(), row=row)
    yield _row("label: number", "type_conflict", {"prediction_label": 5})
    yield _row("label: boolean", "type_conflict", {"prediction_label": True})
    yield _row("label: list", "wrong_type", {"prediction_label": ["yes"]})
    yield _row("score: text", "wrong_type", {"prediction_score": "0.5"})
    yield _row("score: boolean", "wrong_type", {"prediction_score": True})
    yield _row("score: list", "wrong_type", {"prediction_score": ["a"]})
    yield _row("tag: list", "wrong_type", {TAG: ["eu"]})
    yield _row("tag: number", "type_conflict", {TAG: 5})
    nothing = {"prediction_label": ..., "prediction_score": ...}
    yield _row("no prediction", "no_prediction", nothing)
    yield _row("prediction of nulls", "no_prediction", dict.fromkeys(nothing))
    yield _row("a feature that ends in _shap", "reserved_name", {"age_shap": 0.5})
    label = {"prediction_id": "label alone", **BASE}
    del label["prediction_score"]
    yield CorpusMessage("label alone", json.dumps(label).encode(), row=label)
    actual = {"prediction_id": "actual alone", "prediction_ts": TIME_S, "actual_label": "no"}
    yield CorpusMessage("actual alone", json.dumps(actual).encode(), row=actual)

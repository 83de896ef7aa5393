"""Values on the edge of what JSON, Arrow and the product keep apart, and how exactly two values agree."""

from datetime import datetime
from typing import Any

# Integers around the last one that a double, a signed and an unsigned 64-bit integer hold.
EDGES = [0, 1, -1, 2**53 - 1, 2**53, 2**53 + 1, -(2**53), -(2**53) - 1]
EDGES += [2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 2**64 - 1, 2**64, 10**25]

# Messages that are dead letters by themselves: not valid JSON, not an object, duplicate or empty keys, too deep.
BROKEN_VALUES: list[bytes | None] = [
    None, b"", b" ", b"{", b"}", b"{}x", b"[]", b"[1]", b"1", b'"a"', b"null", b"true", b"\xef\xbb\xbf{}",
    b'{"a":NaN}', b'{"a":Infinity}', b'{"a":-Infinity}', b'{"a":1e400}', b'{"a":\xff}', b'{"a":"\xff"}',
    b'{"a":"\\ud800"}', b'{"\\udfff":1}', b'{"a":01}', b'{"a":1,}', b"{'a':1}", b'{"a":1},{"b":2}',
    b'{"a":1}{"a":2}',
    b'{"a":1 "b":2}', b'{"a"}', b'{"a":"\n"}', b'{"a":.5}', b'{"a":+1}', b'{"a":"x"', b"\x00", b'{"a":1}\x00',
    b'{"a":1,"a":2}', b'{"a":1,"\\u0061":1}', b'{"a":{"b":1,"b":1}}', b'{"a" :1,"a"\n\t:1}', b'{"a":null,"a":1}',
    b"[" * 1100 + b"]" * 1100, b'{"a":' * 1020 + b"1" + b"}" * 1020, b'{"":1}', b'{"":null,"a":1}',
]  # fmt: skip


def seconds(value: Any) -> Any:
    """Seconds since 1970 of a timestamp; any other value as it is."""
    return value.timestamp() if isinstance(value, datetime) else value


def same(read: Any, wanted: Any) -> bool:
    """Type for type; an integer may stand in a float column if the float is that integer."""
    if type(read) is float and type(wanted) is int:
        return read.is_integer() and int(read) == wanted
    if type(read) is not type(wanted):
        return False
    if type(read) is float:
        return bool(read.hex() == wanted.hex())  # tells -0.0 from 0.0
    if type(read) is list:
        return len(read) == len(wanted) and all(map(same, read, wanted))
    return bool(read == wanted)

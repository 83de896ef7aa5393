"""Tensors as KServe v2, Triton, MLServer and Seldon write them: the columns of each index of the first dimension.

Rules
1. There is a list of tensors {name, shape, data}, or a single one {shape, values}. The data are flat, in row-major
   order, or nested; their number is the product of the shape. All tensors have the same first dimension.
2. A single value of a row is a column with the tensor's name; several are a list. Of an only tensor for which there are
   names, they are columns with these.
3. The fields datatype and parameters describe the data, and are no data: JSON tells numbers from texts by itself.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any

from ingest.errors import DecodeError
from ingest.pipeline.decoding.raw_text import Number
from ingest.reasons import Reason

Columns = dict[str, Any]


def of_tensors(path: str, value: Any, prefix: str, names: Sequence[str]) -> Iterator[Columns]:
    """The columns of each row. Raises DecodeError (bad_tensor, item_length, unequal_arrays)."""
    tensors = value if isinstance(value, list) else [value]
    if not tensors:
        return iter(())
    columns: dict[str, Sequence[Any]] = {}
    lengths: set[int] = set()
    for number, tensor in enumerate(tensors):
        name, rows = _tensor(f"{path}.{number}" if isinstance(value, list) else path, tensor, path)
        lengths.add(len(rows))
        if names and len(tensors) == 1:
            if len(names) != len(rows[0] if rows else names):
                detail = f'a row of "{path}" has {len(rows[0]):,} values for {len(names):,} names'
                raise DecodeError(Reason("item_length", detail))
            columns |= {f"{prefix}{each}": [row[at] for row in rows] for at, each in enumerate(names)}
            continue
        if f"{prefix}{name}" in columns:
            raise DecodeError(Reason("bad_tensor", f'"{path}" has two tensors of the same name'))
        columns[f"{prefix}{name}"] = [row[0] if len(row) == 1 else row for row in rows]
    if len(lengths) > 1:
        raise DecodeError(Reason("unequal_arrays", f'the tensors of "{path}" have different first dimensions'))
    return (dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True))


def _tensor(where: str, tensor: Any, path: str) -> tuple[str, Sequence[Sequence[Any]]]:
    """The name of a tensor, and its rows, each flat. Raises DecodeError (bad_tensor)."""

    def bad(why: str) -> DecodeError:
        return DecodeError(Reason("bad_tensor", f'"{where}" is no tensor: {why}'))

    if not isinstance(tensor, dict):
        raise bad("it is not an object")
    name = tensor.get("name", path.rpartition(".")[2])
    if not isinstance(name, str) or not name:
        raise bad("its name is not a text")
    shape = _shape(tensor.get("shape"))
    if not shape:
        raise bad("its shape is not a list of positive integers")
    data = tensor.get("data", tensor.get("values"))
    if not isinstance(data, list):
        raise bad("its data is not a list; binary data is not JSON")
    flat: list[Any] = list(_flat(data))
    if len(flat) != math.prod(shape):
        raise bad(f"its data has {len(flat):,} values, its shape {math.prod(shape):,}")
    width = math.prod(shape[1:])
    return name, [flat[begin : begin + width] for begin in range(0, len(flat), width)]


def _shape(shape: Any) -> list[int]:
    """The dimensions; none if it is no shape of at least one value. The first may be 0: no prediction."""
    if not isinstance(shape, list) or not shape:
        return []
    found = [int(each) if isinstance(each, Number) and each.isdecimal() else each for each in shape]
    if any(type(each) is not int or each < 0 for each in found) or 0 in found[1:]:
        return []
    return found


def _flat(data: Any) -> Iterator[Any]:
    for each in data:
        if isinstance(each, list):
            yield from _flat(each)
        else:
            yield each

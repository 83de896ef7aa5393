"""Validates boxes and polygons as the SDK does, but a whole column together.

Rules (arize 8.61, batch_validation/validator.py)
1. A box is 4 numbers, none negative, its second corner right of and below its first.
2. A polygon is 3 points or more, 2 numbers each, none negative, no point twice, no two edges that are not neighbours
   in touch.

Theory: the SDK compares every edge with every other in Python. Here edges are sorted by where they begin on the x axis,
so that only those whose spans overlap are compared, in arrays; the formulas are the same, so the results are too.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

_PAIRS_AT_ONCE = 500_000


def numpy_of(array: pa.Array) -> npt.NDArray[np.generic]:
    """The values as a numpy array; nulls become NaN or None."""
    found: npt.NDArray[np.generic] = array.to_numpy(zero_copy_only=False)
    return found


def parents_of(array: pa.Array) -> Ints:
    """The position of the list that each flattened value of `array` comes from."""
    return np.asarray(numpy_of(pc.list_parent_indices(array)), dtype=np.int64)


def bad_boxes(column: pa.Array) -> Ints:
    """Rows of a list<list<double>> with an invalid box."""
    rows, lengths, values, parents = _shapes(column)
    bad = lengths != 4
    inside = np.asarray(values[~bad[parents]], dtype=np.float64).reshape(-1, 4)
    bad[~bad] = (inside < 0).any(axis=1) | (inside[:, 0] >= inside[:, 2]) | (inside[:, 1] >= inside[:, 3])
    found: Ints = rows[bad]
    return found


def bad_polygons(column: pa.Array) -> Ints:
    """Rows of a list<list<double>> with an invalid polygon."""
    rows, lengths, values, parents = _shapes(column)
    bad = (lengths < 6) | (lengths % 2 != 0)
    bad[parents[values < 0]] = True
    kept = ~bad[parents]
    points = values[kept].reshape(-1, 2)
    owners = parents[kept][::2]
    bad[_with_repeated_points(points, owners)] = True
    kept = ~bad[owners]
    bad[_with_crossing_edges(points[kept], owners[kept])] = True
    found: Ints = rows[bad]
    return found


def _shapes(column: pa.Array) -> tuple[Ints, Ints, Floats, Ints]:
    """Each shape's row and number of values; each value and its shape."""
    shapes = pc.list_flatten(column)
    lengths = np.asarray(numpy_of(pc.fill_null(pc.list_value_length(shapes), 0)), dtype=np.int64)
    values = np.asarray(numpy_of(pc.list_flatten(shapes)), dtype=np.float64)
    return parents_of(column), lengths, values, parents_of(shapes)


def _with_repeated_points(points: Floats, owners: Ints) -> Ints:
    order = np.lexsort((points[:, 1], points[:, 0], owners))
    sorted_points, sorted_owners = points[order], owners[order]
    again = (sorted_points[1:] == sorted_points[:-1]).all(axis=1) & (sorted_owners[1:] == sorted_owners[:-1])
    found: Ints = sorted_owners[1:][again]
    return found


def _with_crossing_edges(points: Floats, owners: Ints) -> Ints:
    """`points` lie in order, polygon by polygon."""
    if not len(points):
        return owners
    first = np.flatnonzero(np.r_[True, owners[1:] != owners[:-1]])
    sizes = np.diff(np.r_[first, len(owners)])
    index = np.arange(len(points)) - np.repeat(first, sizes)
    size = np.repeat(sizes, sizes)
    following = np.where(index == size - 1, np.repeat(first, sizes), np.arange(len(points)) + 1)
    ends = points[following]
    crossing = [
        owners[one[_touching(points[one], ends[one], points[other], ends[other])]]
        for one, other in _candidates(points[:, 0], ends[:, 0], owners, index, size)
    ]
    return np.concatenate(crossing) if crossing else owners[:0]


def _candidates(begin: Floats, end: Floats, owners: Ints, index: Ints, size: Ints) -> Iterator[tuple[Ints, Ints]]:
    """Pairs of edges of one polygon, the earlier first, that are not neighbours and overlap on the x axis."""
    low, high = np.minimum(begin, end), np.maximum(begin, end)
    _, ranks = np.unique(np.r_[low, high], return_inverse=True)
    span = 2 * len(low) + 1
    starts, stops = owners * span + ranks[: len(low)], owners * span + ranks[len(low) :]
    order = np.argsort(starts, kind="stable")
    count = np.searchsorted(starts[order], stops[order], side="right") - np.arange(len(order)) - 1
    for chunk in np.split(np.arange(len(order)), np.flatnonzero(np.diff(np.cumsum(count) // _PAIRS_AT_ONCE)) + 1):
        counts = count[chunk]
        left = np.repeat(chunk, counts)
        right = left + 1 + np.arange(len(left)) - np.repeat(np.cumsum(counts) - counts, counts)
        one, other = np.minimum(order[left], order[right]), np.maximum(order[left], order[right])
        apart = index[other] - index[one]
        not_neighbours = (apart > 1) & ~((index[one] == 0) & (index[other] == size[one] - 1))
        yield one[not_neighbours], other[not_neighbours]


def _touching(p1: Floats, p2: Floats, p3: Floats, p4: Floats) -> Mask:
    """`segments_intersect` of the SDK (ml/types.py), for many segments p1-p2 and p3-p4."""
    o1, o2 = _turn(p3, p4, p1), _turn(p3, p4, p2)
    o3, o4 = _turn(p1, p2, p3), _turn(p1, p2, p4)
    crossing = (((o1 > 0) & (o2 < 0)) | ((o1 < 0) & (o2 > 0))) & (((o3 > 0) & (o4 < 0)) | ((o3 < 0) & (o4 > 0)))
    on_one = ((o1 == 0) & _between(p3, p1, p4)) | ((o2 == 0) & _between(p3, p2, p4))
    on_other = ((o3 == 0) & _between(p1, p3, p2)) | ((o4 == 0) & _between(p1, p4, p2))
    return np.asarray(crossing | on_one | on_other, dtype=np.bool_)


def _turn(p: Floats, q: Floats, r: Floats) -> Floats:
    with np.errstate(over="ignore", invalid="ignore"):
        found: Floats = (q[:, 1] - p[:, 1]) * (r[:, 0] - q[:, 0]) - (q[:, 0] - p[:, 0]) * (r[:, 1] - q[:, 1])
    return found


def _between(p: Floats, q: Floats, r: Floats) -> Mask:
    inside = (q <= np.maximum(p, r)) & (q >= np.minimum(p, r))
    return np.asarray(inside.all(axis=1), dtype=np.bool_)

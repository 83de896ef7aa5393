"""Boxes and polygons against the SDK's own functions, on random shapes of few and of coarse coordinates."""

import os

import pyarrow as pa
from arize.ml.batch_validation.validator import _box_coordinates_wrong_format, _polygon_coordinates_wrong_format
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ingest.pipeline.arize import geometry
from ingest.pipeline.arize.geometry import bad_boxes, bad_polygons

EXAMPLES = int(os.environ.get("PROPERTY_EXAMPLES", "300"))
COORDINATES = pa.list_(pa.list_(pa.float64()))

# A coarse grid makes points meet and edges touch; fractions make rounding matter.
coordinate = st.one_of(
    st.integers(0, 4).map(float), st.sampled_from((0.1, 0.2, 0.3, 1e-9, 1e300, -0.0)), st.floats(-1, 9, allow_nan=False)
)
boxes = st.lists(st.lists(coordinate, min_size=4, max_size=4) | st.lists(coordinate, max_size=6), max_size=4)
polygons = st.lists(st.lists(coordinate, max_size=24), max_size=4)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.lists(boxes | st.none(), max_size=6))
def test_boxes(rows: list[list[list[float]] | None]) -> None:
    wrong = [
        row
        for row, found in enumerate(rows)
        if any(not box or _box_coordinates_wrong_format(box) for box in found or [])
    ]
    assert sorted(set(bad_boxes(pa.array(rows, COORDINATES)).tolist())) == wrong


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.lists(polygons | st.none(), max_size=6))
@example([[[0, 0, 4, 0, 4, 4, 2, 0, 0, 4]], [[0, 0, 1, 1, 2, 2]], [[0.0, 0, -0.0, 0, 1, 1]]])
def test_polygons(rows: list[list[list[float]] | None]) -> None:
    wrong = [
        row
        for row, found in enumerate(rows)
        if any(not polygon or _polygon_coordinates_wrong_format(polygon) for polygon in found or [])
    ]
    array = pa.array([None, *rows, None], COORDINATES).slice(1, len(rows))
    assert sorted(set(bad_polygons(array).tolist())) == wrong


def test_pairs_of_edges_are_compared_in_portions() -> None:
    # A comb whose teeth all span the x axis: every edge may meet every other.
    teeth = 1100
    comb = [value for tooth in range(teeth) for value in (1, tooth, 11, tooth + 0.5)]
    crossed = [*comb, 5, teeth, 5.5, 0]
    pairs = (2 * teeth) ** 2 // 2
    assert pairs > 2 * geometry._PAIRS_AT_ONCE
    array = pa.array([[[*comb, 0, teeth, 0, 0]], [crossed]], COORDINATES)
    assert set(bad_polygons(array).tolist()) == {1}

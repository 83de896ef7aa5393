"""Validation by row of what only some model types have: rules 3, 5, 6 and 7 of `validate`."""

from collections.abc import Callable, Iterator, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingest.pipeline.arize.column_view import ColumnView, Fault, outside, where
from ingest.pipeline.arize.geometry import Ints, bad_boxes, bad_polygons, numpy_of, parents_of
from ingest.pipeline.arize.roles import first_column
from ingest.reasons import Reason

MAX_RANK = 100
MAX_CLASSES = 500
MAX_CLASS_CHARACTERS = 100
MAX_ID_CHARACTERS = 512


def id_length(view: ColumnView, name: str, key: str) -> Iterator[Fault]:
    """An id of characters has 1-512 of them. Integers always have."""
    column = view.columns.get(name)
    if column is None or not pa.types.is_string(column.type):
        return
    bounds = pc.min_max(pc.binary_length(column)).as_py()
    if bounds["min"] < 1 or bounds["max"] > MAX_ID_CHARACTERS:
        rows = outside(pc.utf8_length(column), 1, MAX_ID_CHARACTERS)
        yield rows, Reason("id_length", f'"{name}" ([schema] {key}) must have 1-{MAX_ID_CHARACTERS} characters')


def _ranking(view: ColumnView) -> Iterator[Fault]:
    schema, ranking = view.limits.schema, view.limits.schema.ranking
    predicted = view.any([schema.prediction_label, schema.prediction_score, ranking.group, ranking.rank])
    for key, name in (("group", ranking.group), ("rank", ranking.rank)):
        detail = f'its prediction has no value in "{name}" ([schema] ranking.{key})'
        yield np.flatnonzero(predicted & ~view.valid(name)), Reason("incomplete_prediction", detail)
    if (rank := view.columns.get(ranking.rank)) is not None:
        detail = f'"{ranking.rank}" ([schema] ranking.rank) must lie within 1-{MAX_RANK}'
        yield outside(rank, 1, MAX_RANK), Reason("rank_range", detail)
    yield from id_length(view, ranking.group, "ranking.group")
    for name in (ranking.relevance_labels, ranking.attributions, schema.actual_label):
        if (labels := view.columns.get(name)) is not None:
            yield _empty_labels(labels), Reason("relevance_label", f'"{name}" has an empty label, or none in its list')


def _empty_labels(labels: pa.Array) -> Ints:
    if not pa.types.is_list(labels.type):
        return where(pc.equal(pc.binary_length(labels), 0))
    none = where(pc.equal(pc.list_value_length(labels), 0))
    empty = pc.fill_null(pc.equal(pc.binary_length(pc.list_flatten(labels)), 0), fill_value=True)
    found: Ints = np.r_[none, parents_of(labels)[where(empty)]]
    return found


def _multi_class(view: ColumnView) -> Iterator[Fault]:
    schema = view.limits.schema
    scores, thresholds = schema.prediction_score, schema.threshold_scores
    for name in (scores, thresholds, schema.actual_score):
        if (column := view.columns.get(name)) is not None:
            yield from _classes(name, column, actual=name == schema.actual_score)
    detail = f'it has thresholds in "{thresholds}", but no scores in "{scores}"'
    yield np.flatnonzero(view.valid(thresholds) & ~view.valid(scores)), Reason("incomplete_prediction", detail)
    if scores in view.columns and thresholds in view.columns:
        differ = _different_classes(view.columns[scores], view.columns[thresholds])
        both = view.valid(scores) & view.valid(thresholds)
        detail = f'"{scores}" and "{thresholds}" must name the same classes'
        yield differ[both[differ]], Reason("threshold_classes", detail)


def _classes(name: str, column: pa.Array, *, actual: bool) -> Iterator[Fault]:
    detail = f'"{name}" must have 1-{MAX_CLASSES} classes'
    yield outside(pc.list_value_length(column), 1, MAX_CLASSES), Reason("class_count", detail)
    flat, parents = pc.list_flatten(column), parents_of(column)
    names, scores = pc.struct_field(flat, "class_name"), pc.struct_field(flat, "score")
    detail = f'"{name}" must have class names of 1-{MAX_CLASS_CHARACTERS} characters'
    yield parents[outside(pc.utf8_length(names), 1, MAX_CLASS_CHARACTERS)], Reason("class_name_length", detail)
    good = pc.is_in(scores, pa.array([0, 1], scores.type)) if actual else pc.is_valid(scores)
    detail = f'"{name}" must have scores {"of 0 or 1" if actual else "within 0-1"}'
    yield parents[where(pc.invert(good))], Reason("class_score_range", detail)
    if not actual:
        yield parents[outside(scores, 0, 1)], Reason("class_score_range", detail)


def _different_classes(scores: pa.Array, thresholds: pa.Array) -> Ints:
    """The rows whose two lists name different classes."""
    ours = pc.struct_field(pc.list_flatten(scores), "class_name")
    theirs = pc.struct_field(pc.list_flatten(thresholds), "class_name")
    codes = np.asarray(numpy_of(pa.concat_arrays([ours, theirs]).dictionary_encode().indices), dtype=np.int64)
    classes = int(codes.max(initial=0)) + 1
    own = parents_of(scores) * classes + codes[: len(ours)]
    other = parents_of(thresholds) * classes + codes[len(ours) :]
    found: Ints = np.unique(np.setxor1d(own, other) // classes)
    return found


def _images(view: ColumnView) -> Iterator[Fault]:
    for part, images in view.limits.schema.images().items():
        there = view.any([name for _, name in images])
        for key, name in images:
            shown = f'"{name}" ([schema] {part}.{key})'
            if name in {first_column(images), images.categories}:
                detail = f"{shown} is missing beside the others of {part}"
                yield np.flatnonzero(there & ~view.valid(name)), Reason("incomplete_prediction", detail)
            if (column := view.columns.get(name)) is not None:
                yield from _IMAGE_CHECKS[key](column, shown)


def _boxes(column: pa.Array, shown: str) -> Iterator[Fault]:
    detail = f"{shown} must hold boxes of 4 numbers from 0, x1 < x2 and y1 < y2"
    yield bad_boxes(column), Reason("box_coordinates", detail)


def _polygons(column: pa.Array, shown: str) -> Iterator[Fault]:
    detail = f"{shown} must hold polygons of 3 or more different points from 0 whose edges don't meet"
    yield bad_polygons(column), Reason("polygon_coordinates", detail)


def _categories(column: pa.Array, shown: str) -> Iterator[Fault]:
    yield parents_of(column)[where(pc.list_flatten(column).is_null())], Reason("null_category", f"{shown} holds a null")


def _scores(column: pa.Array, shown: str) -> Iterator[Fault]:
    rows = parents_of(column)[outside(pc.list_flatten(column), 0, 1)]
    yield rows, Reason("score_range", f"{shown} must hold scores within 0-1")


_IMAGE_CHECKS: Mapping[str, Callable[[pa.Array, str], Iterator[Fault]]] = {
    "boxes": _boxes,
    "polygons": _polygons,
    "categories": _categories,
    "scores": _scores,
}

CHECKS: Mapping[str, Callable[[ColumnView], Iterator[Fault]]] = {
    "ranking": _ranking,
    "multi_class": _multi_class,
    "object_detection": _images,
}

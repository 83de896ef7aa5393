"""Generated events depend only on the seed, and are what `row` and `bad` say."""

import json
import math
from collections import Counter

import pytest

from ingest.sandbox.generate import BAD_KINDS, VECTOR, WIDTHS, Fields, Generator


def exact(value: object) -> str:
    return json.dumps(value, sort_keys=True)


@pytest.mark.parametrize("fields", list(WIDTHS))
def test_the_row_holds_the_very_values_of_the_event(fields: Fields) -> None:
    made_by = Generator(seed=5, fields=fields)
    for sequence in range(500):
        event = made_by.event(3, sequence)
        assert event is not None
        assert exact(json.loads(event)) == exact(made_by.row(3, sequence))


@pytest.mark.parametrize(("fields", "width"), list(WIDTHS.items()))
def test_widths_are_those_promised(fields: Fields, width: int) -> None:
    made_by = Generator(fields=fields)
    names = {name for sequence in range(1000) for name in made_by.row(0, sequence)}
    assert len(names) == width


def test_an_event_can_have_any_number_of_fields_from_the_narrow_ones_on() -> None:
    names = {name for sequence in range(1000) for name in Generator(fields=61).row(0, sequence)}
    assert len(names) == 61


def test_an_embedding_is_a_vector_of_768_numbers_of_unit_length_and_hardly_any_come_twice() -> None:
    made_by = Generator(seed=1, fields="embedding")
    vectors = [tuple(made_by.row(0, sequence)[VECTOR]) for sequence in range(500)]
    assert {len(vector) for vector in vectors} == {768}
    assert all(0.8 < math.hypot(*vector) < 1.2 for vector in vectors)
    assert len(set(vectors)) == 500


def test_a_usual_event_has_the_size_that_the_figures_are_given_for() -> None:
    sizes = [len(event) for event in Generator(seed=1).events(0, 0, 5000) if event is not None]
    assert 560 < sum(sizes) / len(sizes) < 620


def test_the_same_arguments_make_the_same_events_in_any_order() -> None:
    forward = list(Generator(seed=9, bad_share=0.1).events(2, 0, 300))
    backward = [Generator(seed=9, bad_share=0.1).event(2, sequence) for sequence in reversed(range(300))]
    assert forward == backward[::-1]


def test_seeds_partitions_and_sequences_make_different_events() -> None:
    events = {
        made_by.event(partition, sequence)
        for made_by in (Generator(seed=seed) for seed in range(3))
        for partition in range(3)
        for sequence in range(100)
    }
    assert len(events) == 900


def test_prediction_ids_are_unique() -> None:
    made_by = Generator(seed=1)
    ids = {made_by.row(partition, sequence)["prediction_id"] for partition in range(8) for sequence in range(2000)}
    assert len(ids) == 16_000


def test_every_json_type_occurs_and_sometimes_a_field_is_null_or_absent() -> None:
    made_by = Generator(seed=2)
    rows = [made_by.row(0, sequence) for sequence in range(2000)]
    kinds = {type(value) for row in rows for value in row.values()}
    assert kinds == {str, int, float, bool, type(None), list}
    assert {"city" in row for row in rows} == {True, False}
    assert any(isinstance(value, int) and abs(value) > 2**53 for row in rows for value in row.values())
    assert {len(row["interests"]) for row in rows} == {0, 1, 2, 3}


def test_a_column_keeps_one_type() -> None:
    made_by = Generator(seed=3)
    rows = [made_by.row(0, sequence) for sequence in range(2000)]
    kinds: dict[str, set[type]] = {}
    for row in rows:
        for name, value in row.items():
            if value is not None:
                kinds.setdefault(name, set()).add(type(value))
    assert all(len(found) == 1 for found in kinds.values())


def test_the_share_of_bad_messages_is_as_asked_and_all_kinds_occur() -> None:
    made_by = Generator(seed=1, bad_share=0.02)
    kinds = Counter(made_by.bad(0, sequence) for sequence in range(50_000))
    assert 0.017 < 1 - kinds[None] / 50_000 < 0.023
    assert set(kinds) == {None, *BAD_KINDS}


def test_good_messages_are_the_same_whatever_the_share_of_bad_ones() -> None:
    clean, spoilt = Generator(seed=1), Generator(seed=1, bad_share=0.2)
    for sequence in range(500):
        if spoilt.bad(0, sequence) is None:
            assert spoilt.event(0, sequence) == clean.event(0, sequence)


def bad_event(kind: str, fields: Fields = "usual") -> bytes | None:
    made_by = Generator(seed=4, fields=fields, bad_share=1, bad_kinds=(kind,))  # type: ignore[arg-type]
    assert made_by.bad(0, 7) == kind
    return made_by.event(0, 7)


def refuse_constant(name: str) -> float:
    raise ValueError(name)


@pytest.mark.parametrize("fields", list(WIDTHS))
@pytest.mark.parametrize("kind", BAD_KINDS)
def test_each_kind_is_as_bad_as_its_name_says(kind: str, fields: Fields) -> None:
    event = bad_event(kind, fields)
    if kind == "tombstone":
        assert event is None
        return
    assert event is not None
    if kind in ("invalid_json", "bad_utf8", "bom", "nan"):
        with pytest.raises(ValueError):  # noqa: PT011  whatever json says, it is one
            json.loads(event.decode(), parse_constant=refuse_constant)
        return
    value = json.loads(event)
    good = Generator(seed=4, fields=fields).row(0, 7)
    if kind == "not_an_object":
        assert isinstance(value, list)
    elif kind == "no_prediction_id":
        assert "prediction_id" not in value
    else:
        changed = {name for name in value if value[name] != good.get(name)}
        (spoilt,) = [value[name] for name in changed]
        assert {
            "list_of_objects": isinstance(spoilt, list),
            "int_past_64_bits": isinstance(spoilt, int) and spoilt > 2**64,
            "string_in_int_column": isinstance(spoilt, str),
        }[kind]


def test_times_lie_in_this_year_and_grow() -> None:
    made_by = Generator(start_s=1_700_000_000)
    times = [made_by.row(0, sequence)["prediction_ts"] for sequence in range(2500)]
    assert times[0] == 1_700_000_000.0
    assert times == sorted(times)
    assert math.isclose(times[-1], 1_700_000_002.499)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"bad_share": 1.5}, "bad_share"),
        ({"bad_kinds": ("rotten",)}, "rotten"),
        ({"fields": "broad"}, "broad"),
        ({"fields": 7}, "7"),
    ],
)
def test_wrong_arguments_are_named(arguments: dict[str, object], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        Generator(**arguments)  # type: ignore[arg-type]

"""What the page's thread reads: the newest values, and JSON that is made once."""

import json
from dataclasses import asdict, dataclass

import pytest

from ingest.status.snapshot import as_json
from ingest.status.web.published import Published, encode
from tests.harness.status_page import calm, hostile, stuck


def test_the_json_is_made_once_for_each_snapshot() -> None:
    published = Published()
    assert published.status() is None
    published.publish(calm())
    first = published.status()
    assert first is published.status()
    published.publish(stuck())
    assert published.status() != first


@pytest.mark.parametrize("snapshot", [calm(), stuck(), hostile()], ids=["calm", "stuck", "hostile"])
def test_encode_is_as_json(snapshot: object) -> None:
    assert json.loads(encode(snapshot)) == json.loads(json.dumps(as_json(snapshot)))  # type: ignore[arg-type]


def test_only_values_have_json() -> None:
    @dataclass(frozen=True)
    class Point:
        x: int

    assert json.loads(encode({"a": (Point(1),)})) == {"a": [asdict(Point(1))]}
    with pytest.raises(TypeError, match="object has no JSON"):
        encode(object())

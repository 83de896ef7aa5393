"""Every example of tests/data/formats through the real command, from a real topic to the endpoint, in both lanes."""

import json
from collections.abc import Callable

import pytest

from ingest.errors import ExitCode
from tests.harness.dead_letters import NO_LIMIT
from tests.harness.format_examples import NAMES, as_json, example, fast_share
from tests.harness.rig import Rig
from tests.harness.values import same


@pytest.mark.parametrize("lane", ["orjson", "auto"])
@pytest.mark.parametrize("name", NAMES)
def test_an_example_arrives_cell_by_cell(name: str, lane: str, rig: Callable[..., Rig]) -> None:
    one = example(name)
    main = rig(partitions=1, config={"retention.ms": "-1"})
    main.put_messages(one.messages)
    settings = {
        **one.settings,
        "batch": {**one.settings.get("batch", {}), "lane": lane},
        "schema": {"tags": [], **one.settings.get("schema", {})},
        "dead_letters": {**NO_LIMIT, **one.settings.get("dead_letters", {})},
    }
    run = main.start(**settings)
    assert run.wait() == ExitCode.DONE
    assert run.errors == ""

    assert {offset: reason for (_, offset), reason in main.reasons.items()} == one.expected.dead_letters
    totals = run.account["totals"]
    assert (totals["filtered"], totals["tombstones"]) == (one.expected.filtered, one.expected.tombstones)
    found = sorted(map(as_json, main.endpoint.journal.rows()), key=_in_order)
    wanted = sorted(one.expected.rows, key=_in_order)
    assert len(found) == len(wanted)
    for row, expected in zip(found, wanted, strict=True):
        assert row.keys() == expected.keys()
        assert all(same(row[column], expected[column]) for column in row), (row, expected)
    print(f"{name}: the fast lane takes {fast_share(one.config(lane), one.messages):.0%} of the rows")  # noqa: T201


def _in_order(row: object) -> str:
    return json.dumps(row, sort_keys=True)

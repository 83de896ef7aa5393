"""Pinned types, conflicts and unknown columns from Kafka to the endpoint: every value dropped on purpose is counted."""

import json
from collections.abc import Callable
from typing import Any

from ingest.errors import ExitCode
from tests.harness.rig import Rig

SCHEMA: dict[str, Any] = {
    "tags": ["region"],
    "unknown": "ignore",
    "types": {"age": "integer", "note": "string", "f.*": "float"},
    "conflicts": {"age": "null", "note": "text"},
}
BASE = {"prediction_ts": 1767225600, "prediction_score": 0.5}


def message(number: int, extra: str) -> bytes:
    head = json.dumps({"prediction_id": f"row {number}", **BASE})
    return f"{head[:-1]}, {extra}}}".encode()


def test_every_value_that_the_schema_drops_is_counted(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=2)
    values: list[bytes | None] = [
        message(0, '"age": 30, "f": {"a": 1}, "note": 1.50, "region": "eu"'),
        message(1, '"age": "thirty", "note": 12345678901234567890123, "surprise": 1'),
        message(2, '"age": 31.5, "note": ["a", 1e5], "surprise": "two", "another": true'),
        message(3, '"age": null, "surprise": null'),
        message(4, '"f": {"a": "not a float"}, "surprise": 1'),
    ]
    main.put(values * 40, partition=0)
    main.put(values * 40, partition=1)
    run = main.start(schema=SCHEMA)
    assert run.wait() == ExitCode.DONE
    stored = {row["prediction_id"]: row for row in main.endpoint.journal.rows()}
    wanted: dict[str, dict[str, Any]] = {
        "row 0": {"age": 30, "f.a": 1.0, "note": "1.50", "region": "eu"},
        "row 1": {"note": "12345678901234567890123"},
        "row 2": {"note": '["a",1e5]'},
        "row 3": {},
    }
    assert stored == {name: {"prediction_id": name, **BASE, **row} for name, row in wanted.items()}
    assert run.account["totals"]["acknowledged"] == 2 * 40 * 4
    assert run.account["totals"]["dead_lettered"] == 2 * 40
    assert sum(event["columns"]["age"] for event in run.all("values_nulled")) == 2 * 40 * 2
    ignored = run.all("unknown_columns_ignored")
    # That of a row which is rejected for another column is not lost on purpose, and doesn't count.
    told = {name: sum(event["columns"].get(name, 0) for event in ignored) for name in ("surprise", "another")}
    assert told == {"surprise": 2 * 40 * 2, "another": 2 * 40}
    assert run.errors == ""


def test_an_unknown_column_makes_a_dead_letter_where_that_is_configured(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=1)
    places = main.put([message(0, '"age": 1'), message(1, '"age": 1, "surprise": 1'), message(2, '"age": 2')])
    run = main.start(schema={**SCHEMA, "unknown": "dead_letter"})
    assert run.wait() == ExitCode.DONE
    assert main.reasons == {(0, places[1]): "unknown_column"}
    assert sorted(row["age"] for row in main.endpoint.journal.rows()) == [1, 2]
    (file,) = main.dead_letters.glob("*.jsonl")
    said = json.loads(file.read_text())["detail"]
    assert said == '"surprise" is a column that nothing in [schema] knows, and [schema] unknown is "dead_letter"'


def test_a_message_near_the_largest_that_kafka_takes_arrives_whole(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=1)
    long = "ä\u0000" + "x" * 900_000
    values: list[bytes | None] = [message(number, f'"text": {json.dumps(long)}') for number in range(20)]
    values.append(message(20, f'"region": {json.dumps("x" * 20_001)}'))
    places = main.put(values)
    run = main.start(schema={"tags": ["region"]})
    assert run.wait() == ExitCode.DONE
    assert main.reasons == {(0, places[-1]): "tag_length"}
    assert [row["text"] == long for row in main.endpoint.journal.rows()] == [True] * 20


def test_a_replay_reports_the_values_that_its_rows_lose(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=1)
    main.put([message(number, '"age": "thirty", "f": {"a": 1}') for number in range(3)])
    pinned: dict[str, Any] = {"types": {"age": "integer"}}
    assert main.start(schema=pinned).wait() == ExitCode.TOO_MANY_DEAD
    assert set(main.reasons.values()) == {"type_conflict"}
    main.write_settings({"schema": {**pinned, "conflicts": {"age": "null"}}})
    done = main.command.run("dead-letters", "replay")
    assert '([schema.conflicts]): "age" 3' in " ".join(done.stderr.split())
    assert [row.keys() & {"age", "f.a"} for row in main.endpoint.journal.rows()] == [{"f.a"}] * 3

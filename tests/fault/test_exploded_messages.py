"""Messages with several predictions through kills and refusals: nothing is lost, each message is counted once."""

import json
import random
import signal
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from ingest.errors import ExitCode
from ingest.sandbox.fault_injection import Fault
from tests.harness.dead_letters import NO_LIMIT, dead_letters
from tests.harness.rig import DEFAULTS, Rig
from tests.harness.supervise import Supervise

MESSAGES = 600  # of each partition
IN_FLIGHT_ROWS = (2 * DEFAULTS["arize"]["in_flight"] - 1) * DEFAULTS["batch"]["max_events"]
REFUSED = Fault(kind="status", status=422, column="tag_kind", value="refused")

Message = tuple[int, int]
Part = tuple[int, int, int]


def settings(main: Rig, **format_: Any) -> dict[str, Any]:
    return {
        "format": {"explode": ["p"], "part_id": "{partition}-{offset}-{index}", **format_},
        "schema": {"timestamp": "", "tags": ["tag_kind"], "types": {"prediction_score": "float"}},
        "arize": {"model_type": "regression"},
        "dead_letters": {**NO_LIMIT, "directory": str(main.dead_letters)},
    }


def put(main: Rig, seed: int = 1) -> dict[Message, list[str]]:
    """Messages with up to 30 predictions; returns the kind of each prediction."""
    dice = random.Random(seed)
    found: dict[Message, list[str]] = {}
    for partition in main.partitions:
        kinds = [
            dice.choices(["good", "bad", "refused"], [200, 1, 1], k=dice.choice([1, 2, 30])) for _ in range(MESSAGES)
        ]
        values = [
            json.dumps(
                {
                    "shared": partition,
                    "p": [{"prediction_score": "no" if kind == "bad" else 0.5, "tag_kind": kind} for kind in each],
                }
            ).encode()
            for each in kinds
        ]
        offsets = main.put(values, partition)
        found |= {(partition, offset): each for offset, each in zip(offsets, kinds, strict=True)}
    return found


def stored(main: Rig) -> Counter[Part]:
    """How often each prediction is at Arize."""
    found: Counter[Part] = Counter()
    for request in main.evidence.journal.requests():
        for id_ in request.table["prediction_id"].to_pylist():
            partition, offset, index = map(int, id_.split("-"))
            found[partition, offset, index] += 1
    return found


def newest_letters(main: Rig) -> dict[Message, tuple[str, str]]:
    """The parts and the reason of each message's newest dead letter."""
    lines = [line for path in main.dead_letters.glob("*.jsonl") for line in path.read_text().splitlines()]
    records = sorted(map(json.loads, lines), key=lambda record: record["written_at"])
    return {(each["partition"], each["offset"]): (each.get("parts", ""), each["reason"]) for each in records}


def bad_parts(kinds: list[str], *which: str) -> str:
    return ",".join(str(index) for index, kind in enumerate(kinds) if kind in which)


def numbers(text: str) -> str:
    """Ranges of `text` written out."""
    found: list[int] = []
    for each in text.split(",") if text else ():
        first, _, last = each.partition("-")
        found += range(int(first), int(last or first) + 1)
    return ",".join(map(str, found))


def check(main: Rig, sent: dict[Message, list[str]], run: Supervise, most_duplicates: int) -> None:
    """Every prediction is at Arize or in a dead letter, and the counts are those of the messages."""
    there = stored(main)
    good = {(*message, index) for message, kinds in sent.items() for index, kind in enumerate(kinds) if kind == "good"}
    assert there.keys() == good
    twice = [part for part, times in there.items() if times > 1]
    assert sum(there[part] - 1 for part in twice) <= most_duplicates
    listed = main.listed_twice()
    for partition, offset, _ in twice:
        assert any(first <= offset < next_offset for first, next_offset in listed[partition])
    dead = {message: kinds for message, kinds in sent.items() if set(kinds) != {"good"}}
    letters = newest_letters(main)
    assert letters.keys() == dead.keys()
    for message, (parts, _) in letters.items():
        wanted = bad_parts(dead[message], "bad", "refused")
        assert numbers(parts) == wanted or (not parts and len(wanted.split(",")) == len(dead[message]))
    totals = run.account["totals"]
    assert (totals["acknowledged"], totals["dead_lettered"]) == (len(sent) - len(dead), len(dead))
    audit = main.command.run("audit", "--dead-letters")
    assert audit.returncode == ExitCode.DONE, audit.stdout + audit.stderr


@pytest.mark.parametrize(
    ("point", "most_duplicates"),
    [
        ("batched", 0),
        ("dead_letter_written", IN_FLIGHT_ROWS),
        ("second_stored", IN_FLIGHT_ROWS),
        ("acknowledged", IN_FLIGHT_ROWS),
        ("committing", IN_FLIGHT_ROWS),
        ("dead_letter_committing", IN_FLIGHT_ROWS),
    ],
)
def test_a_kill_loses_no_prediction(point: str, most_duplicates: int, rig: Callable[..., Rig]) -> None:
    main = rig(partitions=2)
    sent = put(main)
    main.endpoint.inject_faults(REFUSED)
    run = main.start(plant=point, **settings(main))
    assert run.wait() == ExitCode.DONE
    assert [event["exit_code"] for event in run.all("worker_exited")] == [-9]
    check(main, sent, run, most_duplicates)


def test_kills_in_a_row_lose_no_prediction(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=2)
    sent = put(main, seed=2)
    main.endpoint.inject_faults(REFUSED)
    run = main.start(**settings(main))
    for rows in (500, 2_000, 5_000):
        run.until(lambda rows=rows: sum(stored(main).values()) >= rows)  # type: ignore[misc]
        for worker in run.workers().values():
            worker.send_signal(signal.SIGKILL)
    assert run.wait() == ExitCode.DONE
    check(main, sent, run, 3 * IN_FLIGHT_ROWS)


@pytest.mark.timeout(600)  # six processes, one after the other
def test_only_the_predictions_that_were_not_delivered_are_replayed(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=2)
    sent = put(main, seed=3)
    main.endpoint.inject_faults(REFUSED)
    run = main.start(**settings(main))
    assert run.wait() == ExitCode.DONE
    check(main, sent, run, 0)
    before = stored(main)
    main.endpoint.clear_faults()
    dry = dead_letters(main, "replay", "--dry-run", code=ExitCode.TOO_MANY_DEAD)
    done = dead_letters(main, "replay", code=ExitCode.TOO_MANY_DEAD)
    bad = [message for message, kinds in sent.items() if "bad" in kinds]
    refused = [message for message, kinds in sent.items() if "refused" in kinds and "bad" not in kinds]
    assert (done["replayed"], done["failed"]) == (len(refused), {"type_conflict": len(bad)})
    assert (dry["replayed"], dry["failed"]) == (done["replayed"], done["failed"])
    added = stored(main) - before
    assert added == Counter(
        (*message, index) for message, kinds in sent.items() for index, kind in enumerate(kinds) if kind == "refused"
    )
    for message, (parts, reason) in newest_letters(main).items():
        if message in bad:
            assert (numbers(parts) or bad_parts(sent[message], "bad"), reason) == (
                bad_parts(sent[message], "bad"),
                "type_conflict",
            )


def test_none_of_a_message_is_delivered_if_it_is_to_be_refused(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=2)
    sent = put(main, seed=4)
    run = main.start(**settings(main, on_bad_part="refuse_message"))
    assert run.wait() == ExitCode.DONE
    bad = {message for message, kinds in sent.items() if "bad" in kinds}
    assert {part[:2] for part in stored(main)} == sent.keys() - bad
    assert newest_letters(main) == dict.fromkeys(bad, ("", "type_conflict"))
    done = dead_letters(main, "replay", "--to", "topic")
    assert done["replayed"] == len(bad)

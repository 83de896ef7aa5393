"""Replay of redacted dead letters: values are hashed once, and a withheld value never becomes a tombstone."""

import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import SecretStr

from ingest.errors import ExitCode
from ingest.pipeline.decoding.privacy import Privacy
from tests.harness.dead_letters import NO_LIMIT, dead_letters
from tests.harness.rig import Rig

KEY = "a key"
COUNT = 50
ROWS: list[dict[str, Any]] = [
    {
        "prediction_id": f"p {number}",
        "prediction_ts": 1_767_225_600 + number,
        "prediction_score": 0.5,
        "mail": f"{number}@example.org",
        "secret": f"secret {number}",
    }
    for number in range(COUNT)
]


def kept_rows() -> list[dict[str, Any]]:
    """What Arize should get."""
    privacy = Privacy(hashed=["mail"], key=SecretStr(KEY))
    kept = [{**row, "mail": privacy.digest(row["mail"])} for row in ROWS]
    return [{name: value for name, value in row.items() if name != "secret"} for row in kept]


@pytest.fixture
def failed(rig: Callable[..., Rig], topic: Callable[..., str], request: pytest.FixtureRequest) -> Rig:
    """A topic of which everything has become a redacted dead letter, one of them without its value; the cause is gone.

    The letters are kept where the test's parameter says.
    """
    main = rig(partitions=1)
    key_file = main.directory / "key"
    key_file.write_text(KEY)
    place = {"topic": topic(1)} if request.param == "topic" else {"directory": str(main.dead_letters)}
    letters = {**NO_LIMIT, **place}
    schema = {"hash": ["mail"], "hash_key_file": str(key_file), "exclude": ["secret"], "tags": []}
    main.put([json.dumps(row).encode() for row in ROWS] + [b'{"mail": "a@b'])
    assert main.start(schema={**schema, "prediction_id": "none"}, dead_letters=letters).wait() == ExitCode.TOO_MANY_DEAD
    main.write_settings({"schema": schema, "dead_letters": letters})
    assert dead_letters(main, "list")["dead_letters"] == COUNT + 1
    return main


def stored(main: Rig) -> list[dict[str, Any]]:
    return sorted(main.endpoint.journal.rows(), key=lambda row: int(row["prediction_ts"]))


EVERYWHERE = pytest.mark.parametrize("failed", ["directory", "topic"], indirect=True)


@EVERYWHERE
def test_a_replay_does_not_hash_a_hashed_value_again(failed: Rig) -> None:
    assert dead_letters(failed, "replay", "--dry-run", code=ExitCode.TOO_MANY_DEAD)["replayed"] == COUNT
    done = dead_letters(failed, "replay", code=ExitCode.TOO_MANY_DEAD)
    # The withheld one was read from its topic again: it is still no JSON, and no tombstone.
    assert (done["replayed"], done["failed"], done["originals_missing"]) == (COUNT, {"not_json": 1}, 0)
    assert stored(failed) == kept_rows()
    (left,) = dead_letters(failed, "show", "--value")
    assert (left["reason"], left["value"]) == ("not_json", None)


@EVERYWHERE
def test_a_replay_to_the_topic_sends_the_original_messages(failed: Rig) -> None:
    before = failed.read_topic()
    done = dead_letters(failed, "replay", "--to", "topic")
    assert (done["replayed"], done["originals_missing"]) == (COUNT + 1, 0)
    again = {place: value for place, value in failed.read_topic().items() if place not in before}
    assert sorted(value or b"" for value in again.values()) == sorted(value or b"" for value in before.values())


@EVERYWHERE
def test_a_message_that_is_gone_from_the_topic_is_reported_and_never_sent(failed: Rig) -> None:
    failed.delete_records(0, COUNT + 1)
    assert (
        dead_letters(failed, "replay", "--to", "topic", code=ExitCode.TOO_MANY_DEAD)["originals_missing"] == COUNT + 1
    )
    assert failed.read_topic() == {}
    done = dead_letters(failed, "replay", code=ExitCode.TOO_MANY_DEAD)
    assert (done["replayed"], done["failed"], done["originals_missing"]) == (COUNT, {}, 1)
    assert stored(failed) == kept_rows()
    assert dead_letters(failed, "list")["dead_letters"] == 1


def test_messages_of_an_envelope_are_redacted_unwrapped_and_replayed_as_they_are(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=1)
    key_file = main.directory / "key"
    key_file.write_text(KEY)
    schema = {"hash": ["mail"], "hash_key_file": str(key_file), "exclude": ["secret"], "tags": []}
    form = {"compression": "gzip", "envelope": "debezium"}
    changes = [{"op": "u", "before": row, "after": row} for row in ROWS]
    main.put([gzip.compress(json.dumps(change).encode()) for change in changes])
    main.put([gzip.compress(json.dumps({"op": "d", "before": ROWS[0]}).encode())])
    failing = {**schema, "prediction_id": "none"}
    assert main.start(schema=failing, format=form, dead_letters=NO_LIMIT).wait() == ExitCode.TOO_MANY_DEAD
    main.write_settings({"schema": schema, "format": form, "dead_letters": NO_LIMIT})

    shown = dead_letters(main, "show", "--value", "--limit", "100")
    assert [letter["value"] for letter in shown].count(None) == 1  # the deletion, whose before is the row
    for letter in shown:
        assert "secret" not in json.loads(letter["value"] or "{}")
        assert "@example.org" not in (letter["value"] or "")
        assert not letter.keys() & {"unwrapped", "value_base64"}

    done = dead_letters(main, "replay", code=ExitCode.TOO_MANY_DEAD)
    assert (done["replayed"], done["failed"]) == (COUNT, {"tombstone": 1})
    assert stored(main) == kept_rows()
    done = dead_letters(main, "replay", "--to", "topic")
    assert (done["replayed"], done["originals_missing"]) == (1, 0)

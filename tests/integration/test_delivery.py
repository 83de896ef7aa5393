"""Every event of a topic arrives at the endpoint once, with every value unchanged."""

import base64
import json
from collections.abc import Callable
from typing import Any

from ingest.errors import ExitCode
from tests.harness.rig import Rig


def test_every_value_of_every_event_arrives_once_and_every_end_is_committed(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=4)
    main.produce(4_000, bad_share=0.02)
    run = main.start(workers=2)
    with main.sampled():
        assert run.wait() == ExitCode.DONE
    assert main.findings() == []
    assert set(main.reasons) == main.truth.bad
    assert run.account["totals"]["acknowledged"] == 4_000 - len(main.truth.bad)
    assert run.account["totals"]["dead_lettered"] == len(main.truth.bad)
    assert run.errors == ""


def test_odd_messages_of_every_kind_harm_no_neighbour(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=3)  # partition 2 stays empty
    base = {"prediction_ts": 1767225600, "prediction_score": 0.5}
    good: list[dict[str, Any]] = [
        {"amount": 3, "big": 2**53 + 1, "none": None},
        {"amount": 2.5, "new_key": "ä\u0000\n"},
        {"amount": -0.0, "flag": True, "words": ["a", ""]},
        {"third": 1e-300, "big": -(2**63)},
    ]
    bad: list[bytes | None] = [
        None,
        b"",
        b"null",
        b"[]",
        b"{",
        b"\xef\xbb\xbf{}",
        *(
            b'{"prediction_id": "x", "prediction_ts": 1767225600, "prediction_score": 0.5, "amount": ' + rest
            for rest in (
                b'"\xff"}',
                b"NaN}",
                b"1e400}",
                b"123456789012345678901}",
                b'1, "amount": 2}',
                b"[1, [2]]}",
                b"[" * 1025 + b"]" * 1025 + b"}",
                b"1} trailing",
            )
        ),
        b'{"prediction_id": "", "prediction_ts": 1767225600, "prediction_score": 0.5}',
        b'{"prediction_ts": 1767225600, "prediction_score": 0.5}',
        b'{"prediction_id": "x", "prediction_ts": 1767225600}',
    ]
    values: list[bytes | None] = []
    for number, value in enumerate(bad):
        values += [json.dumps({**base, **good[number % len(good)], "prediction_id": f"row {number}"}).encode(), value]
    places = main.put(values, partition=0)
    assert main.put(values, partition=1) == places
    run = main.start()
    assert run.wait() == ExitCode.DONE
    assert main.reasons.keys() == {(partition, offset) for partition in (0, 1) for offset in places[1::2]}, main.reasons
    assert run.account["totals"]["dead_lettered"] == 2 * len(bad)
    stored = sorted(main.endpoint.journal.rows(), key=lambda row: int(row["prediction_id"].split()[1]))
    assert len(stored) == 2 * len(bad)
    for index, row in enumerate(stored):
        sent = json.loads(values[index // 2 * 2] or b"")
        assert row == {name: value for name, value in sent.items() if value is not None}
    assert [main.committed_at(partition) for partition in main.partitions] == [len(values), len(values), 0]
    letters = [json.loads(line) for file in main.dead_letters.glob("*.jsonl") for line in file.read_text().splitlines()]
    for letter in letters:
        value = bad[letter["offset"] // 2]
        raw = base64.b64decode(letter["value_base64"]) if "value_base64" in letter else letter["value"]
        assert (raw.encode() if isinstance(raw, str) else raw) == value
        assert letter["key"] == "key"
        assert letter["headers"] == [["trace", {"base64": "/wA="}]]
        assert letter["topic"] == main.kafka.topic


def test_more_workers_than_partitions_on_a_topic_without_messages_end_well(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=2)
    run = main.start(workers=4)
    assert run.wait() == ExitCode.DONE
    assert "there are only 2 partitions" in run.all("notice")[0]["text"] + run.all("notice")[-1]["text"]
    assert main.stored == 0
    assert main.findings() == []


def test_two_groups_read_the_same_topic_without_knowing_of_each_other(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=2)
    main.produce(1_000)
    first, second = main.start(), main.start("--group", "another")
    assert first.wait() == ExitCode.DONE
    assert second.wait() == ExitCode.DONE
    assert main.stored == 2_000
    assert main.evidence.duplicates == 1_000
    assert main.findings(most_duplicates=1_000) == []

"""Every malformed or extreme message of the corpus at random places among good ones, through the real command.

CORPUS_SEED=7 plays the same places again.
"""

import base64
import json
import os
import random
from collections.abc import Callable
from typing import Any

import pytest

from ingest.errors import ExitCode
from tests.harness.corpus import CorpusMessage, good, messages
from tests.harness.rig import Rig
from tests.harness.values import same, seconds

SEED = int(os.environ.get("CORPUS_SEED", random.randrange(10**6)))
NEIGHBOURS = 3  # good messages for each of the corpus


@pytest.mark.parametrize("chunk_events", [17, 250, 5_000])
def test_every_neighbour_arrives_and_every_bad_message_is_a_dead_letter_with_its_reason(
    chunk_events: int, rig: Callable[..., Rig], record_property: Callable[[str, object], None]
) -> None:
    record_property("seed", SEED)
    main = rig(partitions=2)
    dice = random.Random(SEED + chunk_events)
    sent = messages()
    for number in range(NEIGHBOURS * len(sent)):
        row = good(number)
        sent.append(CorpusMessage(f"good {number}", json.dumps(row, ensure_ascii=number % 2 == 0).encode(), row=row))
    dice.shuffle(sent)
    cut = dice.randrange(len(sent))
    placed = {
        (partition, offset): message
        for partition, part in enumerate((sent[:cut], sent[cut:]))
        for offset, message in zip(main.put([m.value for m in part], partition), part, strict=True)
    }
    assert len(placed) == len(sent)

    run = main.start(batch={"max_events": 500, "linger_s": 0.2, "chunk_events": chunk_events})
    assert run.wait() == ExitCode.DONE
    assert not run.all("worker_restarting")
    assert run.errors == ""

    wanted = {place: message.reason for place, message in placed.items() if message.reason}
    assert main.reasons == wanted, f"CORPUS_SEED={SEED}"
    rows = {message.row["prediction_id"]: message for message in sent if message.row is not None}
    stored: list[dict[str, Any]] = list(main.endpoint.journal.rows())
    assert len(stored) == len({row["prediction_id"] for row in stored}) == len(rows)
    for row in stored:
        message = rows[row["prediction_id"]]
        expected = {name: value for name, value in (message.row or {}).items() if value is not None}
        assert row.keys() == expected.keys(), message.name
        assert all(same(seconds(row[name]), expected[name]) for name in row), message.name
    assert run.account["totals"]["acknowledged"] == len(rows)
    assert run.account["totals"]["dead_lettered"] == len(wanted)
    for file in main.dead_letters.glob("*.jsonl"):
        for line in file.read_bytes().splitlines():  # of text it would split at U+2028 too
            letter = json.loads(line)
            raw = base64.b64decode(letter["value_base64"]) if "value_base64" in letter else letter["value"]
            assert (raw.encode() if isinstance(raw, str) else raw) == placed[
                letter["partition"], letter["offset"]
            ].value

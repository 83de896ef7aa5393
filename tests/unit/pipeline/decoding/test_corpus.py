"""Each message of the corpus, among good ones, is accepted or rejected as it should be; its neighbours arrive."""

import json
import random
import time

import pytest

from ingest.config.load import load
from ingest.pipeline.rows import RowProcessor
from ingest.reasons import REASONS
from tests.harness.corpus import CorpusMessage, good, messages
from tests.harness.messages import FakeMessage
from tests.harness.values import same, seconds

ALL = messages()
GOOD = [good(number) for number in range(8)]


def processor() -> RowProcessor:
    config = load(flags={"kafka": {"topic": "t"}, "arize": {"model_name": "m"}, "schema": {"tags": ["tag_*"]}})
    return RowProcessor(config.topics[0].routes[0], time.time)


def check(sent: list[CorpusMessage]) -> None:
    """Each one's verdict, among neighbours on both sides."""
    neighbours = [CorpusMessage(f"good {row['count']}", json.dumps(row).encode(), row=row) for row in GOOD]
    sent = [*neighbours[:4], *sent, *neighbours[4:]]
    decoded = processor().process([FakeMessage(message.value) for message in sent])
    codes = {fault.index: fault.reason.code for fault in decoded.rejected}
    assert {sent[index].name: code for index, code in codes.items()} == {
        message.name: message.reason for message in sent if message.reason
    }
    for index, row in zip(decoded.accepted.tolist(), decoded.table.to_pylist(), strict=True):
        wanted = {key: value for key, value in (sent[index].row or {}).items() if value is not None}
        read = {key: value for key, value in row.items() if value is not None}
        assert read.keys() == wanted.keys()
        assert all(same(seconds(read[key]), wanted[key]) for key in read), sent[index].name


def test_it_is_large() -> None:
    cuts = sum(message.name.startswith("cut off") for message in ALL)
    assert len(ALL) - cuts >= 200
    assert sum(message.reason is None for message in ALL) >= 100
    assert len({message.reason for message in ALL}) >= 15
    assert {message.reason for message in ALL if message.reason} <= REASONS.keys()


@pytest.mark.parametrize("message", ALL, ids=str)
def test_a_message_of_the_corpus(message: CorpusMessage) -> None:
    check([message])


@pytest.mark.parametrize("seed", range(5))
def test_all_of_them_at_once(seed: int) -> None:
    shuffled = ALL.copy()
    random.Random(seed).shuffle(shuffled)
    neighbours = [CorpusMessage(f"{number}", json.dumps(row).encode(), row=row) for number in range(60) for row in GOOD]
    sent = [message for pair in zip(shuffled, neighbours, strict=False) for message in pair]
    check(sent)

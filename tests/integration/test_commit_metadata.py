"""Brokers that take less metadata with a commit than usual: everything is delivered and committed, with less of it."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from ingest.errors import ExitCode
from ingest.sandbox.arize import ArizeEndpoint
from ingest.sandbox.broker import RealKafka
from ingest.sandbox.produce import create_topic
from tests.harness.rig import Rig

pytestmark = pytest.mark.real
EVENTS = 2_000
TOPIC = "predictions"


@pytest.fixture(params=[200, 20])
def narrow(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Rig, int]]:
    """A rig on a broker of its own, and the broker's offset.metadata.max.bytes: counts fit into 200 bytes, not 20."""
    most_bytes: int = request.param
    with ExitStack() as made:
        broker = made.enter_context(RealKafka(settings={"offset.metadata.max.bytes": str(most_bytes)}))
        create_topic(broker.bootstrap, TOPIC, 2)
        endpoint = made.enter_context(ArizeEndpoint())
        yield made.enter_context(Rig(broker, TOPIC, 2, tmp_path, endpoint)), most_bytes


def test_offsets_are_committed_with_the_metadata_that_fits(narrow: tuple[Rig, int]) -> None:
    main, most_bytes = narrow
    main.produce(EVENTS)
    main.write_settings({})
    checks = main.command.json("check")["checks"]
    (told,) = [each for each in checks if each["check"] == "commit metadata"]
    assert told["status"] == "warning"
    assert f"offset.metadata.max.bytes = {most_bytes}" in told["text"]
    run = main.start(workers=2)
    assert run.wait() == ExitCode.DONE
    assert run.all("commit_failed") == []
    assert len([each for each in run.all("notice") if "offset.metadata.max.bytes" in each["text"]]) == 1
    assert run.account["totals"]["acknowledged"] == EVENTS
    assert run.account["exact"] is (most_bytes == 200)
    counts = sum(mark.counts.acknowledged for mark in main.committed().values() if mark is not None)
    assert counts == (EVENTS if most_bytes == 200 else 0)
    assert main.findings() == []


@pytest.mark.parametrize("narrow", [20], indirect=True)
def test_a_worker_that_could_not_ask_learns_it_from_the_first_commit(narrow: tuple[Rig, int]) -> None:
    main, _ = narrow
    main.produce(EVENTS)
    run = main.start(plant="may_not_ask_the_brokers")
    assert run.wait() == ExitCode.DONE
    assert run.all("commit_failed") == []
    (warned,) = run.all("kafka_warning")
    assert "offset.metadata.max.bytes" in warned["error"]
    assert main.findings() == []

"""What a run reads follows from the configuration, the commits and the account."""

from dataclasses import replace
from pathlib import Path

import pytest

from ingest.config.load import load
from ingest.config.settings import Config
from ingest.errors import ConfigError
from ingest.pipeline.kafka.start_offset import StartPlan, choose_starts
from ingest.pipeline.offsets.checkpoint import Checkpoint
from ingest.records import TopicShape
from ingest.supervisor.plan import TopicPlan, configured_topics


def loaded(text: str, directory: Path) -> Config:
    file = directory / "given.toml"
    file.write_text(text)
    return load(file)


def test_one_topic_is_configured_with_its_partitions(tmp_path: Path) -> None:
    config = loaded('[kafka]\ntopic = "rides"\n[supervisor]\npartitions = "0-3"\n', tmp_path)
    (one,) = configured_topics(config)
    assert (one.topic, one.partitions, one.setting, one.settings) == (
        "rides",
        (0, 1, 2, 3),
        "[supervisor] partitions",
        config.topics[0],
    )


def test_each_topic_is_configured_with_its_own_partitions(tmp_path: Path) -> None:
    text = '[supervisor]\nworkers = 2\n[topics.rides]\npartitions = "0-1"\n[topics."fa.res".arize]\nmodel_name = "m"\n'
    rides, fares = configured_topics(loaded(text, tmp_path))
    assert (rides.topic, rides.partitions, rides.setting) == ("rides", (0, 1), "[topics.rides] partitions")
    assert (fares.topic, fares.partitions, fares.setting) == ("fa.res", None, '[topics."fa.res"] partitions')
    assert fares.settings.arize.model_name == "m"


def test_all_faults_show_before_kafka_is_asked(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as wrong:
        loaded('[topics.a]\npartitions = "x"\n[topics.b]\npartitions = "3-1"\n', tmp_path)
    assert [fault.split(": ")[0] for fault in wrong.value.faults] == [
        '[topics.a] partitions "x"',
        '[topics.b] partitions "3-1"',
    ]
    with pytest.raises(ConfigError, match=r"^--workers 1: "):
        configured_topics(loaded("[topics.a]\n[topics.b]\n", tmp_path))


def test_a_partition_begins_where_it_is_committed_or_where_the_topic_does(tmp_path: Path) -> None:
    earliest = loaded('[kafka]\ntopic = "rides"\n', tmp_path)
    latest = loaded('[kafka]\ntopic = "rides"\nstart = "latest"\n', tmp_path)
    marks = {0: (5, 9), 1: (5, 9), 2: (5, 9)}
    start = {0: None, 1: Checkpoint(7), 2: Checkpoint(3)}  # of the last, retention has taken 3 and 4
    for config, fresh in ((earliest, 5), (latest, 9)):
        begins = choose_starts(config.kafka, TopicShape("a", (0, 1, 2)), start, recorded={}, watermarks=marks)
        plan = StartPlan("a", 3, begins)
        topic_plan = TopicPlan(config.topics[0], (0, 1, 2), marks, start, {0: 9, 1: 9, 2: 9}, plan)
        assert topic_plan.start_offsets() == {0: fresh, 1: 7, 2: 5}
        assert topic_plan.end_offsets_of((1, 2)) == {1: 9, 2: 9}
        assert replace(topic_plan, end_offsets=None).end_offsets_of((0,)) is None


def test_added_partitions_are_read_from_their_first_message(tmp_path: Path) -> None:
    config = loaded('[kafka]\ntopic = "rides"\nstart = "latest"\n', tmp_path)
    plan = StartPlan("a", 2, {0: Checkpoint(9)}, {1: 7})
    before = TopicPlan(config.topics[0], (0, 1), {0: (5, 9), 1: (5, 9)}, {0: None, 1: Checkpoint(7)}, None, plan)
    grown = before.with_added((2, 3), TopicShape("a", (0, 1, 2, 3)))
    assert grown.partitions == (0, 1, 2, 3)
    assert grown.start_offsets() == {0: 9, 1: 7, 2: 0, 3: 0}
    assert grown.existing == 4
    assert grown.start_plan.topic_partitions == 2, "the new ones have no commit yet"
    assert grown.start_plan_of((1, 2), {2: 40, 3: 1}).known_offsets == {1: 7, 2: 40}

"""One supervisor over two topics of different mappings and models."""

import json
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest

from ingest.errors import ExitCode
from ingest.sandbox.arize_schema import environment
from tests.harness.rig import DEFAULTS, Rig
from tests.harness.supervise import Supervise

# See tests/fault/test_crash_points.py.
IN_FLIGHT_ROWS = (2 * DEFAULTS["arize"]["in_flight"] - 1) * DEFAULTS["batch"]["max_events"]


class Both:
    """Predictions as they are, and what really happened: labels and scores are actuals, `age` is called `years`."""

    def __init__(self, rig: Callable[..., Rig]) -> None:
        self.predictions = rig(partitions=4, model="fraud")
        self.outcomes = rig(partitions=2, model="fraud-late", group=self.predictions.kafka.group)
        self.rigs = (self.predictions, self.outcomes)
        self.late = {"model_name": "fraud-late", "model_version": "late"}
        self.schemas: tuple[dict[str, Any], dict[str, Any]] = (
            {},
            {
                "prediction_label": "",
                "prediction_score": "",
                "actual_label": "prediction_label",
                "actual_score": "prediction_score",
                "tags": ["tag_region", "years"],
                "rename": {"age": "years"},
            },
        )

    def produce(self, predictions: int, outcomes: int, *, bad_share: float) -> None:
        self.predictions.produce(predictions, bad_share=bad_share)
        self.outcomes.produce(outcomes, seed=1, bad_share=bad_share)
        as_produced = self.outcomes.truth.row

        def as_mapped(partition: int, sequence: int) -> dict[str, Any]:
            row = dict(as_produced(partition, sequence))
            row["years"] = row.pop("age", None)
            return row

        self.outcomes.truth.row = as_mapped

    @property
    def settings(self) -> dict[str, Any]:
        ours, theirs = self.schemas
        return {
            "kafka": {"topic": None},
            "topics": {
                self.predictions.kafka.topic: {"partitions": "0-3", "schema": ours},
                self.outcomes.kafka.topic: {"schema": theirs, "arize": self.late},
            },
        }

    def start(self, *arguments: str, workers: int, until_end: bool = True) -> Supervise:
        return self.predictions.start(*arguments, workers=workers, until_end=until_end, **self.settings)

    def run(self, *command: str) -> list[dict[str, Any]]:
        """Another command with the same settings; its JSON."""
        self.predictions.write_settings(self.settings)
        return self.predictions.command.json_lines(*command)


@pytest.fixture
def both(rig: Callable[..., Rig]) -> Both:
    return Both(rig)


def test_each_topic_reaches_its_model_through_its_mapping_though_a_worker_is_killed(both: Both) -> None:
    both.produce(8_000, 6_000, bad_share=0.002)
    predictions, outcomes = both.rigs
    predictions.endpoint.inject_faults("latency", seconds=1.0)  # so that the worker has not finished when it is killed
    with predictions.sampled(), outcomes.sampled():
        run = both.start(workers=3)
        outcomes.until_stored(1_000, run)
        (started,) = run.all("worker_started", topic=outcomes.kafka.topic)
        run.workers()[started["worker"]].kill()
        predictions.endpoint.clear_faults()
        assert run.wait() == ExitCode.DONE
    assert predictions.findings() == []
    assert outcomes.findings(most_duplicates=IN_FLIGHT_ROWS) == []
    assert [set(one.reasons) for one in both.rigs] == [one.truth.bad for one in both.rigs]
    (request, *_) = outcomes.evidence.journal.requests()
    said = request.schema.arrow_schema
    assert (request.model_version, environment(request.schema)) == ("late", "PRODUCTION")
    assert (said.actual_label_column_name, said.actual_score_column_name) == ("prediction_label", "prediction_score")
    assert (said.prediction_label_column_name, set(said.tag_column_names)) == ("", {"tag_region", "years"})

    # Two of three workers read the topic that has two of three partitions.
    shares = {event["topic"]: (event["workers"], event["first_worker"]) for event in run.all("supervisor_started")}
    assert shares == {predictions.kafka.topic: (2, 0), outcomes.kafka.topic: (1, 2)}
    (killed,) = run.all("worker_exited")
    assert (killed["exit_code"], killed["topic"]) == (-signal.SIGKILL, outcomes.kafka.topic)
    accounts = {account["topic"]: account for account in run.all("account")}
    assert [accounts[one.kafka.topic]["crashes"] for one in both.rigs] == [0, 1]
    for one, events in zip(both.rigs, (8_000, 6_000), strict=True):
        account = accounts[one.kafka.topic]
        totals = account["totals"]
        assert totals["acknowledged"] + totals["dead_lettered"] + totals["tombstones"] == events
        assert one.evidence.duplicates <= totals["duplicates_possible"]
        assert (account["exit_code"], totals["lag"]) == (0, 0)


def test_a_drain_of_several_topics_repeats_nothing(both: Both) -> None:
    both.produce(12_000, 12_000, bad_share=0.001)
    both.predictions.endpoint.inject_faults("latency", seconds=0.3)
    run = both.start(workers=2, until_end=False)
    for one in both.rigs:
        one.until_stored(1_000, run)
    run.signal(signal.SIGTERM)
    assert run.wait() == ExitCode.DONE
    for one in both.rigs:
        assert one.findings(done=False) == []
        assert 1_000 <= one.evidence.stored_rows < 12_000
    both.predictions.endpoint.clear_faults()
    assert both.start(workers=2).wait() == ExitCode.DONE
    for one in both.rigs:
        assert one.findings() == []


def test_one_topic_of_several_is_chosen_by_a_flag(both: Both) -> None:
    both.produce(1_000, 1_000, bad_share=0.0)
    run = both.start("--topic", both.outcomes.kafka.topic, "--partitions", "1", workers=1)
    assert run.wait() == ExitCode.DONE
    assert [account["topic"] for account in run.all("account")] == [both.outcomes.kafka.topic]
    assert {event["topic"] for event in run.events} == {None, both.outcomes.kafka.topic}  # None before it is known
    assert run.all("worker_started")[0]["topic"] == both.outcomes.kafka.topic
    assert both.predictions.stored == 0
    assert both.outcomes.committed_at(0) is None
    assert both.outcomes.committed_at(1) == both.outcomes.ends()[1] == both.outcomes.stored


def test_debug_reads_a_topic_with_its_own_settings(both: Both) -> None:
    both.produce(40, 40, bad_share=0.0)
    for one, model in zip(both.rigs, ("fraud", "fraud-late"), strict=True):
        found = both.run("debug", "--topic", one.kafka.topic, "--partition", "1", "--limit", "5")
        (batch,) = [finding for finding in found if "upload" in finding]
        assert batch["upload"]["model_name"] == model
        names = {column["name"] for column in batch["columns"]}
        assert ("years" in names, "age" in names) == ((model == "fraud-late"), (model == "fraud"))


def test_dead_letters_are_replayed_each_with_the_settings_of_its_topic(both: Both) -> None:
    for one, own_id in zip(both.rigs, ("id", "name"), strict=True):
        event = {"prediction_ts": int(time.time()), "prediction_label": "fraud", "prediction_score": 0.5}
        one.put([json.dumps({**event, own_id: one.kafka.topic}).encode()])
    run = both.start(workers=2)
    assert run.wait() == ExitCode.TOO_MANY_DEAD
    assert [one.reasons for one in both.rigs] == [{(0, 0): "missing_column"}] * 2
    # Either cause is cured by what the other topic could not bear.
    for schema, own_id in zip(both.schemas, ("id", "name"), strict=True):
        schema["prediction_id"] = own_id
    (tried,) = both.run("dead-letters", "replay", "--dry-run")
    assert (tried["replayed"], tried["failed"]) == (2, {})
    (replayed,) = both.run("dead-letters", "replay")
    assert (replayed["replayed"], replayed["failed"]) == (2, {})
    for one, own_id in zip(both.rigs, ("id", "name"), strict=True):
        assert [row[own_id] for row in one.evidence.journal.rows()] == [one.kafka.topic]


def test_every_topic_is_checked_measured_and_audited(both: Both) -> None:
    both.produce(2_000, 1_000, bad_share=0.01)
    names = [one.kafka.topic for one in both.rigs]
    (checked,) = both.run("check", "--workers", "2")
    assert checked["ok"]
    assert {line["topic"] for line in checked["checks"]} == {"", *names}
    before = both.run("lag")
    assert [(topic["topic"], topic["lag"]) for topic in before] == list(zip(names, (2_000, 1_000), strict=True))
    run = both.start(workers=2)
    run.until(lambda: any(one.stored for one in both.rigs))
    run.kill()
    assert both.start(workers=2).wait() == ExitCode.DONE
    assert [topic["lag"] for topic in both.run("lag")] == [0, 0]
    (audited,) = both.run("audit", "--dead-letters")
    assert audited["exact"]
    for topic, one, events in zip(audited["topics"], both.rigs, (2_000, 1_000), strict=True):
        assert topic["topic"] == one.kafka.topic
        assert sum(row["total"]["consumed"] for row in topic["partitions"]) == events
        assert sum(row["total"]["dead_lettered"] for row in topic["partitions"]) == len(one.truth.bad)
        assert one.unlisted() == []


def test_a_key_that_is_refused_for_one_topic_stops_that_one_alone(both: Both) -> None:
    both.produce(6_000, 1_000, bad_share=0.0)
    both.predictions.endpoint.inject_faults("latency", seconds=0.2)
    (both.predictions.directory / "key").write_text("nobody's")
    both.late["api_key_file"] = "key"
    run = both.start(workers=2)
    assert run.wait() == ExitCode.CREDENTIALS
    assert both.predictions.findings() == []
    assert both.outcomes.stored == 0
    assert {both.outcomes.committed_at(partition) for partition in (0, 1)} <= {None, 0}
    (draining,) = run.all("drain_started")
    assert draining["topic"] == both.outcomes.kafka.topic
    assert [account["exit_code"] for account in run.all("account")] == [ExitCode.CREDENTIALS] * 2

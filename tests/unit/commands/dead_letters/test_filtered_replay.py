"""A dead letter that its route, or the route's sample, leaves out now is settled by a replay: nothing is to be sent."""

import json
from pathlib import Path

import pytest

from ingest.commands.dead_letters import text
from ingest.commands.dead_letters.files import FileStore
from ingest.commands.dead_letters.pipeline_replay import PipelineReplay
from ingest.commands.dead_letters.replay_result import ReplayResult
from ingest.pipeline.dead_letters.files import DeadLetterFiles
from ingest.pipeline.dead_letters.queue import DeadLetter
from ingest.reasons import Reason
from tests.harness.config_file import topics
from tests.harness.messages import json_messages

ROUTES = '[arize]\nspace_id = "s"\nmodel_name = "m"\n[routes.test]\nwhen = {{ test = true }}\n{}\n[routes.rest]\n'


@pytest.mark.parametrize("left_out", ["deliver = false", "sample = 1e-12"])
def test_what_is_left_out_is_marked_and_counted(left_out: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ARIZE_API_KEY", "k")
    (topic,) = topics(ROUTES.format(left_out))
    row = {"prediction_ts": 1_763_850_000, "prediction_label": "a", "test": True}
    files = DeadLetterFiles(Path("dead_letters"), "predictions")
    messages = json_messages(row | {"prediction_id": "1"}, row | {"prediction_id": "2"})
    files.write([DeadLetter(message, Reason("no_route", "why")) for message in messages])
    files.close()
    store = FileStore(Path("dead_letters"))
    store.lock()

    dry = ReplayResult(2, dry_run=True)
    PipelineReplay(topic, store, store.index(), lambda _: None, lambda _: None).dry_run(dry)
    assert (dry.remaining, dry.filtered) == (0, 2)
    assert [entry.replayed_to for entry in store.index()] == [None, None]

    result = ReplayResult(2)
    PipelineReplay(topic, store, store.index(), lambda _: None, lambda _: None).run(result)
    assert (result.remaining, result.replayed, result.filtered) == (0, 0, 2)
    store.close()
    assert [entry.replayed_to for entry in FileStore(Path("dead_letters")).index()] == ["pipeline", "pipeline"]
    assert json.loads(text.result_json(result, "here"))["filtered"] == 2
    assert any("2  filtered by their route" in line for line in text.result_lines(result, "here"))

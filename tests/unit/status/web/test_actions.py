"""The actions of the page: who may request them, and what becomes of a request."""

from dataclasses import replace

import pytest
from starlette.testclient import TestClient

from ingest.status.web.actions import MOST_WAITING, Actions, DrainRun, PausePartition, RestartWorker
from ingest.status.web.app import application
from ingest.status.web.published import Published
from ingest.status.web.stream import Stream
from tests.harness.status_page import TOKEN, calm

BEARER = {"authorization": f"Bearer {TOKEN}"}


def client(token: str = TOKEN) -> tuple[TestClient, Actions]:
    published = Published()
    published.publish(calm())
    actions = Actions(token, lambda: published.snapshot)
    app = application(published, stream=Stream(published), actions=actions, host="127.0.0.1")
    return TestClient(app, base_url="http://127.0.0.1:9410", follow_redirects=False), actions


def test_the_bearer_of_the_token_drains_the_run() -> None:
    asked, actions = client()
    assert asked.post("/actions/drain", headers=BEARER).status_code == 202
    assert actions.take() == [DrainRun()]
    assert actions.take() == []


def test_a_worker_is_restarted_by_a_form_which_leads_back_to_the_page() -> None:
    asked, actions = client()
    answer = asked.post(
        "/actions/restart-worker", data={"token": TOKEN, "worker": "3"}, headers={"accept": "text/html"}
    )
    assert (answer.status_code, answer.headers["location"]) == (303, "/?requested#actions")
    assert actions.take() == [RestartWorker(3)]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer wrong"},
        {"authorization": f"Basic {TOKEN}"},
        {"authorization": f"Bearer {TOKEN[:-1]}"},
        {"authorization": f"Bearer {TOKEN}0"},
        {"authorization": "Bearer \N{LATIN SMALL LETTER E WITH ACUTE}".encode()},
    ],
)
def test_nobody_else_does(headers: dict[str, str]) -> None:
    asked, actions = client()
    assert asked.post("/actions/drain", headers=headers).status_code == 401
    assert actions.take() == []


@pytest.mark.parametrize("headers", [{}, BEARER, {"authorization": "Bearer "}])
def test_without_a_token_there_are_no_actions(headers: dict[str, str]) -> None:
    asked, actions = client(token="")
    assert asked.post("/actions/drain", headers=headers).status_code == 403
    assert asked.post("/actions/drain", data={"token": ""}).status_code == 403
    assert not actions.enabled
    assert actions.take() == []


@pytest.mark.parametrize("origin", ["http://evil.example", "http://127.0.0.1:9411", "null"])
def test_another_origin_does_not_even_with_the_token(origin: str) -> None:
    asked, actions = client()
    assert asked.post("/actions/drain", headers={**BEARER, "origin": origin}).status_code == 403
    assert actions.take() == []


def test_the_page_itself_may() -> None:
    asked, _ = client()
    assert asked.post("/actions/drain", headers={**BEARER, "origin": "http://127.0.0.1:9410"}).status_code == 202


@pytest.mark.parametrize("worker", ["", "x", "-1", "1.5", "\N{SUPERSCRIPT TWO}", "123456"])
def test_a_worker_is_a_number(worker: str) -> None:
    asked, actions = client()
    assert asked.post("/actions/restart-worker", data={"worker": worker}, headers=BEARER).status_code == 400
    assert actions.take() == []


def test_a_long_body_is_refused() -> None:
    asked, actions = client()
    assert asked.post("/actions/drain", content=b"a" * 5_000, headers=BEARER).status_code == 413
    assert actions.take() == []


def test_requests_do_not_pile_up() -> None:
    asked, actions = client()
    codes = [asked.post("/actions/drain", headers=BEARER).status_code for _ in range(MOST_WAITING + 1)]
    assert codes == [202] * MOST_WAITING + [503]
    assert len(actions.take()) == MOST_WAITING


def test_get_requests_nothing() -> None:
    asked, actions = client()
    assert asked.get("/actions/drain", headers=BEARER).status_code == 405
    assert actions.take() == []


@pytest.mark.parametrize(("path", "pause"), [("pause-partition", True), ("resume-partition", False)])
def test_a_partition_is_paused_and_resumed_and_its_only_topic_may_be_left_out(path: str, pause: bool) -> None:  # noqa: FBT001
    asked, actions = client()
    topic = calm().topics[0]
    number = calm().partitions[0].partition
    assert asked.post(f"/actions/{path}", data={"partition": number}, headers=BEARER).status_code == 202
    named = asked.post(f"/actions/{path}", data={"partition": number, "topic": topic}, headers=BEARER)
    assert named.status_code == 202
    assert actions.take() == [PausePartition(topic, number, pause, "testclient")] * 2


def test_a_partition_that_the_run_does_not_read_is_refused() -> None:
    asked, actions = client()
    for data, status in (({}, 400), ({"partition": "x"}, 400), ({"partition": "0", "topic": "no"}, 400)):
        assert asked.post("/actions/pause-partition", data=data, headers=BEARER).status_code == status
    answer = asked.post("/actions/pause-partition", data={"partition": "99999"}, headers=BEARER)
    assert answer.status_code == 404
    assert answer.json()["error"].startswith("partition 99999 is none of the partitions 0-")
    assert asked.post("/actions/pause-partition", data={"partition": "0"}).status_code == 401
    assert actions.take() == []


def test_of_several_topics_one_must_be_named_and_before_the_first_snapshot_there_is_none() -> None:
    published = Published()
    actions = Actions(TOKEN, lambda: published.snapshot)
    app = application(published, stream=Stream(published), actions=actions, host="127.0.0.1")
    asked = TestClient(app, base_url="http://127.0.0.1:9410")
    assert asked.post("/actions/pause-partition", data={"partition": "0"}, headers=BEARER).status_code == 503
    published.publish(replace(calm(), topics=("rides", "fares")))
    answer = asked.post("/actions/pause-partition", data={"partition": "0"}, headers=BEARER)
    assert (answer.status_code, answer.json()) == (400, {"error": "topic: name one of rides, fares"})
    assert actions.take() == []

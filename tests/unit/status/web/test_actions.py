"""The actions of the page: who may request them, and what becomes of a request."""

import pytest
from starlette.testclient import TestClient

from ingest.status.web.actions import MOST_WAITING, Actions, DrainRun, RestartWorker
from ingest.status.web.app import application
from ingest.status.web.published import Published
from ingest.status.web.stream import Stream
from tests.harness.status_page import TOKEN, calm

BEARER = {"authorization": f"Bearer {TOKEN}"}


def client(token: str = TOKEN) -> tuple[TestClient, Actions]:
    published = Published()
    published.publish(calm())
    actions = Actions(token)
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

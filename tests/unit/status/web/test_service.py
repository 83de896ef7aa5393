"""The page of a run from its port to its end."""

import http.client
import json
from pathlib import Path
from typing import Any

import pytest

from ingest.config.sections import Status
from ingest.errors import ConfigError, IngestError
from ingest.events import Event, Notice, StatusServed
from ingest.status.web import runtime_file
from ingest.status.web.listener import listen
from ingest.status.web.service import StatusPage
from tests.harness.status_page import ACCOUNT, TOKEN, calm


@pytest.fixture(autouse=True)
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path / "ingest"


def get(page: StatusPage, path: str) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", page.port, timeout=10)
    connection.request("GET", path)
    return json.loads(connection.getresponse().read())


def test_it_is_announced_serves_and_is_found() -> None:
    events: list[Event] = []
    with StatusPage(Status(port=0), {}) as page:
        page.start(events.append)
        assert events == [StatusServed(url=page.url, listen_host="127.0.0.1", port=page.port)]
        page.tick(calm())
        assert get(page, "/api/status")["run"] == calm().run
        assert [found.url for found in runtime_file.find()] == [page.url]
    assert runtime_file.find() == ()


def test_a_taken_default_port_is_replaced_and_announced() -> None:
    with listen("127.0.0.1", 0, fallback=False) as taken:
        port = taken.getsockname()[1]
        policy = Status.model_construct(_fields_set=set(), **{**dict(Status()), "port": port})
        events: list[Event] = []
        with StatusPage(policy, {}) as page:
            page.start(events.append)
            assert isinstance(events[0], StatusServed)
            assert events[0].port_taken == port
            assert events[0].port == page.port != port


def test_a_taken_configured_port_is_a_fault_of_the_configuration() -> None:
    with listen("127.0.0.1", 0, fallback=False) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"\[status\] host = 127.0.0.1, port = {port}: can't be listened on"):
            StatusPage(Status(port=port), {})


@pytest.mark.parametrize("host", ["203.0.113.1", "no such host", "999.1.1.1"])
def test_a_host_that_is_not_of_this_machine_is_a_fault(host: str) -> None:
    with pytest.raises(ConfigError, match="can't be listened on"):
        StatusPage(Status(host=host, port=0), {})


def test_listening_beyond_this_machine_is_announced() -> None:
    events: list[Event] = []
    with StatusPage(Status(host="0.0.0.0", port=0), {}) as page:
        page.start(events.append)
        assert page.url == f"http://127.0.0.1:{page.port}/"
    (notice,) = (event for event in events if isinstance(event, Notice))
    assert "listens on 0.0.0.0" in notice.text


def test_the_account_is_shown_after_the_run() -> None:
    with StatusPage(Status(port=0), {}) as page:
        page.start(lambda _: None)
        page.finish((ACCOUNT,))
        assert get(page, "/api/account")["final"]


def test_a_runtime_directory_that_can_not_be_used_is_a_fault_once(runtime: Path) -> None:
    runtime.write_text("a file")
    with StatusPage(Status(port=0), {}) as page:
        page.start(lambda _: None)
        with pytest.raises(IngestError, match=f"must be given the address {page.url}"):
            page.tick(calm())
        page.tick(calm())
        assert get(page, "/api/status")["run"] == calm().run


def test_a_page_that_was_never_started_ends() -> None:
    with StatusPage(Status(port=0), {}) as page:
        page.tick(calm())
    assert runtime_file.find() == ()


def test_actions_need_a_token_of_some_length(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("short")
    with pytest.raises(ConfigError, match=r"\[status\] token_file = .*fewer than 16 characters"):
        StatusPage(Status(port=0, actions=True, token_file=file), {})
    file.write_text(f"{TOKEN}\n")
    with StatusPage(Status(port=0, actions=True, token_file=file), {}) as page:
        assert page.actions.enabled

"""Which requests reach a route: methods, names, and sites that ask on behalf of a browser."""

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from ingest.status.web.guard import Guard, is_loopback, without_port


def client(host: str = "127.0.0.1", allowed: tuple[str, ...] = (), name: str = "127.0.0.1:9410") -> TestClient:
    def answer(_request: Request) -> Response:
        return PlainTextResponse("reached")

    paths = ("/", "/api/status", "/metrics", "/livez", "/actions/drain")
    app = Starlette(routes=[Route(path, answer, methods=["GET", "POST", "PUT"]) for path in paths])
    return TestClient(Guard(app, host=host, allowed_hosts=allowed), base_url=f"http://{name}")


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("127.0.0.1:9410", 200),
        ("localhost:9410", 200),
        ("localhost", 200),
        ("LOCALHOST.", 200),
        ("[::1]:9410", 200),
        ("evil.example:9410", 421),
        ("localhost.evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("10.0.0.7:9410", 421),
    ],
)
def test_on_this_machine_only_its_own_names_are_served(name: str, status: int) -> None:
    assert client().get("/api/status", headers={"host": name}).status_code == status


@pytest.mark.parametrize(
    ("name", "path", "status"),
    [
        ("10.0.0.7:9410", "/", 200),
        ("evil.example", "/", 421),
        ("ops.example", "/", 200),
        ("ingest.svc:9410", "/metrics", 200),
        ("ingest.svc:9410", "/livez", 200),
        ("ingest.svc:9410", "/api/status", 421),
    ],
)
def test_beyond_this_machine_addresses_and_allowed_names_are_served(name: str, path: str, status: int) -> None:
    answer = client("0.0.0.0", ("ops.example",)).get(path, headers={"host": name})
    assert answer.status_code == status


def test_a_request_without_a_name_is_refused() -> None:
    assert client().get("/", headers={"host": ""}).status_code == 421


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/", 200), ("HEAD", "/", 200), ("POST", "/", 405), ("PUT", "/actions/drain", 405),
     ("POST", "/actions/drain", 200), ("OPTIONS", "/api/status", 405), ("DELETE", "/api/status", 405)],
)  # fmt: skip
def test_methods(method: str, path: str, status: int) -> None:
    assert client().request(method, path).status_code == status


@pytest.mark.parametrize(
    ("site", "mode", "path", "status"),
    [
        ("same-origin", "cors", "/api/status", 200),
        ("none", "navigate", "/api/status", 200),
        ("cross-site", "cors", "/api/status", 403),
        ("cross-site", "no-cors", "/", 403),
        ("same-site", "cors", "/api/status", 403),
        ("cross-site", "navigate", "/", 200),
        ("cross-site", "navigate", "/api/status", 403),
    ],
)
def test_another_site_may_only_link_to_the_page(site: str, mode: str, path: str, status: int) -> None:
    headers = {"sec-fetch-site": site, "sec-fetch-mode": mode}
    assert client().get(path, headers=headers).status_code == status


def test_a_form_of_another_site_can_not_post() -> None:
    headers = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    assert client().post("/actions/drain", headers=headers).status_code == 403


@pytest.mark.parametrize("path", ["/", "/missing"])
def test_every_answer_has_the_headers(path: str) -> None:
    found = client().get(path, headers={"origin": "http://evil.example"}).headers
    assert "script-src 'self'" in found["content-security-policy"]
    assert "unsafe-inline" not in found["content-security-policy"]
    assert found["x-content-type-options"] == "nosniff"
    assert found["connection"] == "close"
    assert not [name for name in found if name.startswith("access-control")]


@pytest.mark.parametrize(
    ("host", "found"),
    [("127.0.0.1", True), ("127.8.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False),
     ("10.0.0.7", False), ("ops.example", False)],
)  # fmt: skip
def test_loopback(host: str, found: object) -> None:
    assert is_loopback(host) is found


@pytest.mark.parametrize(
    ("host", "name"), [("a:1", "a"), ("a", "a"), ("[::1]:9", "::1"), ("[::1]", "::1"), ("::1", "::1"), ("", "")]
)
def test_the_name_without_its_port(host: str, name: str) -> None:
    assert without_port(host) == name

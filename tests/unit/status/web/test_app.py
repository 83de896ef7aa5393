"""The routes over snapshots made by hand."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest
from starlette.testclient import TestClient

from ingest.status.snapshot import Snapshot, as_json
from ingest.status.web.actions import Actions
from ingest.status.web.app import Probes, application
from ingest.status.web.published import Published
from ingest.status.web.stream import Stream
from tests.harness.status_page import ACCOUNT, calm, hostile, stuck


@dataclass(frozen=True)
class Verdict:
    ok: bool
    reasons: Sequence[str] = ()
    notes: Sequence[str] = ()


def client(
    *snapshots: Snapshot, probes: Probes | None = None, faults: list[Exception] | None = None
) -> tuple[TestClient, Published]:
    published = Published({"kafka": {"brokers": "a:1"}})
    for snapshot in snapshots:
        published.publish(snapshot)
    app = application(
        published,
        stream=Stream(published),
        actions=Actions(""),
        host="127.0.0.1",
        probes=probes,
        on_fault=None if faults is None else faults.append,
    )
    return TestClient(app, base_url="http://127.0.0.1:9410"), published


@pytest.mark.parametrize("snapshot", [calm(), stuck(), hostile()], ids=["calm", "stuck", "hostile"])
def test_status_is_the_snapshot(snapshot: Snapshot) -> None:
    found = client(snapshot)[0].get("/api/status")
    assert found.headers["content-type"] == "application/json"
    assert found.json() == json.loads(json.dumps(as_json(snapshot)))


def test_the_newest_snapshot_is_served() -> None:
    asked, published = client(calm(), stuck())
    assert asked.get("/api/status").json()["health"] == "failing"
    published.publish(replace(calm(), sentence="a later one"))
    assert asked.get("/api/status").json()["sentence"] == "a later one"


@pytest.mark.parametrize("path", ["/api/status", "/livez", "/readyz"])
def test_before_the_first_snapshot_the_run_is_starting(path: str) -> None:
    probes = Probes(livez=lambda _, __: Verdict(ok=True), readyz=lambda _, __: Verdict(ok=True))
    assert client(probes=probes)[0].get(path).status_code == 503


def test_the_page_is_served_before_the_first_snapshot() -> None:
    assert "The run is starting" in client()[0].get("/").text


def test_the_account_is_final_once_the_run_has_ended() -> None:
    asked, published = client(calm())
    so_far = asked.get("/api/account").json()
    assert (so_far["final"], so_far["accounts"]) == (False, [])
    published.publish_accounts((ACCOUNT,))
    found = asked.get("/api/account").json()
    assert found["final"]
    assert found["accounts"][0]["totals"]["acknowledged"] == 1_200
    assert found["so_far"] == []


def test_what_is_confirmed_so_far_is_the_sum_of_the_partitions_and_an_unknown_lag_makes_the_sum_unknown() -> None:
    run = calm(3)
    asked, published = client(run)
    (found,) = asked.get("/api/account").json()["so_far"]
    assert (found["topic"], found["at"]) == (run.topics[0], run.at)
    for name in ("acknowledged", "dead_lettered", "lag"):
        assert found["totals"][name] == sum(getattr(one, name) for one in run.partitions)
    assert [one["next_offset"] for one in found["partitions"]] == [one.next_offset for one in run.partitions]
    first, *others = run.partitions
    published.publish(replace(run, partitions=(replace(first, lag=None), *others)))
    assert asked.get("/api/account").json()["so_far"][0]["totals"]["lag"] is None
    assert client()[0].get("/api/account").json()["so_far"] == []


def test_the_configuration() -> None:
    assert client()[0].get("/api/config").json() == {"kafka": {"brokers": "a:1"}}


@pytest.mark.parametrize(
    ("name", "kind"),
    [("page.css", "text/css"), ("page.js", "text/javascript"), ("ok.svg", "image/svg+xml"), ("lost.svg", "image/svg")],
)
def test_static_files(name: str, kind: str) -> None:
    found = client()[0].get(f"/static/{name}")
    assert found.status_code == 200
    assert found.headers["content-type"].startswith(kind)


@pytest.mark.parametrize("path", ["/static/missing", "/static/..%2fapp.py", "/static/../app.py", "/static/", "/other"])
def test_nothing_else_is_served(path: str) -> None:
    assert client(calm())[0].get(path).status_code == 404


def test_probes_answer_with_their_reasons() -> None:
    probes = Probes(
        exposition=lambda _: (b"ingest_up 1\n", "text/plain; version=0.0.4"),
        livez=lambda _, __: Verdict(ok=True),
        readyz=lambda snapshot, _: Verdict(ok=False, reasons=(f"{len(snapshot.partitions)} partitions wait",)),
    )
    asked = client(calm(), probes=probes)[0]
    assert asked.get("/metrics").content == b"ingest_up 1\n"
    assert asked.get("/livez").json() == {"ok": True, "reasons": [], "notes": []}
    refused = asked.get("/readyz")
    assert refused.status_code == 503
    assert refused.json() == {"ok": False, "reasons": ["32 partitions wait"], "notes": []}


def test_probes_that_are_not_given_have_no_route() -> None:
    assert client(calm())[0].get("/metrics").status_code == 404


def test_a_fault_of_a_route_is_reported_and_shows_nothing() -> None:
    def broken(_accept: str) -> tuple[bytes, str]:
        raise RuntimeError("a payload")

    faults: list[Exception] = []
    found = client(calm(), probes=Probes(exposition=broken), faults=faults)[0].get("/metrics")
    assert found.status_code == 500
    assert "payload" not in found.text
    assert [str(fault) for fault in faults] == ["a payload"]


def test_all_partitions_have_a_page() -> None:
    found = client(stuck(300))[0].get("/partitions")
    assert found.headers["content-type"].startswith("text/html")
    assert found.text.count("data-key=") == 300 + 1  # the table names its key
    assert client()[0].get("/partitions").status_code == 503


@pytest.mark.parametrize("path", ["/", "/partitions", "/api/status", "/static/page.js"])
def test_long_answers_are_compressed_for_whoever_takes_it(path: str) -> None:
    asked = client(stuck(1_000))[0]
    plain = asked.get(path, headers={"accept-encoding": "identity"})
    packed = asked.get(path, headers={"accept-encoding": "gzip"})
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.headers["cache-control"] == "no-store"
    assert int(packed.headers["content-length"]) < len(plain.content) / 2
    assert packed.content == plain.content

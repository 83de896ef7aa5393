"""The local Arize endpoint as the real arize SDK and a plain HTTP client see it."""

import concurrent.futures
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
import pyarrow as pa
import pytest
import requests
from arize import ArizeClient
from arize.exceptions.auth import AuthenticationError
from arize.exceptions.http import APIError
from arize.ml.types import Environments, ModelTypes, Schema

from ingest.sandbox.arize import ArizeEndpoint
from ingest.sandbox.compare import compare
from ingest.sandbox.fault_injection import Fault
from ingest.sandbox.generate import Generator
from ingest.sandbox.service_process import SandboxError

MADE_BY = Generator(seed=11)
ROWS = 300
FEATURES = ("amount", "is_member", "city", "interests", "age", "account")
SDK_SCHEMA = Schema(
    prediction_id_column_name="prediction_id",
    timestamp_column_name="prediction_ts",
    prediction_label_column_name="prediction_label",
    prediction_score_column_name="prediction_score",
    feature_column_names=[*FEATURES],
    tag_column_names=["kp", "seq"],
)
COLUMNS = ("prediction_id", "prediction_ts", "prediction_label", "prediction_score", *FEATURES, "kp", "seq")

Log = Callable[..., requests.Response]


def frame(first: int = 0, rows: int = ROWS) -> pd.DataFrame:
    made = [MADE_BY.row(0, sequence) for sequence in range(first, first + rows)]
    table = pa.table({name: pa.array([row.get(name) for row in made]) for name in COLUMNS})
    data: pd.DataFrame = table.to_pandas(types_mapper=pd.ArrowDtype)
    return data


@pytest.fixture
def log(arize_endpoint: ArizeEndpoint, tmp_path: Path) -> Log:
    """`log(frame, ...)` sends a frame to the endpoint through the real SDK."""
    where = arize_endpoint.environment()
    client = ArizeClient(
        api_key=where["ARIZE_API_KEY"],
        api_host=where["ARIZE_API_HOST"],
        api_scheme=where["ARIZE_API_SCHEME"],
        api_port=int(where["ARIZE_API_PORT"]),
    )

    def send(data: pd.DataFrame, **changes: Any) -> requests.Response:
        arguments: dict[str, Any] = {
            "space_id": where["ARIZE_SPACE_ID"],
            "model_name": "churn",
            "model_type": ModelTypes.BINARY_CLASSIFICATION,
            "schema": SDK_SCHEMA,
            "environment": Environments.PRODUCTION,
            "model_version": "7",
            "validate": False,
            "timeout": 5,
            "tmp_dir": str(tmp_path),
            **changes,
        }
        return client.ml.log(dataframe=data, **arguments)

    return send


def unsent() -> set[str]:
    return {name for sequence in range(ROWS) for name in MADE_BY.row(0, sequence)} - {*COLUMNS}


def test_what_the_sdk_logs_is_stored_value_for_value(arize_endpoint: ArizeEndpoint, log: Log) -> None:
    response = log(frame(), validate=True)
    assert (response.status_code, response.history, response.request.method) == (200, [], "POST")
    (request,) = arize_endpoint.journal.requests()
    assert (request.model_name, request.model_version, request.environment) == ("churn", "7", "PRODUCTION")
    found = compare(arize_endpoint.journal, MADE_BY, {0: ROWS}, ignore=unsent())
    assert (found.nothing_lost, found.stored, found.duplicates) == (True, ROWS, 0)


def test_rows_sent_again_are_counted_as_duplicates(arize_endpoint: ArizeEndpoint, log: Log) -> None:
    log(frame(0, 100))
    log(frame(50, 100))
    stats = arize_endpoint.stats()
    assert {name: stats[name] for name in ("stored_batches", "stored_rows", "distinct_rows", "duplicates")} == {
        "stored_batches": 2,
        "stored_rows": 200,
        "distinct_rows": 150,
        "duplicates": 50,
    }
    counts = arize_endpoint.journal.counts()[0]
    assert ((counts == 2).sum(), len(counts)) == (50, 150)


def test_uploads_at_the_same_time_are_all_stored(arize_endpoint: ArizeEndpoint, log: Log) -> None:
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(log, [frame(first, 50) for first in range(0, 1000, 50)]))
    stats = arize_endpoint.stats()
    assert (stats["distinct_rows"], stats["duplicates"]) == (1000, 0)
    assert sum(arize_endpoint.journal.received().values()) == 1000


def test_a_numeric_model_and_its_training_environment(arize_endpoint: ArizeEndpoint, log: Log) -> None:
    schema = Schema(
        prediction_id_column_name="prediction_id",
        timestamp_column_name="prediction_ts",
        prediction_label_column_name="prediction_score",
        actual_label_column_name="amount",
    )
    log(frame(), model_type=ModelTypes.REGRESSION, environment=Environments.TRAINING, schema=schema, validate=True)
    (request,) = arize_endpoint.journal.requests()
    assert request.environment == "TRAINING"


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("age", pa.array([2**63] * ROWS, pa.uint64())),
        ("city", pa.array(["x"] * ROWS, pa.large_string())),
        ("amount", pa.array([{"a": 1}] * ROWS)),
        ("prediction_id", pa.array([None, *["x"] * (ROWS - 1)])),
        ("prediction_ts", pa.array([1e13] * ROWS)),
    ],
)
def test_what_arize_would_refuse_is_refused_by_name(
    arize_endpoint: ArizeEndpoint, log: Log, column: str, values: pa.Array
) -> None:
    data = frame()
    data[column] = pd.Series(values, dtype=pd.ArrowDtype(values.type))
    with pytest.raises(APIError, match=f"400.*'{column}'"):
        log(data)
    assert arize_endpoint.stats()["stored_rows"] == 0
    assert list(arize_endpoint.journal.path.iterdir()) == []


def test_a_column_that_the_schema_names_but_nobody_sends_is_refused(log: Log) -> None:
    with pytest.raises(APIError, match="'age'"):
        log(frame().drop(columns=["age"]))


def test_unknown_keys_and_spaces_are_refused(arize_endpoint: ArizeEndpoint, log: Log) -> None:
    with pytest.raises(AuthenticationError):
        log(frame(), space_id="another")
    arize_endpoint.control(api_key="rotated")
    with pytest.raises(AuthenticationError):
        log(frame())
    assert arize_endpoint.stats()["answers"] == {"401": 1, "403": 1}
    assert arize_endpoint.stats()["stored_rows"] == 0


# --- faults ---------------------------------------------------------------------------------------


def test_a_status_for_so_many_requests_then_as_usual(arize_endpoint: ArizeEndpoint, log: Log) -> None:
    arize_endpoint.inject_faults("status", status=503, count=2)
    for _ in range(2):
        with pytest.raises(APIError, match="503"):
            log(frame())
    log(frame())
    assert arize_endpoint.stats()["answers"] == {"200": 1, "503": 2}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_looks_like_success_to_the_sdk_and_nothing_is_stored(
    arize_endpoint: ArizeEndpoint, log: Log, status: int
) -> None:
    arize_endpoint.inject_faults("redirect", status=status)
    response = log(frame())
    assert (response.status_code, [step.status_code for step in response.history]) == (200, [status])
    stats = arize_endpoint.stats()
    assert (stats["elsewhere"], stats["stored_rows"]) == (1, 0)


@pytest.mark.parametrize("stored", [False, True])
def test_a_reset_before_and_after_storing(arize_endpoint: ArizeEndpoint, log: Log, stored: bool) -> None:  # noqa: FBT001
    arize_endpoint.inject_faults("reset", stored=stored)
    # Reset, broken pipe or closed, as it hits the client's write or its read: urllib3 passes over a broken pipe.
    with pytest.raises(requests.ConnectionError, match="Connection aborted"):
        log(frame())
    assert arize_endpoint.stats()["stored_rows"] == (ROWS if stored else 0)


def test_a_truncated_answer_comes_after_storing(arize_endpoint: ArizeEndpoint, log: Log) -> None:
    arize_endpoint.inject_faults("truncate")
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        log(frame())
    assert arize_endpoint.stats()["stored_rows"] == ROWS


@pytest.mark.parametrize("stored", [False, True])
def test_a_stall_without_end_lasts_until_the_client_leaves(
    arize_endpoint: ArizeEndpoint,
    log: Log,
    stored: bool,  # noqa: FBT001
) -> None:
    arize_endpoint.inject_faults("stall", stored=stored)
    with pytest.raises(requests.ReadTimeout):
        log(frame(), timeout=0.3)
    wait_until(lambda: arize_endpoint.stats()["faults"][0]["played"] == 1)
    wait_until(lambda: arize_endpoint.stats()["stored_rows"] == (ROWS if stored else 0))


@pytest.mark.parametrize("kind", ["stall", "latency"])
def test_a_late_answer(arize_endpoint: ArizeEndpoint, log: Log, kind: Any) -> None:
    arize_endpoint.inject_faults(kind, seconds=0.4)
    began_s = time.monotonic()
    assert log(frame()).status_code == 200
    assert time.monotonic() - began_s >= 0.4
    assert arize_endpoint.stats()["stored_rows"] == ROWS


def test_a_dripping_answer_outlasts_the_clients_timeout(arize_endpoint: ArizeEndpoint, log: Log) -> None:
    arize_endpoint.inject_faults("drip", seconds=0.1)
    began_s = time.monotonic()
    assert log(frame(), timeout=2).status_code == 200
    assert time.monotonic() - began_s > 2


def test_rows_refused_by_content(arize_endpoint: ArizeEndpoint, log: Log) -> None:
    arize_endpoint.inject_faults("status", status=422, text="seq 7 is cursed", column="seq", value=7)
    with pytest.raises(APIError, match=r"422.*cursed"):
        log(frame(0, 10))
    assert log(frame(10, 10)).status_code == 200
    assert arize_endpoint.journal.counts()[0].sum() == 10


def test_uploads_refused_by_size(arize_endpoint: ArizeEndpoint, log: Log) -> None:
    arize_endpoint.inject_faults("status", status=413, min_rows=100)
    with pytest.raises(APIError, match="413"):
        log(frame(0, 100))
    assert log(frame(0, 99)).status_code == 200


def test_the_first_fault_that_applies_and_behaving_again(arize_endpoint: ArizeEndpoint, log: Log) -> None:
    arize_endpoint.inject_faults(
        [Fault(kind="status", status=500, count=1), Fault(kind="status", status=429, retry_after_s=3)]
    )
    with pytest.raises(APIError, match="500"):
        log(frame())
    with pytest.raises(APIError, match="429"):
        log(frame())
    assert [fault["played"] for fault in arize_endpoint.stats()["faults"]] == [1, 1]
    arize_endpoint.clear_faults()
    assert log(frame()).status_code == 200


def test_an_unknown_fault_is_refused_and_changes_nothing(arize_endpoint: ArizeEndpoint, log: Log) -> None:
    arize_endpoint.inject_faults("status", status=503)
    wrongs: list[dict[str, Any]] = [{"faults": [{"kind": "explode"}]}, {"faults": [{"kind": "reset", "odd": 1}]}]
    for wrong in [*wrongs, {"fault": []}]:
        with pytest.raises(SandboxError, match=r"explode|odd|fault"):
            arize_endpoint.control(**wrong)
    with pytest.raises(APIError, match="503"):
        log(frame())


# --- plain HTTP -----------------------------------------------------------------------------------


def recorded(log: Log, endpoint: ArizeEndpoint) -> tuple[bytes, Mapping[str, str]]:
    """The body and headers of a real upload."""
    response = log(frame())
    return endpoint.journal.files()[0].read_bytes(), response.request.headers


def test_retry_after_is_sent(arize_endpoint: ArizeEndpoint, log: Log) -> None:
    body, headers = recorded(log, arize_endpoint)
    arize_endpoint.inject_faults("status", status=429, retry_after_s=2.5)
    url = f"http://127.0.0.1:{arize_endpoint.port}/v1/pandas_arrow"
    response = requests.post(url, data=body, headers=headers, timeout=5)
    assert (response.status_code, response.headers["Retry-After"]) == (429, "2.5")


def test_chunked_uploads_and_a_connection_that_is_used_again(arize_endpoint: ArizeEndpoint, log: Log) -> None:
    body, headers = recorded(log, arize_endpoint)
    plain = {name: value for name, value in headers.items() if name.lower() not in ("content-length", "connection")}

    def pieces() -> Iterator[bytes]:
        yield from (body[start : start + 1000] for start in range(0, len(body), 1000))

    with requests.Session() as session:
        for _ in range(3):
            url = f"http://127.0.0.1:{arize_endpoint.port}/v1/pandas_arrow"
            assert session.post(url, data=pieces(), headers=plain, timeout=5).status_code == 200
    assert set(arize_endpoint.journal.received().values()) == {4}


@pytest.mark.parametrize(
    ("fault", "on_the_wire", "answers"),
    [
        (Fault(kind="cut", after_bytes=17), b"HTTP/1.1 200 OK\r\n", 1),
        (Fault(kind="cut", after_bytes=12, stored=True), b"HTTP/1.1 200", 1),
        (Fault(kind="portal", status=203), b"HTTP/1.1 203 Portal\r\n", 1),
        (Fault(kind="interim", status=103), b"HTTP/1.1 100 Interim\r\n", 3),
        (Fault(kind="length", length="5x"), b"HTTP/1.1 200 OK\r\nContent-Length: 5x\r\n", 1),
        (Fault(kind="leftover"), b"HTTP/1.1 200 OK\r\n", 2),
    ],
)
def test_odd_answers_on_the_wire(
    arize_endpoint: ArizeEndpoint, log: Log, fault: Fault, on_the_wire: bytes, answers: int
) -> None:
    body, headers = recorded(log, arize_endpoint)
    kept = {name: value for name, value in headers.items() if name.lower() not in ("content-length", "connection")}
    lines = [f"{name}: {value}" for name, value in {**kept, "Content-Length": len(body), "Connection": "close"}.items()]
    arize_endpoint.inject_faults(fault)
    with socket.create_connection(("127.0.0.1", arize_endpoint.port), 10.0) as client:
        client.sendall("\r\n".join(["POST /v1/pandas_arrow HTTP/1.1", *lines, "", ""]).encode() + body)
        got = b"".join(iter(lambda: client.recv(65_536), b""))
    assert got.startswith(on_the_wire)
    assert (got == on_the_wire) == (fault.kind == "cut")
    assert got.count(b"HTTP/1.1") == answers
    assert len(arize_endpoint.journal.files()) == 1 + fault.stores


@pytest.mark.parametrize("cut", [0, 10, 2000])
def test_a_body_that_is_no_whole_arrow_stream_is_refused(arize_endpoint: ArizeEndpoint, log: Log, cut: int) -> None:
    body, headers = recorded(log, arize_endpoint)
    plain = {name: value for name, value in headers.items() if name.lower() != "content-length"}
    url = f"http://127.0.0.1:{arize_endpoint.port}/v1/pandas_arrow"
    response = requests.post(url, data=body[:cut] + b"\x00" * 64, headers=plain, timeout=5)
    assert response.status_code == 400
    assert len(arize_endpoint.journal.files()) == 1


def test_a_wrong_number_of_rows_is_refused(arize_endpoint: ArizeEndpoint, log: Log) -> None:
    body, headers = recorded(log, arize_endpoint)
    url = f"http://127.0.0.1:{arize_endpoint.port}/v1/pandas_arrow"
    response = requests.post(url, data=body, headers={**headers, "number-of-rows": "7"}, timeout=5)
    assert (response.status_code, "number-of-rows" in response.json()["message"]) == (400, True)


def test_a_client_that_leaves_in_mid_upload_stores_nothing(arize_endpoint: ArizeEndpoint) -> None:
    with socket.create_connection(("127.0.0.1", arize_endpoint.port)) as client:
        client.sendall(b"POST /v1/pandas_arrow HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 5000)
    wait_until(lambda: arize_endpoint.stats()["broken_off"] == 1)
    assert list(arize_endpoint.journal.path.iterdir()) == []


def test_a_reset_is_one_on_the_wire(arize_endpoint: ArizeEndpoint) -> None:
    arize_endpoint.inject_faults("reset", after_bytes=1000)
    with socket.create_connection(("127.0.0.1", arize_endpoint.port)) as client:
        client.sendall(b"POST /v1/pandas_arrow HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n" + b"x" * 1000)
        with pytest.raises(ConnectionResetError):
            client.recv(1)


def wait_until(holds: Callable[[], bool], within_s: float = 10.0) -> None:
    deadline_s = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline_s, f"not within {within_s:g} s"
        time.sleep(0.01)


# --- the process ----------------------------------------------------------------------------------


def test_what_was_answered_survives_a_kill_and_the_next_endpoint_goes_on(tmp_path: Path) -> None:
    with ArizeEndpoint(tmp_path / "journal") as first:
        client = ArizeClient(api_key=first.api_key, api_host="127.0.0.1", api_scheme="http", api_port=first.port)
        client.ml.log(
            space_id=first.space_id,
            model_name="churn",
            model_type=ModelTypes.BINARY_CLASSIFICATION,
            dataframe=frame(),
            schema=SDK_SCHEMA,
            environment=Environments.PRODUCTION,
            model_version="1",
        )
        first.kill()
        assert first.journal.counts()[0].sum() == ROWS
        with pytest.raises(SandboxError, match="doesn't answer"):
            first.stats()
    with ArizeEndpoint(tmp_path / "journal") as second:
        assert second.stats()["stored_rows"] == ROWS


def test_it_leaves_with_whoever_started_it(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from ingest.sandbox.arize import ArizeEndpoint; "
        "print(ArizeEndpoint(Path(sys.argv[1])).pid, flush=True); sys.stdin.read()"
    )
    starter = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with starter:
        assert starter.stdout is not None
        endpoint = psutil.Process(int(starter.stdout.readline()))
        os.kill(starter.pid, signal.SIGKILL)
        with contextlib.suppress(psutil.NoSuchProcess):
            endpoint.wait(timeout=10)
    assert not endpoint.is_running()


def test_the_key_is_in_no_argument_list(arize_endpoint: ArizeEndpoint) -> None:
    assert arize_endpoint.api_key not in " ".join(psutil.Process(arize_endpoint.pid).cmdline())


def test_a_taken_port_is_an_error_that_says_where_to_look(arize_endpoint: ArizeEndpoint) -> None:
    with pytest.raises(SandboxError, match="didn't start"):
        ArizeEndpoint(port=arize_endpoint.port)

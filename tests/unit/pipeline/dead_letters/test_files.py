"""Dead letters are durable byte for byte before their tickets are released, also when writing fails at first."""

import base64
import json
import os
import resource
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.events import DeadLettersBlocked, DeadLettersWritten, Event
from ingest.pipeline.backoff import Backoff
from ingest.pipeline.dead_letters.files import DeadLetterFiles
from ingest.pipeline.dead_letters.queue import DeadLetter, DeadLetterBatch, DeadLetterQueue
from ingest.pipeline.offsets.segment import Ticket
from ingest.pipeline.offsets.tracker import PartitionTracker
from ingest.reasons import Reason
from ingest.records import Span
from tests.harness.messages import FakeMessage, Headers
from tests.harness.tickets import ticket_for

NO_JITTER = 0.999


def sent(
    offset: int, value: bytes | None, key: bytes | None = None, headers: Headers = None, partition: int = 3
) -> FakeMessage:
    return FakeMessage(
        value, partition=partition, offset=offset, key=key, headers=headers, timestamp=(1, 1_700_000_000_123)
    )


def letter(offset: int = 0, value: bytes | None = b"{}") -> DeadLetter:
    return DeadLetter(sent(offset, value), Reason("not_json", "not valid JSON at byte 0"))


def lines(directory: Path) -> list[dict[str, Any]]:
    """Every line of every file; each must be whole."""
    return [
        json.loads(line)
        for path in sorted(directory.iterdir())
        for line in path.read_bytes().decode().removesuffix("\n").split("\n")
    ]


def read_back(record: dict[str, Any], name: str) -> bytes | None:
    if f"{name}_base64" in record:
        assert name not in record
        return base64.b64decode(record[f"{name}_base64"], validate=True)
    text = record[name]
    return None if text is None else str(text).encode()


RAW = st.none() | st.binary(max_size=20) | st.text(st.characters(exclude_categories=["Cs"]), max_size=9).map(str.encode)
HEADERS = st.none() | st.lists(
    st.tuples(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), RAW), max_size=3
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(RAW, RAW, HEADERS), min_size=1, max_size=4))
def test_every_byte_comes_back(tmp_path: Path, parts: list[tuple[Any, Any, Any]]) -> None:
    directory = tmp_path / str(time.monotonic_ns())
    files = DeadLetterFiles(directory, "predictions")
    files.write([DeadLetter(sent(n, *part), Reason("not_json", "why")) for n, part in enumerate(parts)])
    files.close()
    records = lines(directory)
    assert [record["offset"] for record in records] == list(range(len(parts)))
    for record, (value, key, headers) in zip(records, parts, strict=True):
        assert read_back(record, "value") == value
        assert read_back(record, "key") == key
        found = [
            (name, base64.b64decode(raw["base64"]) if isinstance(raw, dict) else raw and raw.encode())
            for name, raw in record["headers"]
        ]
        assert [(name, raw if raw is None else raw or b"") for name, raw in found] == [
            (name, raw if raw is None else raw or b"") for name, raw in headers or []
        ]


def test_a_line_says_what_where_when_and_why(tmp_path: Path) -> None:
    DeadLetterFiles(tmp_path, "predictions").write([letter(17, b'{"a"\n:')])
    (record,) = lines(tmp_path)
    assert record.pop("written_at").endswith("+00:00")
    assert record == {
        "reason": "not_json",
        "detail": "not valid JSON at byte 0",
        "topic": "predictions",
        "partition": 3,
        "offset": 17,
        "timestamp_ms": 1_700_000_000_123,
        "key": None,
        "headers": [],
        "value": '{"a"\n:',
    }


def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    directory = tmp_path / "new" / "letters"
    before = os.umask(0)
    try:
        DeadLetterFiles(directory, "predictions").write([letter()])
    finally:
        os.umask(before)
    assert directory.stat().st_mode & 0o777 == 0o700
    (path,) = directory.iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.name.startswith("predictions.")


def test_one_file_serves_many_writes_and_none_is_made_for_nothing(tmp_path: Path) -> None:
    files = DeadLetterFiles(tmp_path, "predictions")
    files.write([])
    assert list(tmp_path.iterdir()) == []
    for offset in range(5):
        files.write([letter(offset), letter(offset + 100)])
    assert len(list(tmp_path.iterdir())) == 1
    files.close()
    files.close()
    files.write([letter(9)])
    assert len(list(tmp_path.iterdir())) == 2
    assert len(lines(tmp_path)) == 11


def test_another_writers_file_of_the_same_name_is_left_alone(tmp_path: Path) -> None:
    """Two containers may share the directory, the second and the process id."""
    theirs = {}
    for seconds in range(30):
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(time.time() + seconds))
        path = tmp_path / f"predictions.{stamp}.{os.getpid()}.1.jsonl"
        path.write_text(f'{{"offset": {-1 - seconds}}}\n')
        theirs[path] = path.read_bytes()
    files = DeadLetterFiles(tmp_path, "predictions")
    with pytest.raises(FileExistsError):
        files.write([letter(5)])
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == theirs
    files.write([letter(5)])
    assert [record["offset"] for record in lines(tmp_path) if record["offset"] >= 0] == [5]


def run_limited(tmp_path: Path, body: str) -> dict[str, Any]:
    """Run `body` in a process of its own; `limit(bytes)` there lets no file grow past that."""
    program = f"""
import json, os, resource, sys
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_files import letter, lines, limit
from ingest.pipeline.dead_letters.files import DeadLetterFiles
directory = Path({str(tmp_path / "letters")!r})
files = DeadLetterFiles(directory, "predictions")
def refused(letters):
    try:
        files.write(letters)
    except OSError as error:
        return error.errno
    return None
{textwrap.dedent(body)}
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def limit(size: int) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size if size >= 0 else hard, hard))


def test_a_write_that_fails_leaves_no_stub_and_the_next_writes_all(tmp_path: Path) -> None:
    found = run_limited(
        tmp_path,
        """
        limit(100)
        errors = [refused([letter(n) for n in range(5)]) for _ in range(3)]
        stubs = [path.name for path in directory.iterdir()]
        limit(-1)
        files.write([letter(n) for n in range(5)])
        print(json.dumps({"errors": errors, "stubs": stubs, "offsets": [r["offset"] for r in lines(directory)]}))
        """,
    )
    assert found == {"errors": [27, 27, 27], "stubs": [], "offsets": [0, 1, 2, 3, 4]}


def test_a_write_that_fails_halfway_keeps_what_was_durable_and_tears_no_line(tmp_path: Path) -> None:
    found = run_limited(
        tmp_path,
        """
        files.write([letter(0), letter(1)])
        (path,) = directory.iterdir()
        durable = path.read_bytes()
        limit(len(durable) + 100)
        errors = [refused([letter(2), letter(3)])]
        kept = path.read_bytes() == durable
        limit(10)
        errors.append(refused([letter(2), letter(3)]))
        limit(-1)
        files.write([letter(2), letter(3)])
        offsets = sorted(r["offset"] for r in lines(directory))
        print(json.dumps({"errors": errors, "kept": kept, "offsets": offsets, "files": len(list(directory.iterdir()))}))
        """,
    )
    assert found == {"errors": [27, 27], "kept": True, "offsets": [0, 1, 2, 3], "files": 2}


def test_descriptors_do_not_leak_while_the_disk_refuses(tmp_path: Path) -> None:
    found = run_limited(
        tmp_path,
        """
        limit(10)
        refused([letter()])
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(50):
            refused([letter()])
        print(json.dumps({"more": len(os.listdir("/proc/self/fd")) - before}))
        """,
    )
    assert found == {"more": 0}


def test_what_was_written_reached_the_disk_before_the_call_returned(tmp_path: Path) -> None:
    """The new directory's name, the file's name, then the data: a synced file that can't be found is lost too."""
    trace = tmp_path / "calls"
    program = f"""
import os, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from pathlib import Path
from test_files import letter
from ingest.pipeline.dead_letters.files import DeadLetterFiles
calls = []
sys.setprofile(lambda frame, what, function: what == "c_call" and function.__name__ in ("write", "fsync")
               and getattr(function, "__module__", "") == "posix" and calls.append(function.__name__))
DeadLetterFiles(Path({str(tmp_path / "letters")!r}), "t").write([letter()])
sys.setprofile(None)
Path({str(trace)!r}).write_text(" ".join(calls))
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
    assert trace.read_text().split() == ["fsync", "fsync", "write", "fsync"]


# --- the queue ------------------------------------------------------------------------------------


def released(count: int, dead: int) -> tuple[Ticket, int]:
    return ticket_for(PartitionTracker(3, 0), Span(3, 0, count, count)), dead


def queue_in(directory: Path, backoff: Backoff) -> tuple[DeadLetterQueue, list[Event]]:
    """A queue of files, and the events that it emits."""
    emitted: list[Event] = []
    return DeadLetterQueue(DeadLetterFiles(directory, "predictions"), backoff, emitted.append), emitted


def blocked(emitted: list[Event]) -> DeadLettersBlocked:
    """The one event, taken from the list."""
    (event,) = emitted
    emitted.clear()
    assert isinstance(event, DeadLettersBlocked)
    return event


def test_nothing_is_released_before_it_is_durable_and_the_order_stays(tmp_path: Path) -> None:
    directory = tmp_path / "letters"
    directory.write_text("in the way")
    queue, emitted = queue_in(directory, Backoff(1.0, 4.0))
    first, empty = released(2, 1), released(5, 0)
    queue.put(DeadLetterBatch((letter(1),), (first,)))
    queue.put(DeadLetterBatch((), (empty,)))
    queue.put(DeadLetterBatch((letter(2),), ()))
    waits = []
    now = 100.0
    for _ in range(5):
        queue.poll(now, NO_JITTER)
        refusal = blocked(emitted)
        assert str(directory) in refusal.error
        waits.append(refusal.retry_in_s)
        queue.poll(now + refusal.retry_in_s / 2, NO_JITTER)
        assert emitted == [], "too early, nothing is tried or reported"
        now += refusal.retry_in_s
    assert waits == pytest.approx([2.0, 4.0, 4.0, 4.0, 4.0], rel=0.01)
    assert len(queue) == 3
    assert [ticket.holds for ticket, _ in (first, empty)] == [1, 1]
    directory.unlink()
    queue.poll(now, NO_JITTER)
    assert len(queue) == 0
    assert [(ticket.holds, ticket.dead) for ticket, _ in (first, empty)] == [(0, 1), (0, 0)]
    assert [record["offset"] for record in lines(directory)] == [1, 2]
    assert [event.example.split(":")[0] for event in emitted if isinstance(event, DeadLettersWritten)] == [
        "partition 3 offset 1",
        "partition 3 offset 2",
    ]


def test_after_a_success_the_waits_begin_anew(tmp_path: Path) -> None:
    directory = tmp_path / "letters"
    queue, emitted = queue_in(directory, Backoff(1.0, 60.0))
    now = 0.0
    for _ in range(3):
        directory.write_text("in the way")
        queue.put(DeadLetterBatch((letter(),), ()))
        queue.poll(now, NO_JITTER)
        refusal = blocked(emitted)
        assert refusal.retry_in_s == pytest.approx(2.0, rel=0.01)
        directory.unlink()
        now += refusal.retry_in_s
        queue.poll(now, NO_JITTER)
        assert [type(event) for event in emitted] == [DeadLettersWritten]
        emitted.clear()
        for path in directory.iterdir():
            path.unlink()
        directory.rmdir()
        queue.close()


def test_a_batch_without_letters_is_released_at_the_next_poll(tmp_path: Path) -> None:
    queue, emitted = queue_in(tmp_path / "letters", Backoff(1.0, 4.0))
    ticket, dead = released(5, 0)
    queue.put(DeadLetterBatch((), ((ticket, dead),)))
    queue.poll(0.0, NO_JITTER)
    assert ticket.holds == 0
    assert emitted == []
    assert not (tmp_path / "letters").exists()

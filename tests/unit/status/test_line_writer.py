"""A stream that is closed, full or not read loses lines, never the run; how many are missing is written."""

import fcntl
import io
import os
import select
import threading
from pathlib import Path

from ingest.status.line_writer import LineWriter


def missing(number: int) -> str:
    return f"{number} missing"


class Full(io.StringIO):
    """A disk without room while `full`."""

    full = False

    def write(self, text: str) -> int:
        if self.full:
            raise OSError(28, "No space left on device")
        return super().write(text)


def test_what_could_not_be_written_is_counted_and_said_when_there_is_room_again() -> None:
    stream = Full()
    writer = LineWriter(stream, missing)
    writer.write("a")
    stream.full = True
    for line in "bcd":
        writer.write(line)
    stream.full = False
    writer.write("e")
    writer.write("f")
    assert stream.getvalue().splitlines() == ["a", "3 missing", "e", "f"]


def test_a_full_disk_raises_nothing() -> None:
    with Path("/dev/full").open("w") as full:
        writer = LineWriter(full, missing)
        for line in "abc":
            writer.write(line)
    # and nothing waits in the file's buffer, which would raise when it is closed


def test_a_named_pipe_gets_its_next_reader(tmp_path: Path) -> None:
    path = tmp_path / "log"
    os.mkfifo(path)
    first = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with path.open("w") as stream:
        writer = LineWriter(stream, missing)
        writer.write("a")
        assert os.read(first, 100) == b"a\n"
        os.close(first)
        writer.write("b")
        writer.write("c")
        second = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        writer.write("d")
        assert os.read(second, 100) == b"2 missing\nd\n"
        os.close(second)


def test_a_pipe_that_does_not_block_is_waited_for() -> None:
    reader, writer_fd = os.pipe()
    fcntl.fcntl(writer_fd, fcntl.F_SETPIPE_SZ, 4096)
    os.set_blocking(writer_fd, False)
    long = "x" * 10_000
    with os.fdopen(writer_fd, "w") as stream:
        writer = LineWriter(stream, missing)
        thread = threading.Thread(target=writer.write, args=(long,))
        thread.start()
        read = b""
        while len(read) < len(long) + 1:
            read += os.read(reader, 4096)
        thread.join()
    os.close(reader)
    assert read == f"{long}\n".encode()


def test_a_torn_line_is_ended_before_the_next_one(tmp_path: Path) -> None:
    path = tmp_path / "log"
    os.mkfifo(path)
    first = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with path.open("w") as stream:
        fcntl.fcntl(stream.fileno(), fcntl.F_SETPIPE_SZ, 4096)
        os.set_blocking(stream.fileno(), False)
        writer = LineWriter(stream, missing)
        thread = threading.Thread(target=writer.write, args=("x" * 5000,))
        thread.start()
        there = select.poll()
        there.register(first, select.POLLIN)
        assert there.poll(), "a page of it, which fills the pipe"
        os.close(first)
        thread.join()
        second = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        assert os.read(second, 8192) == b"x" * 4096
        writer.write("next")
        assert os.read(second, 8192) == b"\n1 missing\nnext\n"
        os.close(second)

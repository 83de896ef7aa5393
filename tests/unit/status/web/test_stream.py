"""Server-sent events: the newest snapshot, a bounded number of clients, and an end."""

import asyncio
import json

from starlette.requests import Request
from starlette.types import Message

from ingest.status.web.published import Published
from ingest.status.web.stream import MOST_CLIENTS, Stream
from tests.harness.status_page import calm, stuck

REQUEST = Request({"type": "http", "method": "GET", "path": "/api/events", "headers": []})


def published() -> Published:
    made = Published()
    made.publish(calm())
    return made


def frames(stream: Stream, count: int) -> list[bytes]:
    async def some() -> list[bytes]:
        found = []
        async for frame in stream.snapshots():
            found.append(frame)
            if len(found) == count:
                break
        return found

    return asyncio.run(some())


def test_the_first_frame_says_when_to_come_again_and_the_next_is_the_snapshot() -> None:
    retry, data = frames(Stream(published()), 2)
    assert retry == b"retry: 2000\n\n"
    assert json.loads(data.removeprefix(b"data: "))["run"] == calm().run
    assert data.count(b"\n") == 2  # a line break within it would end the frame


def test_each_frame_has_the_newest_snapshot() -> None:
    holder = published()

    async def until_failing() -> bytes:
        async for frame in Stream(holder, every_s=0.0).snapshots():
            if b'"health":"failing"' in frame:
                return frame
            holder.publish(stuck())
        raise AssertionError

    assert b"Arize has not answered" in asyncio.run(until_failing())


def test_without_a_snapshot_there_is_a_comment() -> None:
    assert frames(Stream(Published()), 2)[1].startswith(b":")


def test_when_the_run_ends_the_last_snapshot_is_sent_and_the_stream_ends() -> None:
    stream = Stream(published())
    stream.closing.set()
    assert len(frames(stream, 99)) == 2


def test_a_client_too_many_is_refused_and_one_that_leaves_makes_room() -> None:
    stream = Stream(published())

    async def ask() -> tuple[int, int, int]:
        answers = [await stream(REQUEST) for _ in range(MOST_CLIENTS)]
        refused = (await stream(REQUEST)).status_code
        stream.closing.set()
        await answers[0](REQUEST.scope, _never, _nowhere)
        return answers[0].status_code, refused, (await stream(REQUEST)).status_code

    assert asyncio.run(ask()) == (200, 503, 200)


def test_a_client_whose_connection_breaks_makes_room() -> None:
    stream = Stream(published())

    async def ask() -> int:
        answer = await stream(REQUEST)
        await answer(REQUEST.scope, _gone, _nowhere)
        return stream.clients

    assert asyncio.run(ask()) == 0


async def _never() -> Message:
    await asyncio.Event().wait()
    raise AssertionError


async def _gone() -> Message:
    return {"type": "http.disconnect"}


async def _nowhere(_message: Message) -> None:
    return

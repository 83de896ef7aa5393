"""`ingest top` keeps the last state of a run that does not answer, and finds it again elsewhere."""

from ingest.commands.top.feed import Feed
from ingest.status import remote
from ingest.status.web.runtime_file import Running
from tests.harness.status_page import calm


class Page:
    """Answers as long as `up`, at one address."""

    def __init__(self) -> None:
        self.up, self.base = True, "http://127.0.0.1:1"

    def ask(self, base: str) -> remote.Answer:
        if not self.up or base != self.base:
            raise remote.NoAnswerError("Connection refused")
        return remote.Answer(calm(), "{}")


def running(port: int, *, group: str = "ingest", started: float = 1.0) -> Running:
    return Running(
        pid=port, started=started, url=f"http://127.0.0.1:{port}/", run="r", group=group, topics=("predictions",),
        version="0",
    )  # fmt: skip


def feed_of(page: Page, *runs: Running, found: bool = True) -> Feed:
    now = iter(range(100))
    return Feed("http://127.0.0.1:1", found=found, ask=page.ask, running=lambda: runs, clock=lambda: float(next(now)))


def test_the_last_state_is_kept_with_since_when_nothing_answers() -> None:
    page = Page()
    feed = feed_of(page)
    feed.poll()
    assert (feed.seen.snapshot, feed.seen.failed_since) == (calm(), None)
    page.up = False
    feed.poll()
    feed.poll()
    assert (feed.seen.snapshot, feed.seen.reason, feed.seen.failed_since) == (calm(), "Connection refused", 0.0)
    page.up = True
    feed.poll()
    assert (feed.seen.reason, feed.seen.failed_since) == ("", None)


def test_a_run_that_was_started_again_is_found_at_its_new_address() -> None:
    page = Page()
    feed = feed_of(page, running(3, group="another", started=9.0), running(2, started=5.0))
    feed.poll()
    page.base = "http://127.0.0.1:2"
    feed.poll()
    assert feed.seen.base == "http://127.0.0.1:2"
    feed.poll()
    assert feed.seen.failed_since is None


def test_an_address_that_was_given_is_kept() -> None:
    page = Page()
    feed = feed_of(page, running(2), found=False)
    feed.poll()
    page.up = False
    feed.poll()
    assert feed.seen.base == "http://127.0.0.1:1"

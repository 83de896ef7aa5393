"""The status page in a real Chromium: what it shows, how it changes, what it says when it can't; and a real run."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from ingest.sandbox.arize import ArizeEndpoint
from ingest.sandbox.demo import configuration
from ingest.sandbox.generate import Generator
from ingest.sandbox.kafka import KafkaProcess
from ingest.sandbox.produce import produce
from ingest.status.snapshot import Snapshot
from ingest.status.web.actions import Action, PausePartition, RestartWorker
from ingest.status.web.page import DEAD_LETTERS, EVENTS, WORKERS
from ingest.status.web.partitions import MOST_ROWS, PARTITIONS, shown_first
from tests.harness.status_page import ACCOUNT, AT, HOSTILE, TOKEN, Served, calm, hostile, served, stuck
from tests.harness.supervise import Supervise, wait_until

CONFIG = {"kafka": {"brokers": "broker-1:9092", "options": {"sasl.password": "***"}}}
Scheme = Literal["light", "dark"]
VIEWS: dict[str, tuple[Scheme, int]] = {"light": ("light", 1280), "dark": ("dark", 1280), "phone": ("light", 390)}


@contextmanager
def opened(
    browser: Browser, page: Served, *, scheme: Scheme = "light", width: int = 1280, javascript: bool = True
) -> Iterator[Page]:
    """The page in a window of its own. Raises AssertionError if a script fails or the policy blocks something."""
    context = browser.new_context(
        color_scheme=scheme,
        viewport={"width": width, "height": 900},
        java_script_enabled=javascript,
        reduced_motion="reduce",
    )
    faults: list[str] = []
    window = context.new_page()
    window.on("pageerror", lambda error: faults.append(str(error)))
    window.on("request", lambda request: faults.extend([request.url] if not request.url.startswith(page.url) else []))
    window.on("console", lambda said: faults.extend([said.text] if "Content Security Policy" in said.text else []))
    window.goto(page.url)
    if javascript:
        expect(window.locator("#link")).to_have_attribute("data-state", "live")
    try:
        yield window
    finally:
        context.close()
    assert faults == []


@pytest.mark.parametrize("view", VIEWS)
def test_axe_finds_nothing_serious(browser: Browser, view: str) -> None:
    scheme, width = VIEWS[view]
    with (
        served(stuck(), config=CONFIG, token=TOKEN) as page,
        opened(browser, page, scheme=scheme, width=width) as window,
    ):
        page.published.publish_accounts((ACCOUNT,))
        window.locator("summary").click()
        found = Axe().run(window).response["violations"]
        serious = [(one["id"], [node["html"] for node in one["nodes"]]) for one in found
                   if one["impact"] in {"serious", "critical"}]  # fmt: skip
        assert serious == []
        assert window.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_hostile_texts_are_texts(browser: Browser) -> None:
    config = {HOSTILE: {HOSTILE: HOSTILE}}
    with served(hostile(), config=config, token=TOKEN) as page, opened(browser, page) as window:
        assert window.locator("#sentence").inner_text() == HOSTILE
        page.published.publish(replace(hostile(), at=AT + 1, sentence=f"again {HOSTILE}"))
        expect(window.locator("#sentence")).to_have_text(f"again {HOSTILE}")
        window.locator("#grids .cell").first.hover()
        expect(window.locator("#pointed")).to_contain_text(HOSTILE)
        assert window.locator("script").count() == 1
        assert window.locator("img").count() == 0
        assert "owned" not in window.title().replace(HOSTILE, "")


@pytest.mark.parametrize("make", [calm, stuck], ids=["calm", "stuck"])
def test_the_script_writes_what_the_server_writes(browser: Browser, make: Callable[[], Snapshot]) -> None:
    """Times of day aside, which are the reader's own."""
    text = """() => [...document.querySelectorAll("[data-value], tbody:not(#finals) tr, #sentence, #word, .fault")]
        .map((found) => found.textContent.replace(/\\d\\d:\\d\\d:\\d\\d( UTC)?/, "TIME"))"""
    marks = "() => [...document.querySelectorAll('#grids .cell, .chip')].map((cell) => ({...cell.dataset}))"
    lines = "() => [...document.querySelectorAll('.spark')].map((svg) => [svg.innerHTML, svg.ariaLabel])"
    with served(make()) as page:
        with opened(browser, page, javascript=False) as plain:
            expected: list[Any] = [plain.evaluate(script) for script in (text, marks, lines)]
        with opened(browser, page) as window:
            page.published.publish(replace(make(), sentence="another"))  # every element is written
            expect(window.locator("#sentence")).to_have_text("another")
            page.published.publish(make())
            expect(window.locator("#sentence")).to_have_text(make().sentence)
            assert [window.evaluate(script) for script in (text, marks, lines)] == expected


def test_what_changes_is_shown_and_only_that_is_written(browser: Browser) -> None:
    with served(calm()) as page, opened(browser, page) as window:
        window.evaluate(
            """() => {
                window.changes = 0;
                const count = (records) => { window.changes += records.length; };
                const all = { subtree: true, childList: true, characterData: true, attributes: true };
                new MutationObserver(count).observe(document.querySelector("main"), all);
            }"""
        )
        first = calm().partitions[5]
        changed = replace(first, oldest_age_s=700.0)
        partitions = tuple(changed if one is first or one == first else one for one in calm().partitions)
        page.published.publish(replace(calm(), partitions=partitions))
        cell = window.locator("#grids .cell").nth(5)
        expect(cell).to_have_attribute("data-age", "1h")
        expect(window.locator('tr[data-key="predictions 5"] td').nth(3)).to_have_text("11 min 40 s")
        assert window.evaluate("window.changes") < 10


def test_the_state_is_in_title_and_icon_and_is_announced_when_it_changes(browser: Browser) -> None:
    with served(calm()) as page, opened(browser, page) as window:
        assert window.title().startswith("Healthy")
        announced = window.locator("#announced")
        page.published.publish(replace(calm(), sentence=calm().sentence.replace("8,214", "9,001")))
        expect(window.locator("#sentence")).to_contain_text("9,001")
        assert announced.inner_text() == ""  # a number is no news
        page.published.publish(stuck())
        expect(announced).to_have_text(f"Failing. {stuck().sentence}")
        assert window.title().startswith("Failing")
        assert str(window.locator("#icon").get_attribute("href")).endswith("failing.svg")


def test_a_lost_connection_is_shown_and_made_again(browser: Browser) -> None:
    with served(calm()) as page, opened(browser, page) as window:
        window.context.set_offline(True)
        page.stream.closing.set()
        expect(window.locator("#link-text")).to_contain_text("Connection lost since", timeout=20_000)
        assert window.title().startswith("Connection lost")
        page.stream.closing.clear()
        window.context.set_offline(False)
        expect(window.locator("#link-text")).to_have_text("Live", timeout=20_000)
        assert window.title().startswith("Healthy")


def test_the_end_of_a_run_is_no_lost_connection(browser: Browser) -> None:
    with served(calm()) as page, opened(browser, page) as window:
        page.published.publish_accounts((ACCOUNT,))
        page.published.publish(replace(calm(), ended=True, exit_code=0))
        expect(window.locator("#finals")).to_contain_text("1,217")
        page.stream.closing.set()
        page.server.stop()
        expect(window.locator("#link-text")).to_contain_text("ended with exit code 0", timeout=20_000)
        assert window.title().startswith("Healthy")


def test_the_keyboard_sorts_and_finds_partitions(browser: Browser) -> None:
    with served(stuck()) as page, opened(browser, page) as window:
        rows = window.locator('table[data-rows="partitions"] tbody tr')
        window.get_by_role("button", name="oldest").focus()
        window.keyboard.press("Enter")
        expect(window.locator('th[data-field="oldest_age_s"]')).to_have_attribute("aria-sort", "descending")
        expect(rows.first).to_contain_text("2 h 30 min")
        expect(rows.last.locator("td").nth(3)).to_have_text("\N{EN DASH}")  # what is not known comes last
        window.keyboard.press("Enter")
        expect(rows.first).to_contain_text("0.4 s")
        expect(rows.last.locator("td").nth(3)).to_have_text("\N{EN DASH}")
        window.locator("#find").fill("given up")
        expect(rows).to_have_count(6)
        window.locator("#find").fill("")
        window.locator("#attention").check()
        expect(rows).to_have_count(12)
        expect(window.locator("#found")).to_have_text("12 found")


def test_without_javascript_it_is_a_readable_page(browser: Browser) -> None:
    with served(stuck()) as page, opened(browser, page, javascript=False) as window:
        assert window.locator("#sentence").inner_text() == stuck().sentence
        assert window.locator('table[data-rows="partitions"] tbody tr').count() == 32
        assert not window.locator("#tools").is_visible()
        page.published.publish(replace(stuck(), sentence="later"))
        expect(window.locator("#sentence")).to_have_text("later", timeout=20_000)  # it has loaded itself again


def test_a_thousand_partitions(browser: Browser, record_property: Callable[[str, object], None]) -> None:
    """The worst rows first, more on request; a sort and a search know all of them."""
    with served(stuck(1_000)) as page, opened(browser, page) as window:
        timing = window.evaluate("performance.getEntriesByType('navigation')[0].toJSON()")
        record_property("load_s", round(timing["loadEventEnd"] / 1_000, 3))
        assert timing["encodedBodySize"] < 50_000
        rows = window.locator('table[data-rows="partitions"] tbody tr')
        assert window.locator("#grids .cell").count() == 1_000
        assert rows.count() == MOST_ROWS
        worst = shown_first(stuck(1_000).partitions)
        first = [f"{one.topic} {one.partition}" for one in worst]
        assert rows.evaluate_all("(found) => found.map((row) => row.dataset.key)") == first
        window.locator("#more").click()
        expect(rows).to_have_count(2 * MOST_ROWS)
        window.get_by_role("button", name="partition", exact=True).click()
        expect(rows.first).to_have_attribute("data-key", "predictions 999")
        window.locator("#find").fill("997")
        expect(rows).to_have_count(1)
        expect(window.locator("#rest-text")).to_have_text("1 of 1,000.")
        page.published.publish(stuck(1_001))  # one was added
        expect(window.locator("#grids .cell")).to_have_count(1_001)


def test_the_table_of_all_partitions(browser: Browser) -> None:
    with served(stuck(300)) as page, opened(browser, page, javascript=False) as window:
        window.get_by_role("link", name="Table of all 300").click()
        assert window.locator("tbody tr").count() == 300
        found = Axe()
        assert "300 partitions" in window.title()
        assert window.evaluate("document.documentElement.scrollWidth <= innerWidth")
    with served(stuck(300)) as page:
        window = browser.new_page()
        window.goto(f"{page.url}partitions")
        violations = found.run(window).response["violations"]
        assert [one["id"] for one in violations if one["impact"] in {"serious", "critical"}] == []
        window.close()


def test_actions_are_forms_that_lead_back(browser: Browser) -> None:
    with served(calm(), token=TOKEN) as page, opened(browser, page) as window:
        form = window.locator('form[action="/actions/restart-worker"]')
        form.locator("select").select_option("2")
        form.locator("input").fill(TOKEN)
        form.locator("button").click()
        expect(window).to_have_url(f"{page.url}?requested#actions")
        (action,) = page.actions.take()
        assert action == RestartWorker(2)
        form = window.locator('form[action="/actions/pause-partition"]')
        for button, pause in (("Pause", True), ("Resume", False)):
            form.locator('input[name="partition"]').fill("3")
            form.locator('input[name="token"]').fill(TOKEN)
            form.get_by_role("button", name=button).click()
            assert _requested(page) == [PausePartition("predictions", 3, pause, "127.0.0.1")]


@pytest.mark.parametrize("columns", [WORKERS, PARTITIONS, DEAD_LETTERS, EVENTS])
def test_the_columns_are_fields_of_the_snapshot(columns: tuple[tuple[str, str, str, str], ...]) -> None:
    run = calm()
    row = {id(WORKERS): run.workers, id(PARTITIONS): run.partitions, id(DEAD_LETTERS): run.dead_letters}.get(
        id(columns), run.events
    )[0]
    assert [field for _, field, _, _ in columns if not hasattr(row, field)] == []


def test_a_real_run(browser: Browser, tmp_path: Path) -> None:
    """Read, acknowledged and drained by its page, on the embedded Kafka; the port is found by its file."""
    with KafkaProcess("predictions", 4) as kafka, ArizeEndpoint(tmp_path / "journal") as arize:
        produce(kafka.bootstrap, "predictions", range(4), 4_000, generator=Generator(bad_share=0.01))
        file = configuration(tmp_path, kafka.bootstrap, 1_000)
        runtime = tmp_path / "runtime"
        runtime.mkdir(mode=0o700)
        environment = {
            **os.environ,
            **arize.environment(),
            "INGEST_STATUS__ACTIONS": "true",
            "INGEST_STATUS__TOKEN": TOKEN,
            "INGEST_STATUS__PORT": "0",
            "XDG_RUNTIME_DIR": str(runtime),
        }
        run = Supervise(tmp_path, ["--workers", "2", "--config", str(file)], environment)
        try:
            url = run.until_event("status_served")["url"]
            found = runtime / "ingest" / f"{run.pid}.json"
            run.until(found.exists)
            assert json.loads(found.read_text())["url"] == url
            window = browser.new_page()
            window.goto(url)
            expect(window.locator('[data-value="totals.acknowledged"]').first).to_have_text(
                _acknowledged(run), timeout=60_000
            )
            assert TOKEN not in window.content()
            wait_until(lambda: len(run.workers()) == 2)
            for process in run.family():
                assert TOKEN not in str(process.environ())
            window.locator('form[action="/actions/restart-worker"] input').fill(TOKEN)
            window.locator('form[action="/actions/restart-worker"] button').click()
            run.until_event("worker_started", count=3)
            window.locator('form[action="/actions/drain"] input').fill(TOKEN)
            window.locator('form[action="/actions/drain"] button').click()
            assert run.until_event("drain_started")["reason"] == "the status page"
            assert run.wait() == 0
            assert run.all("worker_exited") == []
            assert not found.exists()
            assert run.errors == ""
            window.close()
        finally:
            if run.running:
                os.kill(run.pid, 9)


def _requested(page: Served) -> list[Action]:
    found: list[Action] = []

    def some() -> bool:
        found.extend(page.actions.take())
        return bool(found)

    wait_until(some)
    return found


def _acknowledged(run: Supervise) -> str:
    """What the page must come to: all good ones."""
    run.until(lambda: sum(_settled(run).values()) >= 4_000)
    return f"{sum(_settled(run).values()) - _dead(run):,}"


def _settled(run: Supervise) -> dict[str, int]:
    found: dict[str, int] = {}
    for event in run.all("committed"):
        found.update(event["next_offsets"])
    return found


def _dead(run: Supervise) -> int:
    return sum(sum(event["reasons"].values()) for event in run.all("dead_letters_written"))

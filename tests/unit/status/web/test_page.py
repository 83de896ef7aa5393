"""The page without JavaScript: everything of the snapshot is in it, and hostile texts are text."""

from dataclasses import replace
from html.parser import HTMLParser

import pytest

from ingest.status.snapshot import Health, Snapshot
from ingest.status.web.page import WORDS, render
from tests.harness.status_page import ACCOUNT, HOSTILE, calm, hostile, stuck


class Document(HTMLParser):
    """Its elements and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def all(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.tags if tag == name]

    @property
    def text(self) -> str:
        return " ".join(self.texts)


@pytest.mark.parametrize("text", ["8,214", "812,345,678", "1,204", "not_json", "broker-1:9092", "4 min", "event 49"])
def test_it_shows_the_snapshot(text: str) -> None:
    assert text in Document(render(replace(calm(), started_at=calm().at - 245))).text


@pytest.mark.parametrize("health", list(Health))
def test_health_is_a_word_an_icon_and_the_title(health: Health) -> None:
    found = Document(render(replace(calm(), health=health)))
    assert WORDS[health.value] in found.text
    assert found.all("body") == [{"data-health": health.value}]
    assert any(link.get("href") == f"/static/{health.value}.svg" for link in found.all("link"))


def test_every_partition_has_a_cell_and_a_row() -> None:
    html = render(stuck(40))
    assert html.count('data-key="predictions ') == 40 + 2  # two reasons of dead letters
    assert html.count('<i class="cell"') == 40 + 9  # the legend has nine


def test_it_loads_itself_again_without_javascript_only() -> None:
    assert '<noscript><meta http-equiv="refresh" content="5"></noscript>' in render(calm())


@pytest.mark.parametrize("run", [calm(), hostile()], ids=["calm", "hostile"])
def test_only_its_own_script_and_nothing_inline(run: Snapshot) -> None:
    found = Document(render(run, config={"kafka": {HOSTILE: HOSTILE}}, with_actions=True))
    assert found.all("script") == [{"src": "/static/page.js", "defer": None}]
    assert not found.all("style")
    assert not found.all("img")
    assert not [name for _, attributes in found.tags for name in attributes if name == "style" or name.startswith("on")]


def test_nothing_is_fetched_from_elsewhere() -> None:
    found = Document(render(hostile(), config={}, with_actions=True))
    addresses = [value for _, attributes in found.tags for name, value in attributes.items()
                 if name in {"href", "src", "action"}]  # fmt: skip
    assert addresses
    assert all(address is not None and address[0] in "/#" for address in addresses)


def test_the_final_account_is_shown_once_there_is_one() -> None:
    assert "1,217" not in render(calm())
    found = Document(render(calm(), [ACCOUNT]))
    assert "1,217" in found.text
    assert [one.get("hidden", "shown") for one in found.all("div") if one.get("id") == "final"] == ["shown"]


def test_actions_are_there_only_if_they_are_on() -> None:
    assert "<form" not in render(calm())
    assert render(calm(), with_actions=True).count('type="password"') == 3


def test_a_partition_is_paused_and_resumed_by_one_form_and_has_a_command_for_a_debug_sample() -> None:
    found = Document(render(calm(), with_actions=True))
    (form,) = [one for one in found.all("form") if one["action"] == "/actions/pause-partition"]
    assert form["method"] == "post"
    assert [one["formaction"] for one in found.all("button") if "formaction" in one] == ["/actions/resume-partition"]
    assert "ingest debug --topic predictions --partition 31" in found.text


def test_before_the_first_snapshot_it_says_so() -> None:
    assert "The run is starting" in render(None)


def test_an_empty_configuration_value_is_not_a_blank() -> None:
    html = render(calm(), config={"arize": {"space_id": "", "in_flight": 2, "tags": ["a"]}, "routes": {}})
    assert "[arize]" in html
    assert "[routes]" not in html
    assert "<dd>[&quot;a&quot;]</dd>" in html

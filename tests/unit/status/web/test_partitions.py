"""Many partitions: the page's table has the worst of them, and the others stay reachable."""

import re
from dataclasses import replace

from ingest.status.snapshot import Health
from ingest.status.web.page import render
from ingest.status.web.partitions import MOST_ROWS, shown_first, whole
from tests.harness.status_page import calm, hostile, stuck


def rows(html: str) -> list[str]:
    return re.findall(r'<tr data-key="predictions (\d+)">', html)


def test_few_are_all_shown_in_their_order() -> None:
    assert rows(render(stuck(MOST_ROWS))) == [str(number) for number in range(MOST_ROWS)]
    assert 'id="rest" data-most' not in render(stuck(MOST_ROWS)).replace(' hidden id="rest"', "")


def test_of_many_the_worst_come_first() -> None:
    run = calm(1_000)
    changed = {
        700: replace(run.partitions[700], health=Health.DEGRADED),
        800: replace(run.partitions[800], health=Health.FAILING),
        900: replace(run.partitions[900], oldest_age_s=5_000.0),
        901: replace(run.partitions[901], oldest_age_s=None),
    }
    found = tuple(changed.get(one.partition, one) for one in run.partitions)
    shown = [one.partition for one in shown_first(found)]
    assert shown[:6] == [800, 700, 901, 900, 0, 1]
    assert len(shown) == MOST_ROWS
    html = render(replace(run, partitions=found))
    assert rows(html) == [str(number) for number in shown]
    assert html.count('<i class="cell"') == 1_000 + 9  # the legend has nine
    assert f"{MOST_ROWS} of 1,000, those that need attention first." in html
    assert 'href="/partitions"' in html


def test_the_whole_table_has_every_row() -> None:
    html = whole(stuck(1_000))
    assert rows(html) == [str(number) for number in range(1_000)]
    assert "<script" not in html
    assert "UTC" in html


def test_hostile_topics_are_text_in_the_whole_table() -> None:
    html = whole(hostile())
    assert "<script" not in html
    assert "<img" not in html

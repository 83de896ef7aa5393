"""The partitions: a grid of all of them, a table of those that need attention most, and a page with the whole table.

Rules
1. A table of 1,000 rows takes a browser a second, so the page's own has `MOST_ROWS` at most. If there are more
   partitions, the worst come first: by health, then by the class of age, then as in the snapshot. The script knows all
   of them: it sorts and finds among all, and shows more rows on request.
2. Without JavaScript all are in the grid, and in the table at `/partitions`.
"""

from collections.abc import Iterable, Sequence

from ingest.status.snapshot import Health, PartitionStatus, Snapshot
from ingest.status.web.markup import DOCTYPE, Markup, joined, tag
from ingest.status.web.sections import table
from ingest.status.web.values import AGES, age_of, shown

MOST_ROWS = 100
PATH = "/partitions"
_HEALTHS = list(Health)

PARTITIONS = (
    ("topic", "topic", "text", ""),
    ("partition", "partition", "plain", "n"),
    ("state", "state", "state", ""),
    ("oldest", "oldest_age_s", "seconds", "n"),
    ("lag", "lag", "count", "n"),
    ("lag asked", "lag_at", "ago", "n"),
    ("held back", "held_back", "count", "n"),
    ("read/s", "read_per_s", "count", "n"),
    ("next offset", "next_offset", "plain", "n"),
    ("end", "end_offset", "plain", "n"),
    ("committed", "committed_at", "ago", "n"),
    ("acknowledged", "acknowledged", "count", "n"),
    ("dead letters", "dead_lettered", "count", "n"),
    ("retention leaves", "retention_left_s", "seconds", "n"),
    ("worker", "worker", "plain", "n"),
    ("paused", "paused_s", "seconds", "n"),
    ("debug sample", "partition", "debug", ""),
)


def shown_first(found: Sequence[PartitionStatus]) -> Sequence[PartitionStatus]:
    """Rule 1: the rows of the page's table."""
    if len(found) <= MOST_ROWS:
        return found
    return sorted(found, key=lambda one: (-_HEALTHS.index(one.health), -AGES.index(age_of(one))))[:MOST_ROWS]


def whole(snapshot: Snapshot) -> str:
    """The document at `PATH`: every row, as of one moment."""
    title = f"{len(snapshot.partitions):,} partitions"
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", f"{title} · {', '.join(snapshot.topics)} · ingest"),
        tag("link", rel="icon", type="image/svg+xml", href=f"/static/{snapshot.health.value}.svg"),
        tag("link", rel="stylesheet", href="/static/page.css"),
    )
    main = tag(
        "main",
        tag("h1", title),
        tag("p", f"As of {shown(snapshot.at, 'clock', snapshot.at)}. ", tag("a", "Load again", href=PATH), " · ",
            tag("a", "The whole run", href="/#partitions-title")),
        tag("section", _table(snapshot.partitions, snapshot.at), aria_label="Partitions"),
        id="main",
    )  # fmt: skip
    return str(joined([DOCTYPE, tag("html", head, tag("body", main, data_health=snapshot.health.value), lang="en")]))


def partitions(snapshot: Snapshot) -> Markup:
    """The section of the page: the grid of all, and the table of `MOST_ROWS` at most."""
    legend = tag(
        "ul",
        *(
            tag("li", tag("i", class_="cell", data_age=name), text)
            for name, text in (
                ("none", "nothing waits"),
                ("10s", "under 10 s"),
                ("1min", "under 1 min"),
                ("10min", "under 10 min"),
                ("1h", "under 1 h"),
                ("old", "older"),
                ("unknown", "not known"),
            )
        ),
        tag("li", tag("i", class_="cell", data_age="none", data_health="degraded"), "needs attention"),
        tag("li", tag("i", class_="cell", data_age="none", data_health="failing"), "does not go on"),
        class_="legend",
        aria_label="Age of the oldest message that is not committed",
    )
    tools = tag(
        "div",
        tag("label", "Find ", tag("input", type="search", id="find", placeholder="topic, number or state")),
        tag("label", tag("input", type="checkbox", id="attention"), " only those that need attention"),
        tag("span", id="found", class_="muted", role="status"),
        class_="tools",
        hidden=True,
        id="tools",
    )
    title = tag(
        "h2", "Partitions ", tag("span", f"{len(snapshot.partitions):,}", class_="muted", id="how-many"),
        id="partitions-title",
    )  # fmt: skip
    return tag(
        "section",
        title,
        legend,
        tag("div", *_grids(snapshot.partitions), id="grids", aria_hidden="true"),
        tag("p", "Point at a partition to see it here.", id="pointed", class_="muted", aria_hidden="true", hidden=True),
        tools,
        _table(shown_first(snapshot.partitions), snapshot.at),
        tag(
            "p",
            "A debug sample is for a shell: it shows what becomes of the next messages, with their payloads, and "
            "sends nothing.",
            class_="muted",
        ),
        _rest(len(snapshot.partitions)),
        aria_labelledby="partitions-title",
    )


def _table(rows: Sequence[PartitionStatus], at: float) -> Markup:
    return table("partitions", "Partitions", PARTITIONS, rows, at, key="topic partition")


def _rest(number: int) -> Markup:
    """What the table does not show; the script writes it anew."""
    link = tag("a", f"Table of all {number:,}", href=PATH, id="all")
    return tag(
        "p",
        tag("span", f"{MOST_ROWS} of {number:,}, those that need attention first.", id="rest-text"),
        " ",
        tag("button", f"Show {MOST_ROWS} more", type="button", id="more", hidden=True),
        " ",
        link,
        hidden=number <= MOST_ROWS,
        id="rest",
        data_most=MOST_ROWS,
        class_="muted",
    )


def _grids(partitions: Sequence[PartitionStatus]) -> Iterable[Markup]:
    topics = list(dict.fromkeys(one.topic for one in partitions))
    size = "few" if len(partitions) <= 128 else "many"
    for topic in topics:
        cells = (
            tag("i", str(one.partition), class_="cell", data_age=age_of(one), data_health=one.health.value)
            for one in partitions
            if one.topic == topic
        )
        yield tag("div", tag("p", topic, class_="muted"), tag("div", *cells, class_=f"grid {size}"))

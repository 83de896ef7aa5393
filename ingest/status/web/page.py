"""The page as the server renders it: complete without JavaScript, and what `static/page.js` then keeps up to date.

The elements carry what they show: `data-value` is a path in the JSON of `/api/status`, `data-format` one of the formats
of `values`, `data-rows` a list in that JSON whose columns are the table's heads. The script reads these and writes new
texts; there is one description of the page.
"""

from collections.abc import Sequence
from typing import Any

from ingest.accounting.run_account import RunAccount
from ingest.status import formatting
from ingest.status.snapshot import Snapshot
from ingest.status.web.markup import DOCTYPE, Markup, joined, tag
from ingest.status.web.partitions import partitions
from ingest.status.web.published import ConfigView
from ingest.status.web.sections import account, actions, configuration, figures, flow, table

REFRESH_S = 5
WORDS = {"ok": "Healthy", "degraded": "Needs attention", "failing": "Failing"}
_ICONS = {
    "ok": "M8 12.5l2.8 2.8L16 9.5",
    "degraded": "M12 7.5v6M12 16.6v.2",
    "failing": "M8.8 8.8l6.4 6.4M15.2 8.8l-6.4 6.4",
}
_SHAPES = {
    "ok": "M12 2.5a9.5 9.5 0 1 1 0 19a9.5 9.5 0 1 1 0-19z",
    "degraded": "M12 2.8L22 20.5H2z",
    "failing": "M7.9 2.5h8.2l5.4 5.4v8.2l-5.4 5.4H7.9l-5.4-5.4V7.9z",
}

WORKERS = (
    ("worker", "index", "plain", ""),
    ("state", "state", "state", ""),
    ("for", "since_s", "seconds", "n"),
    ("read/s", "read_per_s", "count", "n"),
    ("acknowledged/s", "acknowledged_per_s", "count", "n"),
    ("in flight", "in_flight", "count", "n"),
    ("limit", "limit", "count", "n"),
    ("waiting", "waiting_s", "seconds", "n"),
    ("memory", "rss_bytes", "bytes", "n"),
    ("restarts", "restarts", "count", "n"),
    ("topic", "topic", "text", ""),
    ("partitions", "partitions", "partitions", ""),
    ("reason", "reason", "text", "wide"),
)
DEAD_LETTERS = (
    ("reason", "reason", "text", ""),
    ("topic", "topic", "text", ""),
    ("messages", "messages", "count", "n"),
)
EVENTS = (
    ("time", "at", "clock", ""),
    ("level", "level", "level", ""),
    ("worker", "worker", "plain", ""),
    ("what happened", "text", "text", "wide"),
)


def render(
    snapshot: Snapshot | None,
    accounts: Sequence[RunAccount] = (),
    config: ConfigView | None = None,
    *,
    with_actions: bool = False,
) -> str:
    """The document."""
    health = snapshot.health.value if snapshot is not None else "degraded"
    body = _body(snapshot, accounts, config, with_actions=with_actions)
    return str(joined([DOCTYPE, tag("html", _head(snapshot, health), body, lang="en")]))


def _head(snapshot: Snapshot | None, health: str) -> Markup:
    topics = ", ".join(snapshot.topics) if snapshot is not None else "starting"
    return tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", f"{WORDS[health]} · {topics} · ingest"),
        tag("link", rel="icon", type="image/svg+xml", href=f"/static/{health}.svg", id="icon"),
        tag("link", rel="stylesheet", href="/static/page.css"),
        tag("noscript", tag("meta", http_equiv="refresh", content=REFRESH_S)),
        tag("script", src="/static/page.js", defer=True),
    )


def _body(
    snapshot: Snapshot | None, accounts: Sequence[RunAccount], config: ConfigView | None, *, with_actions: bool
) -> Markup:
    if snapshot is None:
        waiting = tag("p", "The run is starting: ingest asks Kafka what there is to read.", class_="starting")
        return tag("body", tag("main", tag("h1", "ingest"), waiting, id="main"), data_health="degraded")
    return tag(
        "body",
        tag("a", "Skip to the state", href="#main", class_="skip"),
        _header(snapshot),
        tag(
            "main",
            _sentence(snapshot),
            figures(snapshot),
            flow(snapshot),
            _workers(snapshot),
            partitions(snapshot),
            tag("div", _dead_letters(snapshot), account(snapshot, accounts), class_="pair"),
            _events(snapshot),
            actions(snapshot) if with_actions else None,
            configuration(config or {}),
            id="main",
        ),
        _footer(snapshot),
        data_health=snapshot.health.value,
    )


def _header(snapshot: Snapshot) -> Markup:
    def fact(name: str, *value: object) -> Markup:
        return tag("div", tag("dt", name), tag("dd", *value))

    up = snapshot.at - snapshot.started_at
    return tag(
        "header",
        tag("p", "ingest", class_="brand"),
        tag(
            "dl",
            fact(formatting.names("topic", snapshot.topics).split(" ")[0], ", ".join(snapshot.topics)),
            fact("group", snapshot.group),
            fact("running for", tag("span", formatting.seconds(up), id="up", data_since=snapshot.started_at)),
            class_="facts",
        ),
        tag("p", tag("span", "not live: loaded again every 5 s", id="link-text"), id="link", role="status"),
    )


def _sentence(snapshot: Snapshot) -> Markup:
    icons = (
        tag(
            "svg",
            tag("path", d=_SHAPES[name], class_="shape"),
            tag("path", d=_ICONS[name], class_="sign"),
            viewBox="0 0 24 24",
            class_=f"icon icon-{name}",
            aria_hidden="true",
        )
        for name in _ICONS
    )
    return tag(
        "section",
        tag("div", *icons, class_="icons"),
        tag(
            "div",
            tag("p", WORDS[snapshot.health.value], id="word", class_="word"),
            tag("h1", snapshot.sentence, id="sentence"),
        ),
        tag("p", id="announced", class_="unseen", aria_live="polite"),
        aria_label="State",
        class_="say",
    )


def _workers(snapshot: Snapshot) -> Markup:
    found = table("workers", "Workers", WORKERS, snapshot.workers, snapshot.at, key="index")
    return tag("section", tag("h2", "Workers", id="workers-title"), found, aria_labelledby="workers-title")


def _dead_letters(snapshot: Snapshot) -> Markup:
    found = table(
        "dead_letters", "Dead letters by reason", DEAD_LETTERS, snapshot.dead_letters, snapshot.at, key="topic reason"
    )
    return tag("section", tag("h2", "Dead letters by reason", id="dead-title"), found, aria_labelledby="dead-title")


def _events(snapshot: Snapshot) -> Markup:
    newest: list[Any] = list(snapshot.events)[-50:][::-1]
    found = table("events", "Last events", EVENTS, newest, snapshot.at, key="")
    return tag("section", tag("h2", "Last events", id="events-title"), found, aria_labelledby="events-title")


def _footer(snapshot: Snapshot) -> Markup:
    links = ("/api/status", "/api/account", "/api/config", "/metrics", "/livez", "/readyz")
    return tag(
        "footer",
        tag("p", f"ingest {snapshot.version} on {snapshot.host}, pid {snapshot.pid}, run {snapshot.run}"),
        tag("nav", *(tag("a", link, href=link) for link in links), aria_label="For programs"),
    )

"""Parts of the page: figures with their spark lines, the three boxes, tables, the account, the configuration."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ingest.accounting.run_account import RunAccount
from ingest.status.snapshot import Fault, Snapshot
from ingest.status.web import values
from ingest.status.web.markup import Markup, tag
from ingest.status.web.published import ConfigView

Column = tuple[str, str, str, str]
"""Head, field, format, class."""


@dataclass(frozen=True, slots=True)
class _Figure:
    """A large value with what is below it, and the samples of its spark line."""

    name: str
    path: str
    kind: str
    below: tuple[str, str]
    samples: str
    unit: str = ""


_FIGURES = (
    _Figure("Read", "totals.read_per_s", "count", ("totals.read", "messages"), "read_per_s", "/s"),
    _Figure(
        "Acknowledged",
        "totals.acknowledged_per_s",
        "count",
        ("totals.acknowledged", "messages"),
        "acknowledged_per_s",
        "/s",
    ),
    _Figure("Oldest message", "totals.oldest_age_s", "seconds", ("totals.lag", "offsets behind"), "oldest_age_s"),
    _Figure("Dead letters", "totals.dead_lettered", "count", ("totals.filtered", "filtered"), "dead_lettered"),
    _Figure("Restarts", "totals.restarts", "count", ("totals.possible_duplicates", "possible duplicates"), "restarts"),
)


def value(snapshot: Snapshot, path: str, kind: str) -> Markup:
    """One value that the script keeps up to date."""
    text = values.shown(values.at_path(snapshot, path), kind, snapshot.at)
    return tag("span", text, data_value=path, data_format=kind)


def figures(snapshot: Snapshot) -> Markup:
    """The five figures."""

    def figure(one: _Figure) -> Markup:
        found = values.history(snapshot.history, one.samples)
        return tag(
            "article",
            tag("h2", one.name),
            tag(
                "p",
                value(snapshot, one.path, one.kind),
                tag("small", one.unit) if one.unit else None,
                class_="big",
            ),
            tag("p", value(snapshot, one.below[0], "count"), f" {one.below[1]}", class_="muted"),
            tag(
                "svg",
                tag("path", d=values.spark_path(found, snapshot.history.every_s)),
                viewBox=f"0 0 {values.SPARK[0]:.0f} {values.SPARK[1]:.0f}",
                preserveAspectRatio="none",
                role="img",
                aria_label=values.spark_label(one.name, found, one.kind),
                data_spark=one.samples,
                data_name=one.name,
                data_format=one.kind,
                class_="spark",
            ),
        )

    return tag("section", *map(figure, _FIGURES), class_="figures", aria_label="Figures")


def flow(snapshot: Snapshot) -> Markup:
    """Kafka, ingest and Arize, in the direction that messages take."""
    kafka = (
        ("brokers", "kafka.brokers", "text", ""),
        ("lag", "totals.lag", "count", ""),
        ("partitions whose end is not known", "totals.lag_unknown", "count", ""),
        ("last commit", "kafka.committed_at", "ago", ""),
        ("failed commits", "kafka.commit_failures", "count", ""),
        ("retention leaves", "totals.retention_left_s", "seconds", ""),
    )
    ingest = (
        ("workers running", "ingest.workers_running", "count", "ingest.workers"),
        ("memory of the workers", "ingest.rss_bytes", "bytes", ""),
        ("restarts", "ingest.restarts", "count", ""),
        ("disk left for dead letters", "ingest.dead_letters_free_bytes", "bytes", ""),
    )
    arize = (
        ("endpoint", "arize.endpoint", "text", ""),
        ("uploads in flight", "arize.in_flight", "count", "arize.limit"),
        ("oldest of them", "arize.waiting_s", "seconds", ""),
        ("answers, p50", "arize.p50_s", "seconds", ""),
        ("answers, p99", "arize.p99_s", "seconds", ""),
        ("last acknowledged", "arize.acknowledged_at", "ago", ""),
        ("sent again", "arize.retries", "count", ""),
    )
    parts = (("Kafka", "kafka", kafka), ("ingest", "ingest", ingest), ("Arize", "arize", arize))
    return tag(
        "section",
        *(_part(snapshot, name, key, rows) for name, key, rows in parts),
        class_="flow",
        aria_label="From Kafka to Arize",
    )


def _part(snapshot: Snapshot, name: str, key: str, rows: Iterable[tuple[str, str, str, str]]) -> Markup:
    health: str = values.at_path(snapshot, f"{key}.health").value
    fault: Fault | None = values.at_path(snapshot, f"{key}.fault")
    since = values.shown(fault.at if fault else None, "ago", snapshot.at)
    return tag(
        "article",
        tag("h2", name, " ", tag("span", health, class_="chip", data_value=f"{key}.health", data_format="health")),
        tag("dl", *(_fact(label, *_of(snapshot, path, kind, most)) for label, path, kind, most in rows)),
        tag(
            "p",
            tag("strong", _fault_word(fault), data_fault_word=key),
            " ",
            tag("span", fault.text if fault else "", data_value=f"{key}.fault.text", data_format="optional"),
            " ",
            tag("span", since if fault else "", data_value=f"{key}.fault.at", data_format="optional-ago",
                class_="muted"),
            class_="fault",
            data_lasts=str(bool(fault and fault.lasts)).lower(),
        ),
        data_health=health,
        data_part=key,
    )  # fmt: skip


def _of(snapshot: Snapshot, path: str, kind: str, most: str) -> Iterable[object]:
    yield value(snapshot, path, kind)
    if most:
        yield " of "
        yield value(snapshot, most, kind)


def _fact(label: str, *found: object) -> Markup:
    return tag("div", tag("dt", label), tag("dd", *found))


def _fault_word(fault: Fault | None) -> str:
    if fault is None:
        return "No error reported."
    return "Error, and it lasts:" if fault.lasts else "Last error, over now:"


def table(rows_of: str, label: str, columns: Sequence[Column], rows: Sequence[Any], at: float, *, key: str) -> Markup:
    """A table that the script keeps up to date; `key` names the fields that tell its rows apart."""
    head = tag(
        "tr",
        *(
            tag("th", name, scope="col", class_=css or None, data_field=field, data_format=kind)
            for name, field, kind, css in columns
        ),
    )
    body = (
        tag(
            "tr",
            *(_cell(getattr(row, field), row, kind, css, at) for _, field, kind, css in columns),
            data_key=" ".join(str(getattr(row, name)) for name in key.split()) if key else None,
        )
        for row in rows
    )
    return tag(
        "div",
        tag(
            "table",
            tag("caption", label, class_="unseen"),
            tag("thead", head),
            tag("tbody", *body),
            data_rows=rows_of,
            data_key=key,
        ),
        tag("p", "None so far.", class_="none"),
        class_="scroll",
        role="region",
        aria_label=label,
        tabindex="0",
    )


def _cell(found: Any, row: Any, kind: str, css: str, at: float) -> Markup:
    if kind == "state":
        return tag("td", tag("span", str(found), class_="chip", data_health=row.health.value), class_=css or None)
    if kind == "level":
        return tag("td", tag("span", str(found), class_="chip", data_level=str(found)), class_=css or None)
    if kind == "debug":
        return tag("td", values.debug_command(row.topic, row.partition), class_=css or None)
    return tag("td", values.shown(found, kind, at), class_=css or None)


def account(snapshot: Snapshot, accounts: Sequence[RunAccount]) -> Markup:
    """The sums of the run so far, or the account of one that has ended."""
    rows = (
        ("read", "totals.read"),
        ("acknowledged", "totals.acknowledged"),
        ("dead letters", "totals.dead_lettered"),
        ("tombstones", "totals.tombstones"),
        ("filtered", "totals.filtered"),
        ("possible duplicates", "totals.possible_duplicates"),
        ("lag", "totals.lag"),
    )
    so_far = tag(
        "dl", *(tag("div", tag("dt", label), tag("dd", value(snapshot, path, "count"))) for label, path in rows)
    )
    finals = (
        tag(
            "tr",
            tag("th", one.topic, scope="row"),
            *(
                tag("td", values.shown(number, "count", 0), class_="n")
                for number in (
                    one.totals.consumed,
                    one.totals.counts.acknowledged,
                    one.totals.counts.dead_lettered,
                    one.totals.duplicates_possible,
                    one.totals.lag,
                )
            ),
        )
        for one in accounts
    )
    heads = ("topic", "consumed", "acknowledged", "dead letters", "possible duplicates", "lag")
    final = tag(
        "div",
        tag(
            "table",
            tag("caption", "The account of the run, which has ended"),
            tag("thead", tag("tr", *(tag("th", name, scope="col", class_="n" if at else None)
                                     for at, name in enumerate(heads)))),
            tag("tbody", *finals, id="finals"),
        ),
        id="final",
        hidden=not accounts,
        class_="scroll",
        role="region",
        aria_label="The account of the run",
        tabindex="0",
    )  # fmt: skip
    return tag(
        "section",
        tag("h2", "Account", id="account-title"),
        tag("p", "Messages of this run, counted once their commit is confirmed; read when they are polled.",
            class_="muted"),
        so_far,
        final,
        aria_labelledby="account-title",
        class_="account",
    )  # fmt: skip


def configuration(config: ConfigView) -> Markup:
    """Sections and keys, the secrets removed."""
    tables = (
        tag(
            "div",
            tag("h3", f"[{section}]"),
            tag("dl", *(_fact(key, _toml(one)) for key, one in keys.items())),
        )
        for section, keys in config.items()
        if keys
    )
    return tag(
        "section",
        tag("details", tag("summary", tag("h2", "Configuration", id="config-title")),
            tag("p", "The effective values; secrets are shown as ***.", class_="muted"),
            tag("div", *tables, class_="config")),
        aria_labelledby="config-title",
    )  # fmt: skip


def _toml(found: Any) -> str:
    if isinstance(found, Mapping | list | tuple):
        return json.dumps(found, ensure_ascii=False)
    return values.UNKNOWN if found in ("", None) else str(found)


def actions(snapshot: Snapshot) -> Markup:
    """The forms of the actions: without JavaScript, too."""

    def form(action: str, label: str, *fields: Markup, hint: str, other: tuple[str, str] = ("", "")) -> Markup:
        token = tag("label", "Token ", tag("input", type="password", name="token", autocomplete="off", required=True))
        button = tag("button", label, type="submit")
        second = tag("button", other[1], type="submit", formaction=other[0]) if other[0] else None
        below = tag("p", hint, class_="muted")
        return tag("form", *fields, token, button, second, below, method="post", action=action)

    options = (tag("option", f"worker {one.index}", value=one.index) for one in snapshot.workers)
    choice = tag("label", "Worker ", tag("select", *options, name="worker"))
    topics = (tag("option", topic, value=topic) for topic in snapshot.topics)
    which = (
        tag("label", "Topic ", tag("select", *topics, name="topic")),
        tag("label", "Partition ", tag("input", type="number", name="partition", min="0", required=True)),
    )
    return tag(
        "section",
        tag("h2", "Actions", id="actions"),
        tag(
            "div",
            form(
                "/actions/restart-worker", "Drain and start again", choice, hint="What it has read is delivered first."
            ),
            form(
                "/actions/pause-partition",
                "Pause",
                *which,
                hint="Paused: what was read is delivered, and nothing more is read until it is resumed.",
                other=("/actions/resume-partition", "Resume"),
            ),
            form("/actions/drain", "Drain and end the run", hint="As SIGTERM: deliver what was read, commit, exit."),
            class_="forms",
        ),
        aria_labelledby="actions",
    )

"""The sections of the live view: each is a list of lines of at most `width` cells, from one snapshot.

Rules
1. Colour never says anything alone: a word or a mark stands beside it.
2. What is not known is `?`; what does not apply is left out.
3. An error's text is shortened at its end, figures are left out as a whole: see `text`.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from ingest.status import formatting
from ingest.status.live import text
from ingest.status.live.text import Field, Line, Part
from ingest.status.snapshot import Fault, Health, LogLine, Snapshot

STYLE_OF = {Health.OK: "green", Health.DEGRADED: "yellow", Health.FAILING: "bold red"}
EVENT_STYLES = {"debug": "dim", "info": "", "warning": "yellow", "error": "bold red"}
_NAME = 8  # cells of Kafka, ingest, Arize
_WORD = 10  # cells of a health
_LEAST_FAULT = 20
_BAR = 40


def first(snapshot: Snapshot, width: int, most: int, notice: str = "") -> list[Line]:
    """The word and the sentence in at most `most` rows; `notice` is said instead of the word's health."""
    badge, style = f" {snapshot.health.upper()} ", f"reverse {STYLE_OF[snapshot.health]}"
    if snapshot.ended:
        badge, style = " ENDED ", "reverse green" if snapshot.exit_code == 0 else "reverse bold red"
    words = snapshot.sentence
    if notice:
        badge, style, words = " NO ANSWER ", "reverse bold red", f"{notice} It was: {snapshot.sentence}"
    room = width - len(badge) - 1
    rows = text.wrapped(words, room, width, most)
    return [(Part(badge, style), Part(f" {rows[0]}", "bold")), *((Part(row, "bold"),) for row in rows[1:])]


def title(snapshot: Snapshot, width: int) -> Line:
    """What runs, and where."""
    topics = ", ".join(snapshot.topics) if len(snapshot.topics) < 4 else f"{len(snapshot.topics)} topics"
    up_s = max(snapshot.at - snapshot.started_at, 0)
    return text.fields(
        [
            Field(text.name(topics or "no topic yet", max(width - 24, 12)), 9, "bold"),
            Field(f"group {text.name(snapshot.group, 30)}" if snapshot.group else "", 7),
            Field(f"up {formatting.glance(up_s)}", 8),
            Field("draining" if snapshot.draining else "", 10, "yellow"),
            Field(text.name(snapshot.host, 30), 4, "dim"),
            Field(f"pid {snapshot.pid}", 5, "dim"),
            Field(f"ingest {snapshot.version}", 3, "dim"),
        ],
        width,
    )


def totals(snapshot: Snapshot, width: int) -> list[Line]:
    """Rates and sums, each in a line; and how far a run is that has an end."""
    of = snapshot.totals
    unknown = f", {formatting.amount(of.lag_unknown, 'partition')} unknown" if of.lag_unknown else ""
    least = "at least " if of.oldest_age_unknown else ""
    rates = [
        Field(f"{formatting.count(of.read_per_s)} read/s", 9),
        Field(f"{formatting.count(of.acknowledged_per_s)} acknowledged/s", 10),
        Field(f"lag {formatting.count(of.lag)}{unknown}", 8),
        Field("" if of.oldest_age_s is None else f"oldest {least}{formatting.glance(of.oldest_age_s)}", 7),
        Field(f"{formatting.count(of.held_back)} in open transactions" if of.held_back else "", 6, "yellow"),
        Field(_left(of.retention_left_s), 5),
    ]
    sums = [
        Field(f"{formatting.count(of.acknowledged)} acknowledged", 10),
        Field(f"{formatting.count(of.dead_lettered)} dead-lettered", 9, "yellow" if of.dead_lettered else ""),
        Field(f"{formatting.count(of.expired)} expired unread" if of.expired else "", 8, "bold red"),
        Field(f"{formatting.count(of.read)} read", 7),
        Field(formatting.amount(of.restarts, "restart"), 6, "yellow" if of.restarts else ""),
        Field(f"{formatting.count(of.filtered)} filtered" if of.filtered else "", 4),
        Field(formatting.amount(of.tombstones, "tombstone") if of.tombstones else "", 3),
        Field(f"at most {formatting.count(of.possible_duplicates)} twice" if of.possible_duplicates else "", 5),
    ]
    found = [text.fields(rates, width), text.fields(sums, width)]
    return [*found, _bar(snapshot, width)] if of.all_offsets is not None else found


def _left(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return f"retention leaves {formatting.glance(seconds)}" if seconds > 0 else "retention leaves nothing"


def _bar(snapshot: Snapshot, width: int) -> Line:
    done, whole, left = snapshot.totals.done_offsets or 0, snapshot.totals.all_offsets, snapshot.totals.remaining_s
    share = min(done / whole, 1.0) if whole else 1.0
    cells = min(_BAR, max(width - 30, 5))
    full = int(share * cells)
    percent = int(share * 100)  # 100% is said of the whole alone
    ahead = "" if left is None else f"{formatting.glance(left)} left"
    bar = Field("█" * full + "░" * (cells - full), 1, "green")
    return text.fields([bar, Field(f"{percent}%", 3), Field(ahead, 2)], width, 1)


def services(snapshot: Snapshot, width: int) -> list[Line]:
    """Kafka, ingest and Arize, a line each."""
    kafka, own, arize, at = snapshot.kafka, snapshot.ingest, snapshot.arize, snapshot.at
    free = own.dead_letters_free_bytes
    in_flight = formatting.count(arize.in_flight) + ("" if arize.limit is None else f" of {arize.limit}")
    return [
        _service("Kafka", kafka.health, kafka.fault, [
            Field("" if kafka.silent_s is None else f"silent for {formatting.glance(kafka.silent_s)}", 9),
            Field(_ago("committed", kafka.committed_at, at), 8),
            Field(formatting.amount(kafka.commit_failures, "failed commit") if kafka.commit_failures else "", 6),
            Field(_ago("ends asked", kafka.ends_asked_at, at), 3),
            Field(text.name(kafka.brokers, 40), 2, "dim"),
        ], at=at, width=width),
        _service("ingest", own.health, own.fault, [
            Field(f"{own.workers_running} of {formatting.amount(own.workers, 'worker')} running", 9),
            Field("" if own.dead_letters_blocked_s is None
                  else f"dead letters blocked for {formatting.glance(own.dead_letters_blocked_s)}", 8),
            Field(formatting.size(own.rss_bytes) if own.rss_bytes else "", 4),
            Field("" if free is None else f"{formatting.size(free)} left for dead letters", 5),
        ], at=at, width=width),
        _service("Arize", arize.health, arize.fault, [
            Field(f"{in_flight} in flight", 9),
            Field("" if arize.waiting_s is None else f"oldest {formatting.glance(arize.waiting_s)}", 8),
            Field("" if arize.p50_s is None else f"p50 {formatting.glance(arize.p50_s)}", 5),
            Field("" if arize.p99_s is None else f"p99 {formatting.glance(arize.p99_s)}", 6),
            Field(_ago("acknowledged", arize.acknowledged_at, at), 7),
            Field(f"{formatting.count(arize.retries)} repeated" if arize.retries else "", 4),
            Field(text.name(arize.endpoint, 40), 2, "dim"),
        ], at=at, width=width),
    ]  # fmt: skip


def _service(
    name: str, health: Health, fault: Fault | None, figures: Sequence[Field], *, at: float, width: int
) -> Line:
    head = (Part(f"{name:<{_NAME}}", "bold"), Part(f"{health:<{_WORD}}", STYLE_OF[health]))
    room = width - _NAME - _WORD
    told = ""
    if fault is not None:
        told = fault.text if fault.lasts else f"{formatting.glance(max(at - fault.at, 0))} ago: {fault.text}"
    lasting = fault is not None and fault.lasts
    found = text.fields(figures, room // 2 if lasting and room >= 2 * _LEAST_FAULT else room)
    left = room - text.width_of(found) - 3
    if not told or left < _LEAST_FAULT:
        return (*head, *found)
    return (*head, *found, Part("   "), Part(text.sentence(told, left), STYLE_OF[health] if lasting else "dim"))


def events(found: Sequence[LogLine], width: int, rows: int) -> list[Line]:
    """The last `rows` events, the newest last."""
    shown = found[-rows:] if rows > 0 else ()
    return [
        text.line(
            Part(f"{datetime.fromtimestamp(one.at, UTC).astimezone():%H:%M:%S}  ", "dim"),
            Part(text.sentence(_whose(one), max(width - 10, 1)), EVENT_STYLES.get(one.level, "")),
        )
        for one in shown
    ]


def _whose(one: LogLine) -> str:
    return one.text if one.worker is None else f"worker {one.worker}: {one.text}"


def _ago(what: str, moment: float | None, at: float) -> str:
    return "" if moment is None else f"{what} {formatting.glance(max(at - moment, 0))} ago"

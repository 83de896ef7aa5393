"""One line per event: a sentence for people, or a JSON object for programs.

1. A sentence says what happened and, if somebody must act, what to do; numbers have units.
2. A JSON line has the fields that `log_lines` gives to each, and the event's own under their own names. The names are
   an interface: names are added, never changed. If several topics are read, a worker's sentence begins with its topic.
3. Events below the level of the log are not shown; the terminal shows a `Progress` in its table, never as a sentence.
"""

import dataclasses
import json
import re
from collections.abc import Mapping
from datetime import datetime
from functools import singledispatch
from typing import Any

from ingest import events
from ingest.events import Event, Level
from ingest.records import PartitionEnd
from ingest.status import formatting, log_lines
from ingest.status.log_lines import Place, RunName

_NO_RUN = RunName()
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_MOST_COLUMNS = 10  # in a sentence; a JSON line has them all
_SIGNALS = {-9: "SIGKILL", -11: "SIGSEGV", -6: "SIGABRT", -15: "SIGTERM", -7: "SIGBUS", -4: "SIGILL"}


timestamp = log_lines.timestamp  # of a line of another command


def wanted(event: Event, least: Level) -> bool:
    """Whether a log of level `least` has a line for `event`."""
    return log_lines.reaches(event.level, least)


def terminal_line(event: Event, at: datetime, topic: str = "") -> str:
    """`12:03:04 worker 3    the sentence`, in local time; a given `topic` precedes the sentence."""
    return f"{at.astimezone():%H:%M:%S} {_who(event):<10}  {_with_topic(event, topic)}"


def text_line(event: Event, at: datetime, topic: str = "") -> str:
    """The same with date, zone and level, on one line, without colours."""
    return log_lines.text_line(at, event.level, _who(event), _with_topic(event, topic))


def json_line(event: Event, at: datetime, run: RunName = _NO_RUN, place: Place = log_lines.NOWHERE) -> str:
    """One JSON object, without a line's end. `place` is what the event is about."""
    fields = {field.name: _plain(getattr(event, field.name)) for field in dataclasses.fields(event)}
    own = Place(fields.get("topic") or place.topic, fields.get("group") or place.group, event.worker)
    return log_lines.json_line(at, event.level, event_name(event), sentence(event), run, place=own, fields=fields)


def _who(event: Event) -> str:
    return "supervisor" if event.worker is None else f"worker {event.worker}"


def _with_topic(event: Event, topic: str) -> str:
    return f"{topic}: {sentence(event)}" if topic else sentence(event)


def event_name(event: Event) -> str:
    """`WorkerGivenUp` is `worker_given_up`."""
    return _HUMP.sub("_", type(event).__name__).lower()


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


@singledispatch
def sentence(event: Event) -> str:
    """The sentence of an event, for people; an event without a sentence of its own shows its fields."""
    names = (field.name for field in dataclasses.fields(event) if field.name != "worker")
    return f"{event_name(event)} " + " ".join(f"{name}={_plain(getattr(event, name))}" for name in names)


@sentence.register
def _(event: events.WorkerStarted) -> str:
    lane = "the fast lane" if event.lane == "fast" else "orjson"
    if event.orjson_reason:
        lane += f": {event.orjson_reason}"
    return f"started, pid {event.pid}, partitions {formatting.partitions(event.partitions)}, decoding with {lane}"


@sentence.register
def _(event: events.PartitionAssigned) -> str:
    return f"partition {event.partition} is read from offset {event.next_offset} ({event.reason})"


@sentence.register
def _(event: events.OffsetsExpired) -> str:
    return (
        f"offsets {event.first} to {event.next_offset - 1} of {event.topic} partition {event.partition} are no longer "
        "in the log (retention, or deleted records): those of their messages that were not settled are lost"
    )


@sentence.register
def _(event: events.DeadLettersWritten) -> str:
    count = sum(event.reasons.values())
    reasons = ", ".join(f"{reason} {number:,}" for reason, number in sorted(event.reasons.items()))
    return f"{formatting.amount(count, 'message')} written to the dead letters ({reasons}), for example {event.example}"


@sentence.register
def _(event: events.DeadLettersBlocked) -> str:
    return (
        f"dead letters can't be written, so nothing is committed past them: {event.error}; the next attempt is in "
        f"{formatting.seconds(event.retry_in_s)}"
    )


@sentence.register
def _(event: events.ColumnWidened) -> str:
    return f"column {event.column} is {event.new_type} from now on, it was {event.old_type}; all values stay exact"


@sentence.register
def _(event: events.ValuesNulled) -> str:
    return f"values that don't fit their columns became null ([schema.conflicts]): {_by_column(event)}"


@sentence.register
def _(event: events.UnknownColumnsIgnored) -> str:
    return f"columns that [schema] does not name are not sent ([schema] unknown): {_by_column(event)}"


def _by_column(event: events.ValuesNulled | events.UnknownColumnsIgnored) -> str:
    most = sorted(event.columns.items(), key=lambda item: (-item[1], item[0]))
    parts = [f"{json.dumps(column[:100])} {formatting.count(number)}" for column, number in most[:_MOST_COLUMNS]]
    others = event.other_values + sum(number for _, number in most[_MOST_COLUMNS:])
    return ", ".join([*parts, f"others {formatting.count(others)}"] if others else parts)


@sentence.register
def _(event: events.TimestampUnitDetected) -> str:
    return (
        f"the timestamps in {event.column} are read as {event.unit}, detected from the first values; to make this "
        "permanent, set [schema] timestamp_unit"
    )


@sentence.register
def _(event: events.LateActuals) -> str:
    return (
        f"{formatting.amount(event.rows, 'actual')} with a timestamp more than {event.join_window_days} days ago: "
        f"Arize joins actuals only to predictions of the last {event.join_window_days} days, unless its support has "
        "widened this window"
    )


@sentence.register
def _(event: events.UploadStarted) -> str:
    attempt = "" if event.attempt == 1 else f" at attempt {event.attempt}"
    return f"{_batch(event)}: sending {formatting.amount(event.rows, 'row')}, {formatting.size(event.bytes)}{attempt}"


@sentence.register
def _(event: events.UploadNotStored) -> str:
    return f"{_batch(event)}: Arize has none of its {formatting.amount(event.rows, 'row')}: {event.error}"


@sentence.register
def _(event: events.UploadAcknowledged) -> str:
    rows, last = formatting.amount(event.rows, "row"), formatting.seconds(event.last_attempt_s)
    took = f"in {last}" if event.attempts == 1 else f"after {event.attempts:,} attempts, of which the last took {last}"
    return f"{_batch(event)}: Arize acknowledged {rows} {took}"


@sentence.register
def _(event: events.UploadAnswered) -> str:
    answer = "no answer" if event.http_status is None else f"HTTP {event.http_status}"
    rows = formatting.amount(event.rows, "row")
    return f"{_batch(event)}: {answer} for {rows} after {formatting.seconds(event.took_s)}: {event.outcome}"


@sentence.register
def _(event: events.UploadRetried) -> str:
    return (
        f"{_batch(event)}: attempt {event.attempt} failed: {event.error}; the same "
        f"{formatting.amount(event.rows, 'row')} are sent again, in {formatting.seconds(event.retry_in_s)} at the "
        "earliest"
    )


@sentence.register
def _(event: events.UploadRejected) -> str:
    return (
        f"{_batch(event)}: Arize rejected {formatting.amount(event.rows, 'row')}, found in "
        f"{formatting.amount(event.requests, 'request')}, the last with HTTP status {event.http_status}: {event.error}"
        "; they become dead letters, unless the limit of dead letters is exceeded"
    )


@sentence.register
def _(event: events.UploadBisecting) -> str:
    return (
        f"{_batch(event)}: Arize rejected {formatting.amount(event.rows, 'row')} with HTTP status "
        f"{event.http_status}: {event.error}; bisecting to find the rejected rows, the others are delivered"
    )


@sentence.register
def _(event: events.UploadUnacknowledged) -> str:
    return (
        f"{_batch(event)}: no answer has proved for {formatting.seconds(event.elapsed_s)} that Arize stored it, after "
        f"{formatting.amount(event.attempts, 'attempt')}: {event.reason}; it is sent again, and Arize may store it "
        "several times"
    )


@sentence.register
def _(event: events.UploadConcurrencyReduced) -> str:
    route = f" of route {event.route}" if event.route else ""
    return (
        f"{formatting.amount(event.limit, 'upload')}{route} at the same time instead of {event.before}, to reduce "
        f"the load on Arize: {event.reason}; the limit rises again when Arize answers in time ([arize] adaptive)"
    )


@sentence.register
def _(event: events.RouteSuspended) -> str:
    return (
        f"route {event.route} can't keep up and is suspended, {event.reason}: its messages are read again later, "
        "the other routes go on"
    )


@sentence.register
def _(event: events.RouteCaughtUp) -> str:
    return f"route {event.route} has caught up"


@sentence.register
def _(event: events.Committed) -> str:
    offsets = ", ".join(f"{partition} at {offset}" for partition, offset in sorted(event.next_offsets.items()))
    return f"committed: partition {offsets}"


@sentence.register
def _(event: events.CommitFailed) -> str:
    return f"a commit failed: {event.error}; the next one has the newest offsets"


@sentence.register
def _(event: events.KafkaWarning) -> str:
    return f"Kafka: {event.error}"


@sentence.register
def _(event: events.Progress) -> str:
    return f"{event.state}, {event.uploads_in_flight} uploads in flight, {formatting.size(event.rss_bytes)}"


@sentence.register
def _(event: events.WorkerFailed) -> str:
    return f"halts with exit code {event.exit_code}: {event.error}"


@sentence.register
def _(event: events.WorkerFinished) -> str:
    left = []
    if event.unacknowledged:
        left.append(
            f"{formatting.amount(event.unacknowledged, 'message')} unacknowledged, which stay uncommitted in Kafka"
        )
    if event.suspended_routes:
        names = formatting.names("route", event.suspended_routes)
        left.append(f"messages of {names} that were not sent yet, which stay uncommitted in Kafka")
    if event.unconfirmed_partitions:
        where = formatting.names("partition", [formatting.partitions(event.unconfirmed_partitions)])
        left.append(f"an unconfirmed commit of {where}: what was settled there may be delivered again")
    if left:
        return f"exits with {'; and with '.join(left)}"
    if not event.consumed:
        return "exits; it has read no message"
    return (
        f"exits; each of the {formatting.amount(event.consumed, 'message')} that it read is acknowledged, a dead "
        "letter or passed over, and is committed"
    )


@sentence.register
def _(event: events.SupervisorStarted) -> str:
    what = f"topic {event.topic}, group {event.group}, partitions {formatting.partitions(event.partitions)}"
    workers = formatting.amount(event.workers, "worker")
    if event.end_offsets is None:
        return f"{what}, {workers}; a SIGTERM or Ctrl-C drains"
    left = held_back = 0
    for partition, end in event.end_offsets.items():
        first = event.next_offsets.get(partition, 0)
        left += max(end - first, 0)
        held_back += PartitionEnd(event.stable_offsets.get(partition, end), end).held_back(first)
    behind = (
        f", {formatting.count(held_back)} of them behind open transactions, whose end the run waits for"
        if held_back
        else ""
    )
    return f"{what}, {workers}, until the end offsets of now: {formatting.count(left)} offsets remain{behind}"


@sentence.register
def _(event: events.PartitionEnds) -> str:
    held_back = ", ".join(
        f"partition {partition} {formatting.count(event.end_offsets[partition] - event.stable_offsets[partition])}"
        for partition in sorted(event.held_back_s)
    )
    ends = f"the ends of {formatting.amount(len(event.end_offsets), 'partition')} of {event.topic} were asked for"
    return f"{ends}; offsets behind open transactions: {held_back}" if held_back else ends


@sentence.register
def _(event: events.TopicRetention) -> str:
    if not event.known:
        return f"Kafka does not tell for how long it keeps the messages of {event.topic}"
    how_long = "without a limit of time"
    if event.retention_s is not None:
        how_long = f"for {formatting.seconds(event.retention_s)}"
    return f"Kafka keeps the messages of {event.topic} {how_long}{', and limits their size' if event.by_size else ''}"


@sentence.register
def _(event: events.OldestMessages) -> str:
    partitions = formatting.names("partition", [str(partition) for partition in sorted(event.next_offsets)])
    return f"the time of the oldest message of {event.topic} {partitions} was asked for"


@sentence.register
def _(event: events.TransactionOpen) -> str:
    others = f"; so do partitions {formatting.partitions(event.other_partitions)}" if event.other_partitions else ""
    return (
        f"{formatting.amount(event.held_back, 'offset')} of {event.topic} partition {event.partition}, from offset "
        f"{event.stable_offset} on, wait for the end of a transaction, which this run has seen open for "
        f"{formatting.seconds(event.held_back_s)}{others}. Kafka aborts it after its producer's "
        "transaction.timeout.ms; if it stays, see kafka-transactions find-hanging"
    )


@sentence.register
def _(event: events.ForeignCommit) -> str:
    found = ", ".join(
        f"partition {partition} at {'no offset' if offset is None else offset} instead of {event.committed[partition]}"
        for partition, offset in sorted(event.found.items())
    )
    return (
        f"the committed offsets of group {event.group} on {event.topic} are not those of this run: {found}. A second "
        "supervisor commits for the group, and then both deliver the same messages; or somebody has moved or deleted "
        "the offsets. ingest audit shows what is missing"
    )


@sentence.register
def _(event: events.PartitionsAdded) -> str:
    added = formatting.partitions(event.partitions)
    return (
        f"topic {event.topic} has new partitions: {added} are assigned to this worker as well, to be read from the "
        "committed offset if there is one, else from the first message"
    )


@sentence.register
def _(event: events.PartitionPaused) -> str:
    waits = "; the run has an end, and does not get there before it is resumed" if event.holds_up_the_end else ""
    return (
        f"{event.by}: partition {event.partition} of {event.topic} is paused. What was read of it is delivered and "
        f"committed, and nothing more is read until it is resumed{waits}"
    )


@sentence.register
def _(event: events.PartitionResumed) -> str:
    return f"{event.by}: partition {event.partition} of {event.topic} is resumed, and is read on from where it was"


@sentence.register
def _(event: events.PartitionsNotRead) -> str:
    added = formatting.partitions(event.partitions)
    return f"topic {event.topic} has new partitions {added}, which this run does not read: {event.reason}"


@sentence.register
def _(event: events.StateNotKept) -> str:
    return (
        f"{event.section} directory {event.directory} is lost when this container is removed: {event.reason}. Mount a "
        "volume there, or name a directory that is on one"
    )


@sentence.register
def _(event: events.HealthChanged) -> str:
    return event.text


@sentence.register
def _(event: events.Notice) -> str:
    return event.text


@sentence.register
def _(event: events.LibraryMessage) -> str:
    before = (
        f" ({formatting.amount(event.left_out, 'message')} of it before this one left out)" if event.left_out else ""
    )
    return f"{event.library}: {event.text}{before}"


@sentence.register
def _(event: events.RunStarting) -> str:
    return f"ingest starts, pid {event.pid}"


@sentence.register
def _(event: events.RunFailed) -> str:
    return f"ends with exit code {event.exit_code}: {event.error}"


@sentence.register
def _(event: events.Repeated) -> str:
    return f"repeated {formatting.amount(event.times, 'time')} in {formatting.seconds(event.within_s)}: {event.text}"


@sentence.register
def _(event: events.StatusServed) -> str:
    taken = f" (port {event.port_taken} is taken)" if event.port_taken is not None else ""
    return f"the page of this run is at {event.url}{taken}"


@sentence.register
def _(event: events.WorkerExited) -> str:
    how = f"exit code {event.exit_code}"
    if event.exit_code < 0:
        how = f"killed by {_SIGNALS.get(event.exit_code, f'signal {-event.exit_code}')}"
    return f"pid {event.pid} ended after {formatting.seconds(event.ran_s)}: {how}"


@sentence.register
def _(event: events.DuplicatesPossible) -> str:
    count = sum(span.count for span in event.ranges)
    return (
        f"up to {formatting.amount(count, 'message')} of {event.topic} may reach Arize twice, as they may have been "
        f"sent already and are read again: {formatting.spans(event.ranges)}"
    )


@sentence.register
def _(event: events.AccountBlocked) -> str:
    return (
        f"the account can't be written, delivery goes on without it: {event.error}; the next attempt is in "
        f"{formatting.seconds(event.retry_in_s)}, and the next row that is written has all counts that are missing"
    )


@sentence.register
def _(event: events.WorkerRestarting) -> str:
    return (
        f"starts again in {formatting.seconds(event.restart_in_s)} "
        f"(crash {event.crashes} within [supervisor] crash_window_s)"
    )


@sentence.register
def _(event: events.WorkerHung) -> str:
    silence = formatting.seconds(event.no_progress_s)
    return f"pid {event.pid} has made no progress for {silence}: it is killed"


@sentence.register
def _(event: events.WorkerGivenUp) -> str:
    return (
        f"GIVEN UP after {event.crashes} crashes within {formatting.seconds(event.crash_window_s)}: this run does not "
        f"read partitions {formatting.partitions(event.partitions)} any more; start again to read them"
    )


@sentence.register
def _(event: events.DrainStarted) -> str:
    if event.topic is not None:
        limit = formatting.seconds(event.deadline_in_s)
        return f"{event.reason}: topic {event.topic} drains for up to {limit}; this concerns no other topic"
    return (
        f"{event.reason}: draining for up to {formatting.seconds(event.deadline_in_s)}; "
        "a second stop kills the workers, and unacknowledged messages stay uncommitted in Kafka"
    )


def _batch(
    event: events.UploadStarted
    | events.UploadAcknowledged
    | events.UploadAnswered
    | events.UploadRetried
    | events.UploadRejected
    | events.UploadBisecting
    | events.UploadNotStored
    | events.UploadUnacknowledged,
) -> str:
    return f"batch {event.batch} of route {event.route}" if event.route else f"batch {event.batch}"

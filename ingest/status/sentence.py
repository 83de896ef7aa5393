"""The first line: how a run is, in one sentence or two, each of them true at the snapshot's moment or not said.

Rules, the first that holds decides; a run has one cause at a time, the worst:
1. The run has ended: how.
2. A worker has halted or was given up: its partitions are not read.
3. The dead letters can't be written.
4. Kafka does not answer.
5. Arize does not answer, or answers with an error.
6. A worker hangs or starts again.
7. Less than `HEADROOM_S` are left until retention removes the oldest message that is not delivered.
8. The last commit of a worker failed: it sends little more before one succeeds (`offsets.committer`, rule 4).
9. The run drains.
10. A commit's metadata is full, or a route is suspended.
11. Somebody has paused partitions: which, since when, and what waits there.
12. It starts, or a worker does: what is not read yet.
13. All is well.

What is added
- What is lost: the offsets that Kafka had removed before this run read them, after the present state, for as long as
  the run lasts.
- "Nothing is lost" only if no offset expired in this run, no worker has halted (that may be because of messages that
  Kafka has removed), and for every partition with a lag the time that retention leaves is known and positive, or Kafka
  keeps its messages without a limit. Else nothing is said about it.
- An age is that of the oldest message that is known; "at least" if that of another partition is not.
- A number of messages is "up to": the lag counts offsets, and some of them may hold no message.
"""

from ingest.errors import ExitCode
from ingest.status import formatting
from ingest.status.snapshot import Health, PartitionStatus, Snapshot, State, WorkerStatus

HEADROOM_S = 3600.0
_BLOCKED = "dead letters can't be written: "  # how `services` words it
_COMMIT_FAILED = "a commit failed: "  # also


def sentence(snapshot: Snapshot) -> str:
    """The first line."""
    found = (
        _ended(snapshot)
        or _not_read(snapshot)
        or _dead_letters(snapshot)
        or _kafka(snapshot)
        or _arize(snapshot)
        or _processes(snapshot)
        or _headroom(snapshot)
        or _commits(snapshot)
        or _draining(snapshot)
        or _held_up(snapshot)
        or _paused(snapshot)
        or _starting(snapshot)
        or _well(snapshot)
    )
    return " ".join(part for part in (*found, _lost(snapshot)) if part)


def _ended(snapshot: Snapshot) -> tuple[str, ...]:
    if not snapshot.ended:
        return ()
    return (f"The run has ended with exit code {snapshot.exit_code}.", *_waiting(snapshot))


def _not_read(snapshot: Snapshot) -> tuple[str, ...]:
    stopped = [worker for worker in snapshot.workers if worker.state in {State.GIVEN_UP, State.HALTED}]
    if stopped:
        worst = next((worker for worker in stopped if worker.state is State.GIVEN_UP), stopped[0])
        how = "was given up" if worst.state is State.GIVEN_UP else "has halted"
        more = len(stopped) - 1
        others = f" So it is with {formatting.amount(more, 'other worker')}." if more else ""
        cause = f" {_full_stop(worst.reason)}" if worst.reason and worst.state is State.HALTED else ""
        return (f"Worker {worst.index} {how}: {_partitions(worst)} not read.{cause}{others}", *_waiting(snapshot))
    return ()


def _lost(snapshot: Snapshot) -> str:
    if not snapshot.totals.expired:
        return ""
    offsets = formatting.amount(snapshot.totals.expired, "offset")
    return f"Kafka had removed {offsets} before this run read them; their messages are lost."


def _dead_letters(snapshot: Snapshot) -> tuple[str, ...]:
    blocked_s = snapshot.ingest.dead_letters_blocked_s
    if blocked_s is None:
        return ()
    fault = snapshot.ingest.fault
    why = fault.text.partition(_BLOCKED)[2] if fault is not None and fault.lasts else ""
    what = f"Dead letters can't be written for {_lasting(blocked_s)}{f': {why}' if why else ''}"
    return (_full_stop(what), "Reading waits for them.", *_waiting(snapshot))


def _kafka(snapshot: Snapshot) -> tuple[str, ...]:
    away = [worker for worker in snapshot.workers if worker.state is State.KAFKA_AWAY]
    if not away or snapshot.kafka.silent_s is None:
        return ()
    reason = away[0].reason
    why = f" ({reason})" if reason else ""
    silent = _lasting(snapshot.kafka.silent_s)
    if len(away) == len(snapshot.workers):
        return (f"Kafka has not answered for {silent}{why}: nothing is read or committed.", _unacknowledged(snapshot))
    workers = formatting.amount(len(away), "worker")
    return (f"Kafka has not answered {workers} for {silent}{why}.", _unacknowledged(snapshot))


def _unacknowledged(snapshot: Snapshot) -> str:
    """While Kafka is away nobody knows the lag, but what is not committed stays where it is."""
    return "" if snapshot.totals.expired else "What is not committed is read again."


def _arize(snapshot: Snapshot) -> tuple[str, ...]:
    arize = snapshot.arize
    waiting = [worker for worker in snapshot.workers if worker.state is State.WAITING_FOR_ARIZE]
    if not waiting and not (snapshot.draining and arize.failing_s is not None):
        return ()
    fault = arize.fault
    if arize.unanswered_s is not None and arize.unanswered_s >= 1.0 and _late(snapshot):
        failed = fault is not None and fault.lasts and arize.failing_s is not None
        why = f" The last attempt failed: {_full_stop(fault.text)}" if fault is not None and failed else ""
        return (f"Arize has not answered for {_lasting(arize.unanswered_s)}.{why}", *_waiting(snapshot))
    if arize.failing_s is not None and fault is not None and fault.lasts:
        whose = "" if len(waiting) == len(snapshot.workers) else f" of {formatting.amount(len(waiting), 'worker')}"
        failed_for = f"Uploads{whose} have failed for {_lasting(arize.failing_s)}"
        return (f"{failed_for}, and are repeated: {_full_stop(fault.text)}", *_waiting(snapshot))
    if arize.waiting_s is not None:
        return (f"Arize is slow: an upload is out for {_lasting(arize.waiting_s)}.", *_waiting(snapshot))
    return ()


def _late(snapshot: Snapshot) -> bool:
    """No answer for longer than usual: a worker's own upload may be late while others are answered."""
    arize = snapshot.arize
    return arize.unanswered_s is not None and (arize.usual_s is None or arize.unanswered_s > arize.usual_s)


def _processes(snapshot: Snapshot) -> tuple[str, ...]:
    hung = [worker for worker in snapshot.workers if worker.state is State.HUNG]
    ended = [worker for worker in snapshot.workers if worker.state is State.RESTARTING or _starts_again(worker)]
    for found, what in ((hung, "hangs and is killed"), (ended, "has ended and is started again")):
        if found:
            text = f"Worker {found[0].index} {what}{_too(found)}: {_partitions(found[0])} not read meanwhile."
            return (text, *_waiting(snapshot))
    return ()


def _starts_again(worker: WorkerStatus) -> bool:
    """It starts after a crash, and does not read yet."""
    return worker.state is State.STARTING and worker.health is not Health.OK


def _too(found: list[WorkerStatus]) -> str:
    return f", {formatting.amount(len(found) - 1, 'other worker')} too" if len(found) > 1 else ""


def _headroom(snapshot: Snapshot) -> tuple[str, ...]:
    left = snapshot.totals.retention_left_s
    if left is None or left > HEADROOM_S:
        return ()
    how = f"in {_lasting(left)}" if left > 0 else "from now on"
    return (f"Kafka may remove the oldest messages {how}, before they are delivered.", _reads(snapshot))


def _commits(snapshot: Snapshot) -> tuple[str, ...]:
    fault = snapshot.kafka.fault
    if fault is None or not fault.lasts or not fault.text.startswith(_COMMIT_FAILED):
        return ()
    failed = _full_stop(f"{fault.text[0].upper()}{fault.text[1:]}")
    return (failed, "Until one succeeds, its worker sends little more.", *_waiting(snapshot))


def _draining(snapshot: Snapshot) -> tuple[str, ...]:
    if not snapshot.draining:
        return ()
    in_flight = formatting.amount(snapshot.arize.in_flight, "upload")
    return (f"Draining: nothing more is read, {in_flight} in flight.",)


def _held_up(snapshot: Snapshot) -> tuple[str, ...]:
    full = [worker for worker in snapshot.workers if worker.state is State.METADATA_FULL]
    if full:
        return (
            f"Worker {full[0].index} waits for its slowest route: a commit can't carry more of what the others have.",
        )
    routes = sorted({route for worker in snapshot.workers for route in worker.suspended_routes})
    if routes:
        return (f"{formatting.names('Route', routes)} can't keep up and catch up later; the others go on.",)
    return ()


def _paused(snapshot: Snapshot) -> tuple[str, ...]:
    paused = [one for one in snapshot.partitions if one.paused_s is not None]
    if not paused:
        return ()
    by_topic: dict[str, list[int]] = {}
    for one in paused:
        by_topic.setdefault(one.topic, []).append(one.partition)
    several = len(snapshot.topics) > 1
    which = " and ".join(
        f"{'partition' if len(numbers) == 1 else 'partitions'} {formatting.partitions(numbers)}"
        f"{f' of {topic}' if several else ''}"
        for topic, numbers in by_topic.items()
    )
    since = _lasting(max(one.paused_s or 0.0 for one in paused))
    been = "has been paused by request" if len(paused) == 1 else "have been paused by request, the longest"
    ends = " The run has an end, and waits for that." if snapshot.totals.all_offsets is not None else ""
    return (
        f"{which[0].upper()}{which[1:]} {been} for {since}{_waits_there(paused)}.{ends}",
        *_others(snapshot, paused),
    )


def _waits_there(paused: list[PartitionStatus]) -> str:
    lags = [one.lag for one in paused if one.lag is not None]
    if len(lags) < len(paused):
        return ""
    lag = sum(lags)
    if not lag:
        return "; nothing waits there"
    ages = [one.oldest_age_s for one in paused if one.lag and one.oldest_age_s is not None]
    least = "at least " if len(ages) < sum(one.lag > 0 for one in paused if one.lag is not None) else ""
    oldest = f", the oldest {least}{_lasting(max(ages))}" if ages else ""
    return f"; up to {formatting.amount(lag, 'message')} {'waits' if lag == 1 else 'wait'} there{oldest}"


def _others(snapshot: Snapshot, paused: list[PartitionStatus]) -> tuple[str, ...]:
    if len(paused) == len(snapshot.partitions):
        return ()
    return (f"The whole run has {formatting.count(snapshot.totals.acknowledged_per_s)} rows/s acknowledged.",)


def _starting(snapshot: Snapshot) -> tuple[str, ...]:
    starting = [worker for worker in snapshot.workers if worker.state is State.STARTING]
    if not snapshot.workers:
        return ("Starting: Kafka is asked about the topics.",)
    if starting and len(starting) == len(snapshot.workers):
        return (f"Starting {formatting.amount(len(starting), 'worker')}.",)
    if starting:
        first = starting[0]
        return (f"Worker {first.index} starts{_too(starting)}: {_partitions(first)} not read yet.", _reads(snapshot))
    return ()


def _well(snapshot: Snapshot) -> tuple[str, ...]:
    well = "All is well:" if snapshot.health is Health.OK and not snapshot.totals.expired else "Delivery goes on:"
    return (f"{well} {_reads(snapshot)}",)


def _reads(snapshot: Snapshot) -> str:
    totals = snapshot.totals
    rate = f"{formatting.count(totals.acknowledged_per_s)} rows/s acknowledged"
    if totals.lag_unknown:
        return f"{rate}, {formatting.lag(totals.lag, totals.lag_unknown)}."
    if not totals.lag:
        return f"{rate}, nothing waits in Kafka."
    return f"{rate}, up to {formatting.amount(totals.lag, 'message')} to go{_age(snapshot)}."


def _waiting(snapshot: Snapshot) -> tuple[str, ...]:
    """What waits in Kafka, and for how long it may."""
    totals = snapshot.totals
    if totals.lag_unknown or not totals.lag:
        return ()
    # Of offsets nobody knows how many hold a message; each of them is at most one.
    waits = f"up to {formatting.amount(totals.lag, 'message')} {'waits' if totals.lag == 1 else 'wait'} in Kafka"
    left = totals.retention_left_s
    leaves = f", retention leaves {_lasting(left)}" if left is not None and left > 0 else ""
    halted = snapshot.exit_code == ExitCode.EXPIRED or any(each.state is State.HALTED for each in snapshot.workers)
    safe = not (halted or totals.expired or totals.retention_unknown) and (left is None or left > 0)
    text = f"{waits}{_age(snapshot)}{leaves}."
    return (f"Nothing is lost: {text}" if safe else f"{text[0].upper()}{text[1:]}",)


def _age(snapshot: Snapshot) -> str:
    age_s = snapshot.totals.oldest_age_s
    if age_s is None:
        return ""
    least = "at least " if snapshot.totals.oldest_age_unknown else ""
    return f", the oldest {least}{_lasting(age_s)}"


def _partitions(worker: WorkerStatus) -> str:
    if len(worker.partitions) == 1:
        return f"its partition {worker.partitions[0]} is"
    return (
        f"its partitions {formatting.partitions(worker.partitions)} are" if worker.partitions else "its partitions are"
    )


def _full_stop(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _lasting(seconds: float) -> str:
    return "less than 1 s" if seconds < 1 else formatting.glance(seconds)

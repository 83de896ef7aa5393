"""Whether the run lives, and whether it is ready: `/livez` and `/readyz`.

Rules
1. It lives if the supervisor's loop has turned within the last `LOOP_S` seconds. Nothing else makes it dead: what a
   restart does not heal, such as Arize being away, is no reason to restart. Before there are workers (Kafka is asked)
   and after they have ended (the account is made) there is no loop, so it is not judged.
2. It is ready if it lives, does not drain and has not ended, each partition has a worker and makes progress, and Kafka,
   ingest and Arize are not failing.
3. A partition does not make progress while its worker waits for Arize, Kafka, the dead letters or room in the commit's
   metadata. One that has reached the end of the run is fine, and so is one whose worker pauses to take a breath.
4. A partition that somebody has paused is no fault of the run: it is a note of `/readyz`, which stays ready.
5. Each reason is one line, and says what is the matter, not what to do; reasons about many partitions are one.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from ingest.status import formatting
from ingest.status.snapshot import Health, PartitionStatus, Snapshot, State

LOOP_S = 30.0
_NOT_READ = {
    State.STARTING: "not read yet: their worker is starting",
    State.KAFKA_AWAY: "waiting: Kafka does not answer",
    State.WAITING_FOR_ARIZE: "waiting: Arize does not answer or refuses",
    State.DEAD_LETTERS_BLOCKED: "waiting: the dead letters can't be written",
    State.METADATA_FULL: "waiting: the metadata of the commit is full",
    State.HUNG: "not read: their worker hangs",
    State.RESTARTING: "not read: their worker is restarting",
    State.GIVEN_UP: "given up: their worker kept crashing",
    State.HALTED: "not read any more: their worker has halted",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer: `ok` is HTTP 200, else 503. `reasons` say why it is not; empty if it is. `notes` decide nothing."""

    ok: bool
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def status(self) -> int:
        """The HTTP status."""
        return 200 if self.ok else 503


def livez(snapshot: Snapshot, now: float) -> Verdict:
    """Rule 1. `now` is in Unix seconds."""
    if snapshot.ended:
        return _verdict([_ended(snapshot)])
    since_s = now - snapshot.loop_at
    if since_s > LOOP_S and snapshot.looping:
        return _verdict([f"the supervisor's loop has not turned for {formatting.seconds(since_s)}"])
    return Verdict(ok=True)


def readyz(snapshot: Snapshot, now: float) -> Verdict:
    """Rules 2 to 4. `now` is in Unix seconds."""
    reasons = list(livez(snapshot, now).reasons)
    if snapshot.draining and not snapshot.ended:
        reasons.append("the run drains: it reads no more messages")
    if not snapshot.partitions and not snapshot.ended:
        reasons.append("no partition is assigned yet")
    for state, words in _NOT_READ.items():
        if found := [one for one in snapshot.partitions if one.state is state]:
            reasons.append(f"{_named(found)}: {words}")
    for name, part in (("Kafka", snapshot.kafka), ("ingest", snapshot.ingest), ("Arize", snapshot.arize)):
        if part.health is Health.FAILING:
            lasting = f": {part.fault.text}" if part.fault is not None and part.fault.lasts else ""
            reasons.append(f"{name} is failing{lasting}")
    return replace(_verdict(reasons), notes=tuple(_notes(snapshot)))


def _notes(snapshot: Snapshot) -> Iterator[str]:
    if snapshot.ended:
        return
    if paused := [one for one in snapshot.partitions if one.paused_s is not None]:
        yield f"{_named(paused)}: paused by request"


def _verdict(reasons: list[str]) -> Verdict:
    return Verdict(ok=not reasons, reasons=tuple(reasons))


def _ended(snapshot: Snapshot) -> str:
    return "the run has ended" + (f" with exit code {snapshot.exit_code}" if snapshot.exit_code is not None else "")


def _named(partitions: list[PartitionStatus]) -> str:
    by_topic: dict[str, list[int]] = {}
    for one in partitions:
        by_topic.setdefault(one.topic, []).append(one.partition)
    return ", ".join(
        f"partition{'s' if len(numbers) > 1 else ''} {formatting.partitions(numbers)} of {topic}"
        for topic, numbers in by_topic.items()
    )

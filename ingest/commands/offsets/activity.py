"""Whether somebody delivers for a group now: what can be checked, and what can't.

Rules
1. Supervisors of this user on this host are found by the files of their status pages. One that runs elsewhere, as
   another user, or with `[status] enabled = false` is not.
2. Members of the group are known to Kafka. Workers assign their partitions and are no members.
3. Commits that move while we look belong to somebody. A supervisor without new messages moves none.
So nothing here proves that nobody runs: what was not seen is reported with the answer.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ingest.config.sections import Kafka
from ingest.pipeline.kafka import metadata
from ingest.pipeline.kafka.group_members import group_members
from ingest.pipeline.offsets.checkpoint import Checkpoint
from ingest.status import formatting
from ingest.status.web import runtime_file

WATCH_S = 5.0
_COMMITS = 3  # intervals of a worker's commits

Committed = Mapping[int, Checkpoint | None]


@dataclass(frozen=True, slots=True)
class Activity:
    """`busy` are the signs that somebody delivers for the group, `checked` what was looked at, in sentences."""

    busy: tuple[str, ...]
    checked: tuple[str, ...]


def look(kafka: Kafka, running: Sequence[runtime_file.Running] | None = None) -> Activity:
    """Rules 1 and 2."""
    busy = [
        f"a supervisor (process {one.pid}, {one.url}) delivers {kafka.topic} as group {one.group} on this host"
        for one in (runtime_file.find() if running is None else running)
        if one.group == kafka.group and kafka.topic in one.topics
    ]
    checked = ["no supervisor of this user with a status page on this host"] if not busy else []
    members = group_members(kafka)
    if members:
        busy.append(f"group {kafka.group} has {formatting.amount(len(members), 'member')}: {', '.join(members[:5])}")
    elif members is None:
        checked.append("the members of the group are unknown: Kafka does not tell this user")
    else:
        checked.append("no members of the group (workers of ingest supervise are none)")
    return Activity(tuple(busy), tuple(checked))


def watch_commits(
    kafka: Kafka,
    before: Committed,
    commit_interval_s: float,
    *,
    ask: Callable[[], Committed] | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Activity:
    """Rule 3: look again after some commits of a worker would have come."""
    waited_s = max(WATCH_S, _COMMITS * commit_interval_s)
    sleep(waited_s)
    now = metadata.committed_progress(kafka, before) if ask is None else ask()
    changed = [partition for partition, mark in before.items() if now[partition] != mark]
    if changed:
        where = formatting.partitions(changed)
        return Activity((f"the commits of partitions {where} moved within {formatting.seconds(waited_s)}",), ())
    return Activity(
        (), (f"no commit moved within {formatting.seconds(waited_s)} (a supervisor without news makes none)",)
    )

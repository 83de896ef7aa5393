"""`ingest offsets`: shows a group's offsets, and moves them.

Rules of a move
1. It is a preview unless it is executed, as with kafka-consumer-groups.
2. It is refused while somebody delivers for the group, as far as that can be seen (`activity`), unless forced.
3. What Kafka had is in the account before the commit, and the move after Kafka has confirmed it. If the process ends
   in between, the audit takes the move for another tool's: it is an alarm, and never hidden.
4. The commits are compared once more right before the move: whoever has committed since makes it void.
"""

import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TextIO

from ingest.accounting.files import account_store
from ingest.accounting.rows import CommittedState, Kind, PartitionKey
from ingest.commands.lag.measure import LagMeter
from ingest.commands.lag.text import WIDTH
from ingest.commands.offsets import activity, text
from ingest.commands.offsets.moves import PartitionMove, TopicOffsets, plan_moves
from ingest.commands.offsets.target import Target
from ingest.config import partition_set
from ingest.config.resolve import TopicConfig
from ingest.errors import ConfigError, ExitCode, FatalError
from ingest.pipeline.kafka import first_contact, metadata, rights
from ingest.pipeline.kafka.end_offsets import partition_ends
from ingest.pipeline.kafka.single_commit import commit_once
from ingest.pipeline.kafka.time_range import offsets_at
from ingest.pipeline.offsets.checkpoint import Checkpoint
from ingest.records import NOTHING, TopicShape
from ingest.status.console import BrokenPipeConsole, width_for
from ingest.supervisor import partition_sets


def show(settings: Sequence[TopicConfig], *, json: bool, stream: TextIO) -> ExitCode:
    """Print the group's offsets on each topic. Raises FatalError (exit code KAFKA)."""
    console = BrokenPipeConsole(file=stream, width=width_for(stream, WIDTH))
    for each in settings:
        meter = LagMeter(each.kafka)
        try:
            rows = meter.measure()
        finally:
            meter.close()
        if json:
            stream.write(text.shown_json(each.kafka, rows, meter.committed, datetime.now(UTC)) + "\n")
        else:
            console.print(text.shown_table(each.kafka, rows, meter.committed))
    return ExitCode.DONE


def move(
    settings: TopicConfig, target: Target, *, partitions: str | None, execute: bool, force: bool, stream: TextIO
) -> ExitCode:
    """Preview a move of the group's offsets, and make it with `execute`.

    Raises ConfigError for partitions that don't exist, FatalError (exit code USAGE) for a move that is refused, and
    (exit code KAFKA) if Kafka can't be asked or does not confirm it.
    """
    kafka = settings.kafka
    existing = first_contact.topic_partitions(kafka)
    wanted = None if partitions is None else partition_set.parse(partitions, "--partitions")
    chosen = partition_sets.choose(wanted, existing, kafka.topic, "--partitions")
    rights.may_ask_group(kafka)
    shape = TopicShape(metadata.topic_id(kafka), existing)
    committed = metadata.committed_progress(kafka, existing)
    lows, ends = metadata.watermarks(kafka, chosen), partition_ends(kafka, chosen)
    bounds = {partition: (lows[partition][0], ends[partition].end_offset) for partition in chosen}
    at_times = offsets_at(kafka, chosen, target.number) if target.kind == "time" else {}
    moves = plan_moves(target, kafka, TopicOffsets(shape, committed, bounds, at_times), chosen)
    stream.writelines(f"{line}\n" for line in text.preview(kafka, moves))
    found = activity.look(kafka)
    if execute and not found.busy:
        watched = activity.watch_commits(kafka, committed, settings.delivery.commit_interval_s)
        found = activity.Activity(watched.busy, (*found.checked, *watched.checked))
    stream.writelines(f"checked: {line}\n" for line in found.checked)
    if found.busy and not force:
        what = "; ".join(found.busy)
        if execute:
            raise FatalError(
                f"nothing is moved: {what}. It would go on from its own offsets and commit over the move. Stop it "
                "first; --force moves all the same",
                exit_code=ExitCode.USAGE,
            )
        stream.write(f"--execute would be refused: {what}\n")
    changed = [each for each in moves if each.changes]
    if not execute:
        stream.write(
            "nothing was moved: this is the preview, add --execute to move\n" if changed else "nothing to move\n"
        )
        return ExitCode.DONE
    if not changed:
        stream.write("nothing to move\n")
        return ExitCode.DONE
    _execute(settings, changed, committed, force=force)
    stream.write("moved; the account has it\n" if settings.account.directory else "moved; no account is kept\n")
    return ExitCode.DONE


def _execute(
    settings: TopicConfig, moves: Sequence[PartitionMove], committed: Mapping[int, Checkpoint | None], *, force: bool
) -> None:
    kafka, run = settings.kafka, secrets.token_hex(4)
    checkpoints = {each.partition: each.after for each in moves}
    if not force and metadata.committed_progress(kafka, committed) != committed:  # rule 4
        raise FatalError(
            f"nothing is moved: the commits of group {kafka.group} changed since the preview. Somebody delivers for "
            "it; stop that first",
            exit_code=ExitCode.USAGE,
        )
    before = {each.partition: committed[each.partition] for each in moves}
    try:
        _record(settings, "before_move", before, run)
    except OSError as failed:
        raise ConfigError(
            f"[account] directory = {settings.account.directory}: {failed.strerror or failed}. Nothing is moved, as a "
            "move that the account does not have looks like a loss. Make the directory writable"
        ) from None
    usable = metadata.offset_settings(kafka).usable_metadata_bytes
    if reason := commit_once(kafka, checkpoints, metadata_bytes=usable):
        raise FatalError(
            f"Kafka did not confirm the move of group {kafka.group}: {reason}. See ingest offsets show where it is now",
            exit_code=ExitCode.KAFKA,
        )
    try:
        _record(settings, "moved", checkpoints, run)
    except OSError as failed:
        raise FatalError(
            f"the group is moved, but the account in {settings.account.directory} could not be written: "
            f"{failed.strerror or failed}. ingest audit will report the move as another tool's",
            exit_code=ExitCode.CONFIGURATION,
        ) from None


def _record(
    settings: TopicConfig,
    kind: Kind,
    marks: Mapping[int, Checkpoint | None],
    run: str,
) -> None:
    """Write a row for each partition, durably. Raises OSError."""
    at = datetime.now(UTC)
    rows = []
    for partition, mark in sorted(marks.items()):
        key = PartitionKey(settings.kafka.topic, settings.kafka.group, partition)
        next_offset, counts = (None, NOTHING) if mark is None else (mark.next_offset, mark.counts)
        topic_id = "" if mark is None else mark.topic_id
        rows.append(CommittedState(kind, key, at, next_offset, counts, run, topic_id=topic_id))
    account_store(settings.account).append(rows, at, durable=True)

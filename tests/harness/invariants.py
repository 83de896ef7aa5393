"""Checks the promise from the outside: the topic, the journal, the dead letters and the committed offsets.

Nothing that the product says of itself is asked. Findings carry the invariant they break:

I1  A message that the commits call settled (below the committed offset, or in a range of the commit's metadata) is in
    neither of journal and dead letters at the end, or is in both.
I2  A sample taken during the run found a message called settled that was stored only later; or a committed offset that
    went back.
I3  More rows are stored twice than the bound allows.
I4  A stored row differs from the one produced, or was never to be delivered.
END A run that is done left a partition committed short of its end.

A sample reads the committed offsets first and the journal after them, so that what is stored in between can only
excuse, never accuse. Each broken message is told once: one that never arrives is I1's, not I2's too.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from ingest.pipeline.offsets.checkpoint import Checkpoint
from ingest.sandbox.compare import canonical
from ingest.sandbox.journal import PARTITION, SEQUENCE, Ints
from tests.harness.truth import Evidence

Invariant = Literal["I1", "I2", "I3", "I4", "END"]
EXAMPLES = 5

Committed = Mapping[int, Checkpoint | None]


@dataclass(frozen=True, slots=True)
class Finding:
    """One broken promise."""

    invariant: Invariant
    text: str


@dataclass(slots=True)
class Samples:
    """What the commits claimed before it was there, over all samples; and how far they ever came."""

    count: int = 0
    early: dict[int, Ints] = field(default_factory=dict)  # partition -> offsets claimed, not there at that time
    highest: dict[int, int] = field(default_factory=dict)
    backwards: list[str] = field(default_factory=list)

    def take(self, committed: Committed, evidence: Evidence) -> None:
        """One sample: `committed` was read before; `evidence` is brought up to date here."""
        evidence.update()
        self.count += 1
        for partition, mark in committed.items():
            if mark is None:
                continue
            claimed = settled(mark, evidence.truth.visible(partition))
            there = evidence.acknowledged(partition, claimed) | evidence.lettered(partition, claimed)
            if not there.all():
                earlier = self.early.get(partition, np.zeros(0, np.int64))
                self.early[partition] = np.union1d(earlier, claimed[~there])
            before = self.highest.get(partition, 0)
            if mark.next_offset < before:
                self.backwards.append(f"partition {partition} went back from {before} to {mark.next_offset}")
            self.highest[partition] = max(before, mark.next_offset)


def settled(mark: Checkpoint, visible: Ints) -> Ints:
    """Those of the `visible` offsets that a commit calls settled; of open routes it says nothing."""
    claimed = visible < mark.next_offset
    for part in (part for part in mark.ranges if not part.open):
        claimed |= (visible >= part.first) & (visible < part.next_offset)
    return visible[claimed]


def check(
    evidence: Evidence,
    committed: Committed,
    samples: Samples | None = None,
    *,
    most_duplicates: int = 0,
    ends: Mapping[int, int] | None = None,
    values: bool = True,
) -> list[Finding]:
    """Everything that is broken now. With `ends`, every partition must be committed exactly there."""
    if samples is not None:
        samples.take(committed, evidence)
    evidence.update()
    findings = _fates(evidence, committed)
    if samples is not None:
        findings += _too_early(evidence, samples)
    if evidence.duplicates > most_duplicates:
        findings.append(Finding("I3", f"{evidence.duplicates} rows stored twice, at most {most_duplicates} may be"))
    if evidence.strangers:
        findings.append(Finding("I4", f"stored, but never to be delivered: {evidence.strangers[:EXAMPLES]}"))
    if values:
        findings += _values(evidence)
    for partition, end in (ends or {}).items():
        mark = committed.get(partition)
        if (0 if mark is None else mark.next_offset) != end:
            at = "nothing" if mark is None else mark.next_offset
            findings.append(Finding("END", f"partition {partition} is committed at {at}, its end is {end}"))
    return findings


def _fates(evidence: Evidence, committed: Committed) -> list[Finding]:
    findings = []
    for partition, mark in committed.items():
        visible = evidence.truth.visible(partition)
        acknowledged, dead = evidence.acknowledged(partition, visible), evidence.lettered(partition, visible)
        if (acknowledged & dead).any():
            both = visible[acknowledged & dead][:EXAMPLES].tolist()
            findings.append(Finding("I1", f"partition {partition}: stored and in the dead letters: {both}"))
        if mark is None:
            continue
        gone = np.setdiff1d(settled(mark, visible), visible[acknowledged | dead])
        if len(gone):
            text = f"partition {partition} lost {len(gone)} messages, committed at {mark.next_offset}"
            findings.append(Finding("I1", f"{text}: {gone[:EXAMPLES].tolist()}"))
    wrong = sorted(place for place in evidence.dead if place not in evidence.truth.bad)
    if wrong:
        findings.append(Finding("I1", f"good messages in the dead letters: {wrong[:EXAMPLES]} of {len(wrong)}"))
    return findings


def _too_early(evidence: Evidence, samples: Samples) -> list[Finding]:
    findings = [Finding("I2", text) for text in samples.backwards[:EXAMPLES]]
    for partition, offsets in samples.early.items():
        late = offsets[evidence.acknowledged(partition, offsets) | evidence.lettered(partition, offsets)]
        if len(late):
            text = f"partition {partition}: {len(late)} messages were committed before they were stored"
            findings.append(Finding("I2", f"{text}: {late[:EXAMPLES].tolist()}"))
    return findings


def _values(evidence: Evidence) -> list[Finding]:
    strangers = set(evidence.strangers)
    changed = []
    for row in evidence.journal.rows():
        place = (int(row[PARTITION]), int(row[SEQUENCE]))
        if place not in strangers and canonical(row) != canonical(evidence.truth.row(*place)):
            changed.append(place)
    return [Finding("I4", f"{len(changed)} rows changed on their way: {changed[:EXAMPLES]}")] if changed else []

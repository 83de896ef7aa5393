"""The learned schema of a worker: its columns, what the configuration says of them, and what messages have taught."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from ingest.config.column_types import Unknown
from ingest.pipeline.decoding.column_types import Column, Rule
from ingest.pipeline.decoding.privacy import Privacy
from ingest.pipeline.decoding.renames import ColumnRenamer

MAX_COLUMNS = 2_000


@dataclass(slots=True)
class LearnedSchema:
    """The columns a worker has learned, by name. A column seen only with nulls is not in it yet.

    `named` are the columns that the configuration names exactly: no limit on columns counts them.
    `taken` counts, by column of times, the values of a chunk that the compiled lane has taken (`families`).
    """

    rules: Mapping[str, Rule] = field(default_factory=dict)
    columns: dict[str, Column] = field(default_factory=dict)
    renamer: ColumnRenamer = field(default_factory=ColumnRenamer)
    privacy: Privacy = field(default_factory=Privacy)
    unknown: Unknown = "send"
    named: AbstractSet[str] = frozenset()
    taken: Mapping[str, int] = field(default_factory=dict)

    @property
    def plain(self) -> bool:
        """Keys are columns as they stand: nothing is renamed, excluded, hashed or ignored."""
        return self.renamer.plain and not self.privacy.hashes and self.unknown == "send"

    def knows(self, column: str) -> bool:
        """The configuration describes the column, or sends every column."""
        if self.unknown == "send":
            return True
        rule = self.rules.get(column)
        return rule is not None and rule.known

    def learn(self, learned: Mapping[str, Column]) -> None:
        """Keep what rows taught; without this call nothing of them stays."""
        self.columns.update(learned)
        if len(self.columns) > MAX_COLUMNS // 2:
            # The columns with the fewest values make room: one message whose keys are data must not use up the limit.
            often = sorted(self.columns, key=lambda name: -sum(self.columns[name].type_counts.values()))
            unnamed = [name for name in often if name not in self.named]
            kept = {*often}.difference(unnamed[MAX_COLUMNS // 2 :])
            self.columns = {name: self.columns[name] for name in often if name in kept}

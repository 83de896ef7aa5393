"""What may stand in which column, all that the configuration says of it taken together.

Rules
1. A column with a meaning takes what Arize takes there (`schema.column_roles`); with several, what serves all.
2. A pin ([schema.types]) leaves one of these kinds, from the first message on; `text` ([schema.conflicts]) is a pin to
   string. What reaches which column is said in `pins`.
3. With [schema] unknown other than "send", a column is known if it has a meaning, if [schema] tags or features name it,
   or if it is pinned. [schema] rename and the `null` of [schema.conflicts] alone make no column known.
"""

import re
from collections.abc import Iterator, Mapping

from ingest.config.column_types import Named, OnConflict
from ingest.config.patterns import matcher
from ingest.config.schema import NUMBERS, SCALARS, Schema, column_roles
from ingest.pipeline.decoding.column_types import KINDS, Rule

_ANYTHING = frozenset(KINDS)
_MOST_REMEMBERED = 10_000  # keys may be data


class Rules(Mapping[str, Rule]):
    """What may stand in which column. It iterates over the names with a meaning; a look-up knows the wildcards too."""

    def __init__(self, schema: Schema, model_type: str) -> None:
        self._claimed = _claimed(schema, model_type)
        self._shap = [_star(column) for column in schema.shap.values() if "*" in column]
        self._tags, self._features = matcher(schema.tags), matcher(schema.features)
        self._pins, self._conflicts = Named(schema.types), Named(schema.conflicts)
        self._never_null = {schema.prediction_id, schema.timestamp}
        self._found: dict[str, Rule | None] = {}

    def get(self, column: str, default: Rule | None = None) -> Rule | None:  # type: ignore[override]
        """The column's rule, `default` if nothing at all is said of it."""
        try:
            rule = self._found[column]
        except KeyError:
            if len(self._found) >= _MOST_REMEMBERED:
                self._found.clear()
            self._found[column] = rule = self._rule(column)
        return default if rule is None else rule

    def __getitem__(self, column: str) -> Rule:
        if (rule := self.get(column)) is None:
            raise KeyError(column)
        return rule

    def __iter__(self) -> Iterator[str]:
        return iter(self._claimed)

    def __len__(self) -> int:
        return len(self._claimed)

    def _rule(self, column: str) -> Rule | None:
        meant = self._meant(column)
        own = meant is not None and meant.setting not in {"tags", "features"}
        kinds = meant.kinds if meant is not None else _ANYTHING
        pin, pin_by_name = self._pins.of(column)
        if pin is not None and (pin not in kinds or (own and not pin_by_name)):
            pin = None
        conflict, by_name = self._conflicts.of(column)
        if conflict == "null" and column in self._never_null:
            conflict = None
        if conflict == "text":
            reached = "string" in kinds and (by_name or not own)
            if not reached or (pin is not None and pin != "string" and (pin_by_name or not by_name)):
                conflict = None
            else:
                pin = "string"
        if meant is None and pin is None and conflict in {None, "dead_letter"}:
            return None
        on_conflict: OnConflict = conflict or "dead_letter"
        return Rule(
            meant.setting if meant is not None else "types",
            kinds if pin is None else frozenset({pin}),
            meant is not None and meant.required,
            pinned=pin or "",
            on_conflict=on_conflict,
            known=meant is not None or pin is not None,
        )

    def _meant(self, column: str) -> Rule | None:
        """What the column's meaning asks for. A feature or a tag by wildcard has one too, but none of its own."""
        if (rule := self._claimed.get(column)) is not None:
            return rule
        if any(pattern.fullmatch(column) for pattern in self._shap):
            return Rule("shap", NUMBERS)
        if self._tags.fullmatch(column):
            return Rule("tags", SCALARS)
        return Rule("features", _ANYTHING) if self._features.fullmatch(column) else None


def rules(schema: Schema, model_type: str) -> Rules:
    """What may stand in the columns of `schema`, by column name."""
    return Rules(schema, model_type)


def _claimed(schema: Schema, model_type: str) -> dict[str, Rule]:
    found: dict[str, Rule] = {}
    for claim in column_roles(schema, model_type):
        other = found.get(claim.column)
        found[claim.column] = Rule(
            claim.setting if other is None else other.setting,
            claim.kinds if other is None else claim.kinds & other.kinds,
            claim.required or (other is not None and other.required),
        )
    return found


def _star(column: str) -> re.Pattern[str]:
    head, _, tail = map(re.escape, column.partition("*"))
    return re.compile(f"{head}.+{tail}", re.DOTALL)

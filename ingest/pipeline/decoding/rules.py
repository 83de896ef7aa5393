"""Which types a column may have, by everything that the configuration says of it.

Rules
1. A column with a role takes what Arize takes there (`schema.column_roles`); with several, what suits all of them.
2. A pin ([schema.types]) restricts it to one of these types, from the first message on; `text` ([schema.conflicts]) is
   a pin to string. `ingest.config.column_types` decides which entry applies to which column.
3. With [schema] unknown other than "send", a column is known if it has a role, if [schema] tags or features name it,
   or if it is pinned. [schema] rename and the `null` of [schema.conflicts] alone make no column known.
4. A column that Arize takes several types in for one meaning has a family, unless it is pinned: the timestamp is of
   times, ids are of ids, scores and other numbers of numbers. With several roles the types that are left decide.
5. A column is named if a role, or an entry in tags, features, types or conflicts has its exact name.
6. A reserved column that models of this type don't have (`schema.misplaced`) takes every value, as text: its messages
   are dead letters for being there at all, and not for what other messages have in it. It stays unknown.
"""

import re
from collections.abc import Iterator, Mapping

from ingest.config.column_types import Named, OnConflict
from ingest.config.patterns import matcher
from ingest.config.schema import IDS, NUMBERS, SCALARS, Schema, column_roles, misplaced
from ingest.pipeline.decoding.column_types import PLAIN_TYPES, Family, Rule

_ANYTHING = frozenset(PLAIN_TYPES)
_MOST_REMEMBERED = 10_000  # keys may be data


class Rules(Mapping[str, Rule]):
    """The rules by column. It iterates over the names that have a role; a look-up knows the wildcards too.

    `named` are the columns that the configuration names exactly (rule 5).
    """

    def __init__(self, schema: Schema, model_type: str) -> None:
        self._by_name = _rules_by_name(schema, model_type)
        self._shap = [_star(column) for column in schema.shap.values() if "*" in column]
        self._tags, self._features = matcher(schema.tags), matcher(schema.features)
        self._pins, self._conflicts = Named(schema.types), Named(schema.conflicts)
        self._misplaced = {name for key in misplaced(model_type) if (name := getattr(schema, key))}
        names = {*self._by_name, *self._misplaced, *schema.tags, *schema.features, *schema.types, *schema.conflicts}
        self.named = frozenset(name for name in names if "*" not in name)
        self._never_null = {schema.prediction_id, schema.timestamp}
        self._found: dict[str, Rule | None] = {}

    def get(self, column: str, default: Rule | None = None) -> Rule | None:  # type: ignore[override]
        """The column's rule, `default` if the configuration says nothing of it."""
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
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)

    def _rule(self, column: str) -> Rule | None:
        rule = self._configured_rule(column)
        if column not in self._misplaced:
            return rule
        known = rule is not None and rule.known
        return Rule("types", frozenset({"string"}), pinned="string", on_conflict="text", known=known)

    def _configured_rule(self, column: str) -> Rule | None:
        role = self._role_rule(column)
        own = role is not None and role.setting not in {"tags", "features"}
        types = role.types if role is not None else _ANYTHING
        pin, pin_by_name = self._pins.of(column)
        if pin is not None and (pin not in types or (own and not pin_by_name)):
            pin = None
        conflict, by_name = self._conflicts.of(column)
        if conflict == "null" and column in self._never_null:
            conflict = None
        if conflict == "text":
            reached = "string" in types and (by_name or not own)
            if not reached or (pin is not None and pin != "string" and (pin_by_name or not by_name)):
                conflict = None
            else:
                pin = "string"
        if role is None and pin is None and conflict in {None, "dead_letter"}:
            return None
        on_conflict: OnConflict = conflict or "dead_letter"
        return Rule(
            role.setting if role is not None else "types",
            types if pin is None else frozenset({pin}),
            role is not None and role.required,
            pinned=pin or "",
            on_conflict=on_conflict,
            known=role is not None or pin is not None,
            family=role.family if role is not None and pin is None else "",
        )

    def _role_rule(self, column: str) -> Rule | None:
        """The rule of the column's role; a feature or a tag by wildcard is a role too."""
        if (rule := self._by_name.get(column)) is not None:
            return rule
        if any(pattern.fullmatch(column) for pattern in self._shap):
            return Rule("shap", NUMBERS, family="numbers")
        if self._tags.fullmatch(column):
            return Rule("tags", SCALARS)
        return Rule("features", _ANYTHING) if self._features.fullmatch(column) else None


def rules(schema: Schema, model_type: str) -> Rules:
    """The rules of the columns of `schema`, by column name."""
    return Rules(schema, model_type)


def _rules_by_name(schema: Schema, model_type: str) -> dict[str, Rule]:
    found: dict[str, Rule] = {}
    for role in column_roles(schema, model_type):
        other = found.get(role.column)
        types = role.kinds if other is None else role.kinds & other.types
        required = role.required or (other is not None and other.required)
        found[role.column] = Rule(
            role.setting if other is None else other.setting,
            types,
            required,
            family=_family(types, time=role.column == schema.timestamp and not required),
        )
    return found


def _family(types: frozenset[str], *, time: bool) -> Family:
    if time:
        return "times"
    return "ids" if types == IDS else "numbers" if types == NUMBERS else ""


def _star(column: str) -> re.Pattern[str]:
    head, _, tail = map(re.escape, column.partition("*"))
    return re.compile(f"{head}.+{tail}", re.DOTALL)

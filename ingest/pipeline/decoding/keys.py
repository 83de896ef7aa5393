"""From a chunk's rows to the values of each column: by key, under the column's name, without what must not be sent.

Rules
1. An excluded key is dropped. A key that [schema] does not name is sent, ignored or rejects its row, as
   [schema] unknown says; where its value is null there is nothing to ignore or to reject.
2. What is hashed is hashed, then what is text becomes text, under the key that the message has; then keys are
   renamed, and two values of one name reject the row.
3. A row with an empty key, without any key, or with dropped keys only is rejected.
4. A chunk has at most `MAX_COLUMNS` columns (keys that are data would otherwise grow without end). Dropped keys don't
   count, nor do columns that the configuration names exactly. A row that has more by itself is rejected. Where the rows
   together have more, the odd ones pay: the chunk's learned columns have their place, then rows whose further columns
   are claimed by a wildcard go before the others, and of these the ones whose columns are the more frequent.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from operator import itemgetter
from typing import Any

from ingest.errors import DecodeError
from ingest.pipeline.decoding.blocks import Blocks
from ingest.pipeline.decoding.column_budget import rows_past_limit
from ingest.pipeline.decoding.column_types import PAST_64_BITS, PAST_INT64, conflict
from ingest.pipeline.decoding.flatten import EMPTY_KEY, LISTS_TOO_DEEP, MAX_DEPTH, Row
from ingest.pipeline.decoding.learned_schema import MAX_COLUMNS, LearnedSchema
from ingest.pipeline.decoding.raw_text import RawText
from ingest.reasons import Reason

Values = Sequence[Any]
NOTHING_LEFT = Reason("no_column", "nothing of it is left to send: [schema] exclude and unknown drop all its columns")
_EMPTY_OBJECT = Reason("empty_object", "the object has no key; there is no prediction in it")
_TOO_MANY_COLUMNS = Reason(
    "too_many_columns", f"its keys would make more than {MAX_COLUMNS} columns that nothing names; are the keys data?"
)
_TEXT = {str, type(None)}


class Keys:
    """The columns of `rows`, by blocks only where keys are columns as they stand.

    `indices` gives each row's index in `raw_text`; `built` are the columns not needed again.

    Once all of `columns` was read, `rejected` has the rows that can't stay, each with its reason, and `ignored`
    counts the values of each ignored column.
    """

    def __init__(
        self,
        rows: Sequence[Row] | Blocks,
        schema: LearnedSchema,
        raw_text: RawText,
        indices: Sequence[int],
        built: Collection[str],
    ) -> None:
        self._blocks = rows if isinstance(rows, Blocks) else None
        self._rows = () if isinstance(rows, Blocks) else rows
        self._schema = schema
        self._raw_text = raw_text
        self._indices = indices
        self._built = built
        self.rejected: dict[int, Reason] = {}
        self.ignored: Counter[str] = Counter()

    def columns(self) -> Iterable[tuple[str, Values | None]]:
        """The values of each column, row by row, None where a row lacks it; None for all of one that is built already.

        Nothing if rows are rejected for their keys.
        """
        if self._blocks is not None:
            keyed: Iterable[tuple[str, Values | None]] = (
                (key, None if key in self._built else values) for key, values in self._blocks.columns().items()
            )
        else:
            keyed = self._by_key()
        if self._schema.plain:
            return ((key, self._as_text(key, key, values)) for key, values in keyed)
        return self._renamed(keyed).items()

    def _by_key(self) -> Iterable[tuple[str, Values | None]]:
        rows, first = self._rows, self._rows[0]
        keys: list[str] = list(first)
        if len(keys) > 1 and set(map(len, rows)) == {len(keys)} and self._within_limit(keys) and not self._built:
            try:
                return zip(keys, zip(*map(itemgetter(*keys), rows), strict=True), strict=True)
            except KeyError:
                pass  # as many keys as the first row has, but others
        keys.extend(sorted(set().union(*rows).difference(first)))
        if dropped := self._dropped_keys(keys):
            keys = [key for key in keys if key not in dropped]
        if not self._within_limit(keys) or (
            not all(rows) if not dropped else any(row.keys() <= dropped for row in rows)
        ):
            self._reject_keys(dropped)
        if self.rejected:
            return ()
        return ((key, None if self._is_built(key) else [row.get(key) for row in rows]) for key in keys)

    def _is_built(self, key: str) -> bool:
        return bool(self._built) and self._schema.renamer.column_of(key) in self._built

    def _within_limit(self, keys: Collection[str]) -> bool:
        """These keys don't pass the limit on columns, and all have names."""
        return "" not in keys and (len(keys) <= MAX_COLUMNS or len(self._counted(keys)) <= MAX_COLUMNS)

    def _counted(self, keys: Iterable[str]) -> set[str]:
        """The columns of these keys that the limit counts."""
        if self._schema.renamer.plain:
            return set(keys).difference(self._schema.named)
        columns = {self._schema.renamer.column_of(key) for key in keys}
        return {column for column in columns if column is not None and column not in self._schema.named}

    def _reject_keys(self, dropped: Collection[str]) -> None:
        counted: dict[int, set[str]] = {}
        for row, values in enumerate(self._rows):
            keys = values.keys() - dropped
            if "" in keys:
                self.rejected[row] = EMPTY_KEY
            elif not values:
                self.rejected[row] = _EMPTY_OBJECT
            elif not keys:
                self.rejected.setdefault(row, NOTHING_LEFT)
            elif len(columns := self._counted(keys)) > MAX_COLUMNS:
                self.rejected[row] = _TOO_MANY_COLUMNS
            else:
                counted[row] = columns
        for row in rows_past_limit(counted, self._schema):
            self.rejected.setdefault(row, _TOO_MANY_COLUMNS)

    # --- renaming ------------------------------------------------------------------------------

    def _dropped_keys(self, keys: Iterable[str]) -> set[str]:
        """The keys that make no column. Keys may be data, each in a row or two, so they are searched row by row."""
        schema = self._schema
        if schema.plain:
            return set()
        dropped, unknown = set(), {}
        for key in keys:
            if not key:
                continue  # an empty key rejects its row in any case
            if (name := schema.renamer.column_of(key)) is None:
                dropped.add(key)
            elif not schema.knows(name):
                unknown[key] = name
        for row, values in enumerate(self._rows) if unknown else ():
            for key in sorted(values.keys() & unknown):
                if values[key] is not None:
                    self._handle_unknown(unknown[key], [row])
        return dropped | unknown.keys()

    def _handle_unknown(self, name: str, rows: Sequence[int]) -> None:
        if self._schema.unknown == "ignore":
            if rows:
                self.ignored[name] += len(rows)
            return
        for row in rows:
            detail = f'"{name}" is a column that nothing in [schema] knows, and [schema] unknown is "dead_letter"'
            self.rejected.setdefault(row, Reason("unknown_column", detail))

    def _renamed(self, keyed: Iterable[tuple[str, Values | None]]) -> dict[str, Values | None]:
        """The columns under their names, without the dropped ones, hashed where the configuration says so."""
        schema = self._schema
        columns: dict[str, Values | None] = {}
        for key, values in keyed:
            name = schema.renamer.column_of(key)
            if name is None:
                continue
            if values is None:
                columns[name] = None
                continue
            if not schema.knows(name):
                self._handle_unknown(name, [row for row, value in enumerate(values) if value is not None])
                continue
            found = values
            if schema.privacy.replaces(key):
                found = self._hashed(key, values)
            text = self._as_text(key, name, found)
            before = columns.get(name)
            columns[name] = text if before is None or text is None else self._merged(name, before, text)
        return columns

    def _hashed(self, key: str, values: Values) -> list[str | None]:
        """The hashes. A row with an integer past 64 bits is rejected: the hash would be that of the parser's float."""
        found: list[str | None] = []
        for row, value in enumerate(values):
            digest = None
            try:
                if _has_large_float(value) and key in self._raw_text.past_64_bits(self._indices[row]):
                    self.rejected.setdefault(row, conflict(key, PAST_64_BITS, None, None))
                else:
                    digest = self._schema.privacy.digest(value)
            except DecodeError as fault:
                self.rejected.setdefault(row, Reason(fault.reason.code, f'"{key}" has no hash: {fault}'))
            found.append(digest)
        return found

    def _merged(self, name: str, ones: Values, others: Values) -> list[Any]:
        for row, (one, other) in enumerate(zip(ones, others, strict=True)):
            if one is not None and other is not None:
                detail = f'two of its keys are called "{name}" ([schema] rename)'
                self.rejected.setdefault(row, Reason("ambiguous_key", detail))
        return [one if one is not None else other for one, other in zip(ones, others, strict=True)]

    # --- text ----------------------------------------------------------------------------------

    def _as_text(self, key: str, name: str, values: Values | None) -> Values | None:
        """The values of a column of text as the messages wrote them; other columns as they are."""
        rule = self._schema.rules.get(name)
        if values is None or rule is None or rule.on_conflict != "text" or set(map(type, values)) <= _TEXT:
            return values
        return [None if value is None else self._text(row, key, name, value) for row, value in enumerate(values)]

    def _text(self, row: int, key: str, name: str, value: object) -> str | None:
        try:
            return self._raw_text.text(self._indices[row], key, value)
        except DecodeError as fault:
            self.rejected.setdefault(row, Reason(fault.reason.code, f'"{name}" has no text: {fault}'))
            return None


def _has_large_float(value: object) -> bool:
    """Raises DecodeError (nested_too_deep) for a list that no text is made of."""
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH):
        if any(isinstance(one, float) and abs(one) >= PAST_INT64 for one in level):
            return True
        holders = [one.values() if isinstance(one, dict) else one for one in level if isinstance(one, dict | list)]
        level = [inner for holder in holders for inner in holder]
        if not level:
            return False
    raise DecodeError(LISTS_TOO_DEEP)

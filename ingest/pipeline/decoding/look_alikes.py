"""Where a wanted column may be in a message that lacks it: words for the detail of a reason.

Rules
1. Only what the message itself holds counts, so that its words depend on no other message of the chunk.
2. In this order: the column stands one level down or deeper, as in an envelope (`payload.prediction_id`); the message
   has an object in its place (`prediction_score.cat`); a text holds a JSON object that may hold it; columns have a name
   that looks like it (`request_id`).
3. The words quote names of columns only, `MAX_SHOWN` printable characters of each: a key may be data.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

MAX_SHOWN = 60
_MOST_NAMES = 3
_WORDS = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])")
_SAME_WORDS: tuple[frozenset[str], ...] = (
    frozenset({"id", "uuid", "guid"}),
    frozenset({"ts", "time", "timestamp", "datetime", "date", "at"}),
    frozenset({"label", "class", "category"}),
    frozenset({"score", "probability", "proba", "prob", "confidence"}),
)
# Who wraps messages in this way, by the path of the object that is the message.
_ENVELOPES: Mapping[str, str] = {
    "payload": "the envelope of Kafka Connect's JsonConverter?",
    "after": "the envelope of Debezium?",
    "payload.after": "the envelopes of Kafka Connect and Debezium?",
    "data": "the envelope of CloudEvents?",
}
_TEXTS = ("data", "payload", "value", "message", "body", "event", "log")

Masks = npt.NDArray[np.bool_]


def shown(name: str) -> str:
    """`name` between quotes, as far as it can be shown: printable, and bounded."""
    clean = "".join(char if char.isprintable() else "?" for char in name[:MAX_SHOWN])
    return f'"{clean}{"..." if len(name) > MAX_SHOWN else ""}"'


class LookAlikes:
    """What the rows of `columns` have instead of the `wanted` columns. `settings` are the keys of [schema] for them."""

    def __init__(self, columns: Mapping[str, pa.Array], wanted: Sequence[str], settings: Sequence[str]) -> None:
        self._hints: list[tuple[Masks, str]] = []
        names = list(columns)
        for name, words in _certain(names, wanted):
            self._hints.append((_valid(columns[name]), words))
        for name in _TEXTS:
            if name in columns and pa.types.is_string(columns[name].type):
                words = f'{shown(name)} is a text that holds a JSON object: set [format] json_fields = ["{name}"]'
                self._hints.append((_begins_as_object(columns[name]), words))
        self._similar = [(_valid(columns[name]), name) for name in _similar(names, wanted)]
        self._setting = settings[0] if len(settings) == 1 else ""

    def words(self, row: int) -> str:
        """What to add to the detail of a row's reason: "" or "; ..."."""
        certain = next((words for mask, words in self._hints if mask[row]), "")
        if certain:
            return f"; {certain}"
        names = [shown(name) for mask, name in self._similar if mask[row]]
        if not names:
            return ""
        setting = f"; if that is it, name it in [schema] {self._setting}" if self._setting else ""
        return f"; it has {', '.join(names[:_MOST_NAMES])}{setting}"

    def reasons(self, rows: Iterable[int]) -> Iterator[tuple[str, list[int]]]:
        """`rows` by what to add to their detail."""
        found: dict[str, list[int]] = {}
        for row in rows:
            found.setdefault(self.words(row), []).append(row)
        yield from found.items()


def _certain(names: Sequence[str], wanted: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Columns whose name shows where a wanted one is, and the words for it; those below a shorter path first."""
    for name in sorted(names, key=lambda name: (name.count("."), name)):
        for each in wanted:
            if name.endswith(f".{each}"):
                path = name[: -len(each) - 1]
                whose = f" ({_ENVELOPES[path]})" if path in _ENVELOPES else ""
                yield name, f"it stands in {shown(name)}{whose}: name that, or set [format] payload = {shown(path)}"
    for each in wanted:
        for name in names:
            if name.startswith(f"{each}."):
                yield name, _object_words(each)


def _object_words(column: str) -> str:
    text = f'{shown(column)} is an object in it; name one of its fields in [schema], as in "{column}.NAME"'
    if column.endswith("score"):
        text += f', or, if it has a score for each class: [schema.convert] "{column}" = "class_scores"'
    return text


def _similar(names: Sequence[str], wanted: Sequence[str]) -> list[str]:
    """Columns that look like a wanted one: the same letters, or the same last word."""
    letters = {_letters(each) for each in wanted}
    last = {word for each in wanted for word in _last_words(each)}
    same = [name for name in names if _letters(name) in letters]
    return same + [name for name in names if name not in same and _last_words(name) & last]


def _letters(name: str) -> str:
    return "".join(char for char in name.casefold() if char.isalnum())


def _last_words(name: str) -> frozenset[str]:
    """The last word of a name, with those that mean the same."""
    words = _WORDS.findall(name[-MAX_SHOWN:])
    word = words[-1].lower() if words else ""
    return next((group for group in _SAME_WORDS if word in group), frozenset({word} if word else ()))


def _valid(array: pa.Array) -> Masks:
    return np.asarray(array.is_valid().to_numpy(zero_copy_only=False), dtype=np.bool_)


def _begins_as_object(array: pa.Array) -> Masks:
    begins = pc.starts_with(pc.utf8_ltrim_whitespace(pc.utf8_slice_codeunits(array, 0, 64)), pattern="{")
    return np.asarray(pc.fill_null(begins, fill_value=False).to_numpy(zero_copy_only=False), dtype=np.bool_)

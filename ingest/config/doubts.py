"""What works and is hardly meant: the warnings of `ingest lint`.

Rules
1. A name in [schema] that is like a reserved column and is none: `prediction_scor` becomes a feature silently.
2. A secret of [kafka.options] that stands in a file as it is. One that a variable fills in does not.
3. A file that a key names and that can't be read here is a fault of `check_delivery`, not a doubt.
"""

from collections.abc import Iterator

from ingest.config.credentials import is_secret
from ingest.config.load import Loaded
from ingest.config.near_names import near
from ingest.config.schema import Schema

_RESERVED = (
    "prediction_id",
    "prediction_ts",
    "prediction_label",
    "prediction_score",
    "actual_label",
    "actual_score",
)
_CLOSE = 0.88


def doubts(loaded: Loaded) -> Iterator[str]:
    """Each doubt as a sentence that begins with its section and key."""
    found: dict[str, None] = {}
    for topic in loaded.config.topics:
        for route in topic.routes:
            found |= dict.fromkeys(_names(route.schema))
    yield from found
    for option, value in loaded.config.kafka.options.items():
        path = ("kafka", "options", option)
        owner = loaded.sources.owner(path)
        if (
            is_secret(option)
            and value
            and owner is not None
            and owner.kind == "file"
            and path not in owner.from_variables
        ):
            yield (
                f"[kafka.options] {option}: a secret stands in the file: name a file in {option}_file, or a variable, "
                f'"${{NAME}}" ({owner.place(path)})'
            )


def _names(schema: Schema) -> Iterator[str]:
    """Rule 1."""
    named = [("tags", name) for name in schema.tags] + [("features", name) for name in schema.features]
    named += [(key, name) for key in ("types", "conflicts") for name in getattr(schema, key)]
    roles = ("prediction_id", "timestamp", "prediction_label", "prediction_score", "actual_label", "actual_score")
    named += [(key, getattr(schema, key)) for key in roles if key in schema.model_fields_set]
    for key, name in named:
        last = name.rsplit(".", 1)[-1]
        guess = near(last, _RESERVED, cutoff=_CLOSE)
        if guess and guess != last and "*" not in name:
            yield f'[schema] {key}: "{name}" is like the reserved column {guess}, and another one: is {guess} meant?'

"""The [format] section: what a message's value is before it is one JSON object, and how many predictions it holds.

Rules
1. The steps are applied in this order, each to what the one before made: framing, compression, skip_bom, non_finite,
   json_string, envelope, payload, base64_fields, json_fields, csv_fields, explode. After them a message is one JSON
   object, or one for each prediction, and everything else in the configuration refers to that.
2. [format] holds for a topic, not for a route: the fields that choose a route are found after these steps.
3. A key that can't act is a fault: a limit of a step that is off, an entry of `arrays` that `explode` does not name.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from ingest.config import templates
from ingest.config.schema import Column, Section

Compression = Literal["none", "gzip", "zstd", "deflate", "auto"]
Envelope = Literal["none", "connect", "debezium", "cloudevents"]

WHOLE = "$"  # the path of the whole message
_BEFORE_EXPLODE = (
    "framing",
    "compression",
    "skip_bom",
    "non_finite",
    "json_string",
    "envelope",
    "payload",
    "base64_fields",
    "json_fields",
    "csv_fields",
)


class Array(Section):
    """How the items of an exploded array become columns."""

    names: tuple[Column, ...] = Field(
        default=(),
        description="Columns of items that are lists, in order, or of an only tensor; a single name is that of values",
    )
    names_from: str = Field(
        default="", description='Path of a list with these names in the message, such as "data.names"'
    )
    prefix: str = Field(default="", description='Text before each column of the array, such as "features."')
    squeeze: bool = Field(
        default=False,
        description=(
            "Whether a field that is a list of a single value is that value, as TensorFlow writes columns of shape "
            "[n, 1]"
        ),
    )
    tensors: bool = Field(
        default=False,
        description=(
            "Whether the array is a list of tensors, each with name, shape and data (KServe v2), or one tensor: a "
            "column for each tensor, a prediction for each index of its first dimension"
        ),
    )

    @model_validator(mode="after")
    def _one_source_of_names(self) -> Self:
        if self.names and self.names_from:
            raise ValueError("names and names_from exclude each other: an array has its names from one place")
        if len(set(self.names)) < len(self.names):
            raise ValueError("names has a name twice: one of two values would be lost")
        if self.tensors and self.squeeze:
            raise ValueError("squeeze is about fields of objects, and tensors have none: remove one of the two")
        return self


class Format(Section):
    """The form of a message's value, and the array of predictions in it."""

    framing: Literal["none", "confluent"] = Field(
        default="none",
        description=(
            "Bytes before the value: confluent is the zero byte and the 4-byte schema id of Confluent's serializers, "
            "before JSON"
        ),
    )
    schema_ids: tuple[Annotated[int, Field(ge=0, lt=2**32)], ...] = Field(
        default=(), description="Schema ids that framing confluent accepts; if empty, every one"
    )
    compression: Compression = Field(
        default="none",
        description=(
            "Compression of whole values by the producer's code (Kafka's own needs no setting): gzip, zstd or deflate "
            "(zlib's or raw); auto recognises them by the first bytes and takes other values as they are"
        ),
    )
    max_inflated_bytes: Annotated[int, Field(ge=1)] = Field(
        default=8 * 2**20, description="Bytes that a compressed value may inflate to; a larger one is a dead letter"
    )
    skip_bom: bool = Field(default=False, description="Whether a UTF-8 byte order mark before the value is skipped")
    non_finite: Literal["refuse", "null"] = Field(
        default="refuse",
        description=(
            "What happens to NaN, Infinity and -Infinity, which are not JSON: the message is a dead letter, or they "
            "become null"
        ),
    )
    json_string: bool = Field(
        default=False,
        description=(
            "Whether a message that is a JSON string is parsed as JSON again; also what its envelope holds, and what "
            "payload names"
        ),
    )
    envelope: Envelope = Field(
        default="none",
        description=(
            "Envelope around the message: connect (Kafka Connect's schema and payload), debezium (the after of a "
            "change event, with or without schema; a deletion is a tombstone) or cloudevents (structured mode: the "
            "fields of data, and the attributes as ce_id, ce_time, ...; in batch mode a list of them)"
        ),
    )
    payload: str = Field(
        default="",
        description='Path of the object that is the message, such as "event.prediction"; applied after envelope',
    )
    base64_fields: tuple[Column, ...] = Field(
        default=(),
        description=(
            "Paths of fields that hold base64 of a text; a list on the way stands for each of its items, here and in "
            "json_fields and csv_fields"
        ),
    )
    json_fields: tuple[Column, ...] = Field(
        default=(), description="Paths of fields that hold JSON as text, which is parsed as a part of the message"
    )
    csv_fields: tuple[Column, ...] = Field(
        default=(), description="Paths of fields that hold CSV as text, which becomes a list of lines; for explode"
    )
    explode: tuple[Column, ...] = Field(
        default=(),
        description=(
            'Paths of arrays with several predictions, such as ["instances", "predictions"]: the items of an index are '
            'one prediction, and all other fields are repeated to each; "$" is a message that is itself an array'
        ),
    )
    arrays: dict[str, Array] = Field(
        default_factory=dict, description="How the items of an exploded array become columns, by the array's path"
    )
    part_id: str = Field(
        default="{prediction_id}-{index}",
        min_length=1,
        description=(
            "Template of the prediction id of exploded predictions that bring none; {index} counts from 0, "
            "{prediction_id} is the message's id, {field.path}, {headers.NAME}, {key}, {topic}, {partition} and "
            "{offset} are the message's"
        ),
    )
    max_exploded_bytes: Annotated[int, Field(ge=1)] = Field(
        default=64 * 2**20,
        description=(
            "Bytes of JSON that the predictions of a message may take together, with the fields that are repeated to "
            "each; a larger message is a dead letter"
        ),
    )
    on_bad_part: Literal["dead_letter", "refuse_message"] = Field(
        default="dead_letter",
        description=(
            "What happens if one of several predictions can't be delivered: dead_letter delivers the others, "
            "refuse_message delivers none of the message. Either way the message is one dead letter with the index"
        ),
    )

    @field_validator("part_id")
    @classmethod
    def _different_ids(cls, part_id: str) -> str:
        if "index" not in (part.path for part in templates.parse(part_id) if not isinstance(part, str)):
            raise ValueError("without {index} all predictions of a message would have the same id: add it")
        return part_id

    def without_steps(self) -> Self:
        """The same for messages that were unwrapped before: no step comes before explode."""
        return self.model_copy(update={key: type(self).model_fields[key].default for key in _BEFORE_EXPLODE})

    @property
    def plain(self) -> bool:
        """A value is JSON as it stands: no step comes before explode."""
        return all(getattr(self, key) == Format.model_fields[key].default for key in _BEFORE_EXPLODE)


def faults(format_: Format) -> list[str]:
    """Keys of the merged section that can't act (rule 3), each with its section and key."""
    defaults = Format()
    found = []
    if format_.schema_ids and format_.framing == "none":
        found.append('[format] schema_ids are checked with framing = "confluent" only: set it, or remove them')
    if format_.max_inflated_bytes != defaults.max_inflated_bytes and format_.compression == "none":
        found.append("[format] max_inflated_bytes limits a compression that is not set: set compression, or remove it")
    found += [
        f'[format.arrays] "{path}" is not in explode: add it there, or remove it'
        for path in format_.arrays
        if path not in format_.explode
    ]
    found += [
        f"[format] {key} is about the arrays in explode, which is empty: set explode, or remove it"
        for key in ("part_id", "on_bad_part", "max_exploded_bytes")
        if getattr(format_, key) != getattr(defaults, key) and not format_.explode
    ]
    if WHOLE in format_.explode:
        if len(format_.explode) > 1:
            found.append('[format] explode: "$" is the whole message, so there is no other array: remove one of them')
        if format_.arrays.get(WHOLE, Array()).names_from:
            found.append('[format.arrays] "$": a message that is an array has no field for names_from: write names')
    found += [
        f'[format] explode: "{path}" lies within "{other}", which is exploded as well: remove one of them'
        for path in format_.explode
        for other in format_.explode
        if path.startswith(f"{other}.")
    ]
    if len(set(format_.explode)) < len(format_.explode):
        found.append("[format] explode has a path twice: remove one of them")
    return found

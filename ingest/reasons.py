"""Why a message is a dead letter: a code that can be counted, and a detail that says what is wrong with this message.

Rules
1. Every code has an entry in `REASONS`: what is wrong, and what to do about it. The reference page of dead-letter
   reasons is made from that table.
2. A reason is written where it arises, as `Reason("code", ...)`. A test compares the codes in the source with the
   table; nothing is checked at run time, where rows are many.
3. A code keeps its meaning: people count codes, and filter dead letters by them.
"""

from collections.abc import Mapping
from dataclasses import dataclass

# A deletion of a compacted topic: no prediction that failed. See `dead_letters.limit`, rule 6.
TOMBSTONE = "tombstone"

REASONS: Mapping[str, str] = {
    # The message as it is.
    TOMBSTONE: (
        "The message has no value, so there is no prediction in it. Deletions are usual in a compacted topic: set "
        '[schema] tombstones = "ignore" to pass over them.'
    ),
    "not_json": (
        "The message is not valid JSON. The detail names what it is instead (another format, encoding or compression, "
        "or what stands at the position), and the option or the change at the producer that helps."
    ),
    "not_an_object": (
        "The message is valid JSON, but not an object. Send one object per message, or set the option that the detail "
        "names."
    ),
    "bad_framing": (
        "The message is not framed as [format] framing says, or has another schema id than schema_ids. Set framing to "
        '"none" if the producer writes plain JSON.'
    ),
    "bad_compression": (
        "The value is not compressed as [format] compression says, or it is damaged. Correct the producer, or set "
        'compression to "auto" where only some messages are compressed.'
    ),
    "inflated_size": (
        "The value inflates to more than [format] max_inflated_bytes. Raise that if such messages are genuine."
    ),
    "bad_envelope": (
        "The message lacks a key of the envelope that [format] envelope names. Correct the producer, or the setting."
    ),
    "no_payload": "Nothing is under the path of [format] payload. Correct the producer, or the path.",
    "bad_field": (
        "A field of [format] base64_fields, json_fields or csv_fields does not hold such a text. Correct the "
        "producer, or take the field out of the list."
    ),
    "duplicate_key": ("A key appears twice in one object, so one of its values would be lost. Correct the producer."),
    "number_range": "A number is larger than a 64-bit float can hold. Send it smaller, or as a string.",
    "integer_past_64_bits": (
        "An integer needs more than 64 bits, or 64 bits without a sign, and Arize has no type for it. Send it as a "
        'string, or set the column to "text" in [schema.conflicts].'
    ),
    "nested_too_deep": "Objects or lists are nested more than 32 levels deep. Send a flatter message.",
    # The predictions in it ([format] explode).
    "missing_array": (
        "An array that [format] explode names is missing or null, so it is not known which predictions the message "
        "holds. Correct the path, or send such messages to a topic or a route of their own."
    ),
    "not_an_array": (
        "A field that [format] explode names is neither an array nor an object of arrays. Correct the path."
    ),
    "empty_array": (
        "An array that [format] explode names is empty, so there is no prediction in the message. Find out why the "
        "producer sends it."
    ),
    "unequal_arrays": (
        "Arrays that [format] explode names have different lengths, so it is not known which items belong together. "
        "Correct the producer."
    ),
    "bad_names": (
        "The field that names_from in [format.arrays] names is not a list of different names. Correct the path, or "
        "write the names."
    ),
    "item_length": (
        "An item of an array has more or fewer values than there are names for it in [format.arrays]. Correct the "
        "names, or the producer."
    ),
    "bad_tensor": (
        "An array that [format.arrays] calls tensors holds something else: the shape, the data or their sizes are "
        "wrong, or the data is binary. Correct the producer."
    ),
    "no_part_id": (
        "A placeholder of [format] part_id has no value in the message, so its predictions have no id. Correct the "
        "template, or the producer."
    ),
    "repeated_id": (
        "Two predictions of one message have the same id, and Arize would take them for one. Correct the producer."
    ),
    "exploded_size": (
        "The predictions of the message, each with the fields that are repeated to it, are larger than [format] "
        "max_exploded_bytes. Exclude large fields at the producer, or set the limit higher."
    ),
    # Its keys.
    "ambiguous_key": (
        "Two keys of the message make the same column, by a dot in a key or by [schema] rename. Rename one of them."
    ),
    "empty_key": "A key is the empty string, and Arize takes no unnamed column. Name it.",
    "empty_object": "The object has no keys, so there is no prediction in it. Find out why the producer sends it.",
    "no_column": "All its columns are dropped by [schema] exclude and unknown. Loosen them if it should be sent.",
    "unknown_column": (
        "Nothing in [schema] names the column, and [schema] unknown refuses such columns. Name the column, or set "
        'unknown to "send" or "ignore".'
    ),
    "too_many_columns": (
        "The message would bring the number of columns past 2,000. Its keys are probably data: send them as values. "
        "Columns that [schema] names exactly are not counted."
    ),
    # Its route and destination.
    "no_route": "No route takes the message. Add a route whose when matches it, or one without a when.",
    "no_destination": (
        "A field that fills [arize] model_name, model_version, environment, batch_id or space_id is missing, or its "
        "value can't be used there. Correct the producer, or write a fixed value in [arize]."
    ),
    "bad_space_id": (
        "The value that fills [arize] space_id is not printable ASCII without blanks, so it can't be a space id. "
        "Correct the field."
    ),
    "too_many_destinations": (
        "The messages name more than 1,000 models and versions. Fill [arize] from a field with few different values."
    ),
    # Its values.
    "type_conflict": (
        "A value has another type than its column. Correct the producer, pin the type in [schema.types], or choose "
        '"null" or "text" in [schema.conflicts].'
    ),
    "not_a_number": (
        "A text that [schema.convert] should make a number of is none as JSON writes numbers: it is empty, or has a "
        "leading + or zero, thousands separators or letters. Correct the producer, or set the column to null in "
        "[schema.conflicts]."
    ),
    "wrong_type": (
        "A value has a type that Arize does not take in a column of this meaning. Correct the producer, or the "
        "setting in [schema] that gives the column its meaning."
    ),
    "nested_object": "A column holds an object, but columns are flat. Send the object's fields as columns.",
    "unsupported_list": (
        "A column holds a list that is not of strings only. Exclude it, or give it a meaning in [schema] that takes "
        "such a list, as an embedding's vector."
    ),
    "missing_column": (
        "The message has no value in a column that Arize needs, such as the prediction id or the timestamp. Correct "
        "the producer, or the name of the column in [schema]; the detail names columns that look like it."
    ),
    "no_kafka_id": (
        "The message brings no prediction id, and Kafka has none for it: the key or the header that [schema] "
        "prediction_id_from names is missing, empty or not UTF-8. Correct the producer, or take the id from elsewhere."
    ),
    "bad_timestamp": (
        "The timestamp can't be read. Set [schema] timestamp_unit to what producers write, or to auto. As text it must "
        "be ISO 8601, and a local time that clocks skip is none."
    ),
    "timestamp_range": (
        "The timestamp is further back, or further ahead, than Arize takes. Check [schema] timestamp_unit (the detail "
        "names the unit that it looks like, if that is another one) and the producer's clock."
    ),
    "reserved_column": (
        "The message brings a column that [schema.kafka] or [schema.constants] adds itself. Rename one of the two."
    ),
    # What Arize refuses by its rules.
    "reserved_name": (
        "The column's name ends in _shap, which Arize takes for SHAP values only. Name it in [schema.shap], or rename "
        "it."
    ),
    "misplaced_column": (
        "A model of this type has no such column. Exclude it, or set its name in [schema] to the empty string."
    ),
    "two_values": "Two columns that mean the same to Arize hold different values. Exclude one of them.",
    "id_length": "A prediction id or ranking group id is not 1-512 characters long. Correct the producer.",
    "tag_length": "A tag has more than 20,000 characters. Shorten it, or exclude it.",
    "no_prediction": (
        "The message has none of the columns that make a prediction, or an actual. Correct their names in [schema]."
    ),
    "no_actual": "Training and validation rows need an actual as well, and this one has none. Add it to the message.",
    "no_id": (
        "An actual without a prediction is joined by its id, and no column is named for that. Set [schema] "
        "prediction_id."
    ),
    "incomplete_prediction": (
        "One part of a prediction is there and another is missing, as a group without a rank. Send all parts."
    ),
    "embedding_without_vector": "An embedding has a text or a link, but no vector. Send the vector with it.",
    "embedding_dimensions": "An embedding's vector does not have 2-20,000 numbers. Correct the producer.",
    "embedding_values": "An embedding's vector holds a number that is not finite. Correct the producer.",
    "embedding_text": "The words of an embedding's text hold a null. Leave the null out.",
    "embedding_text_length": "An embedding's text has more than 2,000,000 characters. Shorten it.",
    "rank_range": "A rank is not within 1-100. Correct the producer.",
    "relevance_label": "A relevance label is empty, or a list of labels is. Leave the label out instead.",
    "class_count": "A list of class scores does not have 1-500 classes. Correct the producer.",
    "class_name_length": "A class name is not 1-100 characters long. Correct the producer.",
    "class_score_range": "A class score is not within 0-1, or an actual's is neither 0 nor 1. Correct the producer.",
    "threshold_classes": "The thresholds and the scores name different classes. Send both for the same classes.",
    "box_coordinates": (
        "A bounding box is not 4 numbers, none negative, with its second corner right of and below the first. Correct "
        "the producer."
    ),
    "polygon_coordinates": (
        "A polygon has fewer than 3 points, a negative number, a point twice, or edges that meet. Correct the producer."
    ),
    "null_category": "A list of categories holds a null. Name the category.",
    "score_range": "A score of an image's box or polygon is not within 0-1. Correct the producer.",
    # What Arize refused.
    "rejected_400": "Arize refused the row with HTTP 400. The detail quotes its answer; correct what it names.",
    "rejected_413": "The row by itself is larger than Arize takes (HTTP 413). Exclude its largest columns.",
    "rejected_422": "Arize refused the row with HTTP 422. The detail quotes its answer; correct what it names.",
}

# What Arize refuses for good, by the HTTP status of its answer.
REJECTED: Mapping[int, str] = {400: "rejected_400", 413: "rejected_413", 422: "rejected_422"}


@dataclass(frozen=True, slots=True)
class Reason:
    """`code` is one of `REASONS`; `detail` is for people. It may name keys and columns, but quotes no value."""

    code: str
    detail: str

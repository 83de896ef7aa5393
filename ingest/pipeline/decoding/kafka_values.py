"""The id that Kafka has of a message which brings none: its key, its place, a header.

Rules
1. An id is text: the key, a header, or TOPIC-PARTITION-OFFSET, which no other message of the cluster has. A message
   that `ingest dead-letters replay` has sent to its topic again has the place that it had first, in the header
   `ingest.origin`: replayed, it has the same id.
2. Where Kafka has no such text (none, empty, not UTF-8), the row is rejected (`no_kafka_id`).
3. Where some ids may come from Kafka, all are text: an integer has its decimal digits. A column holds one type, and the
   type must not depend on a message's neighbours.
4. Of a header that comes several times the last one counts. Keys and headers are text where they are UTF-8.
"""

from ingest.records import Headers, KafkaMessage, header_pairs

ORIGIN = "ingest.origin"


def header(headers: Headers, wanted: str) -> bytes | str | None:
    """The value of a header, the last one of that name; None without one."""
    found = None
    for name, value in header_pairs(headers):
        if name == wanted:
            found = value
    return found


def text(raw: bytes | str | None) -> str | None:
    """A key or a header as text; None where it is not UTF-8."""
    if raw is None or isinstance(raw, str):
        return raw
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return None


def place(message: KafkaMessage) -> str:
    """TOPIC-PARTITION-OFFSET of a message, where it was first (rule 1)."""
    return text(header(message.headers(), ORIGIN)) or f"{message.topic()}-{message.partition()}-{message.offset()}"


def id_from_kafka(message: KafkaMessage, source: str) -> str | None:
    """The id from `source` ([schema] prediction_id_from); None where there is none (rule 2).

    The id of one of several predictions in a message is made of it ([format] part_id), before the message is decoded.
    """
    if source == "offset":
        return place(message)
    raw = message.key() if source == "key" else header(message.headers(), source.removeprefix("headers."))
    return text(raw) or None

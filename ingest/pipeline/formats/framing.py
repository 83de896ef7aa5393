"""The framing of Confluent's serializers: a zero byte and the schema's id before the value.

Rules
1. A framed value is 0x00, the schema id as 4 bytes (big-endian), and then JSON. The schema itself is not looked up.
2. With `schema_ids`, a message of another schema is refused.
3. Newer serializers write the schema's GUID into the header `__value_schema_id` and the bare value behind it: a message
   with that header is taken as it stands. A GUID is no id, so it can't be checked against `schema_ids`: then refused.
4. Avro and Protobuf are framed in the same way. If the first byte of the value can't begin JSON, the reason names them.

Source: Confluent's "Wire format", and `header_schema_id_serializer` of confluent-kafka 2.16.
"""

from collections.abc import Collection

from ingest.errors import DecodeError
from ingest.pipeline.decoding.enrich import header
from ingest.reasons import Reason
from ingest.records import KafkaMessage

SCHEMA_ID_HEADER = "__value_schema_id"
_FRAME_BYTES = 5
_JSON_STARTS = frozenset(b'{["-0123456789tfnNI')
_BLANKS = b" \t\r\n"
_NOT_FRAMED = Reason(
    "bad_framing",
    "[format] framing: it does not begin with a zero byte and a schema id, as confluent's serializers write them",
)
_SCHEMA_BY_GUID = Reason(
    "bad_framing",
    f"[format] schema_ids: its schema is named by a GUID in the header {SCHEMA_ID_HEADER}, which is no schema id",
)


class ConfluentFraming:
    """Removes the framing. `bare_json` means that the value itself is JSON, with no other step in between."""

    def __init__(self, schema_ids: Collection[int], *, bare_json: bool) -> None:
        self._schema_ids = frozenset(schema_ids)
        self._bare_json = bare_json

    def __call__(self, message: KafkaMessage, value: bytes) -> bytes:
        """The value without its framing. Raises DecodeError (bad_framing, not_json)."""
        if header(message.headers(), SCHEMA_ID_HEADER) is not None:
            if self._schema_ids:
                raise DecodeError(_SCHEMA_BY_GUID)
            return value
        if len(value) < _FRAME_BYTES or value[0] != 0:
            raise DecodeError(_NOT_FRAMED)
        schema_id = int.from_bytes(value[1:_FRAME_BYTES], "big")
        if self._schema_ids and schema_id not in self._schema_ids:
            detail = f"[format] schema_ids: schema id {schema_id} is not among them"
            raise DecodeError(Reason("bad_framing", detail))
        bare = value[_FRAME_BYTES:]
        if self._bare_json and (start := bare.lstrip(_BLANKS)[:1]) and start[0] not in _JSON_STARTS:
            detail = f"the value of schema id {schema_id} is not JSON: it is probably Avro or Protobuf"
            raise DecodeError(Reason("not_json", detail))
        return bare

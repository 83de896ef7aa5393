"""The codecs of Kafka's record batches, by the names that clients and brokers know them by."""

from typing import Literal

Codec = Literal["lz4", "zstd", "snappy", "gzip", "none"]

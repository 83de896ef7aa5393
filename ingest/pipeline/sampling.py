"""Which predictions are sent where only a share of them is: [arize] sample.

Rules
1. A prediction is sent if the hash of its id lies below the share: the first 8 bytes of the SHA-256 of the id's UTF-8
   text, as an unsigned big-endian number, are less than `sample` x 2^64. Nothing else has a part in it, so an actual is
   sent if and only if its prediction is; in every process, version and language, and with a larger share as well.
2. An id that is an integer has the text of its decimal digits: 1 and "1" are alike.
3. The id is that of the column: renamed, hashed, or from Kafka. A row without one stays, and is rejected for that.
"""

import hashlib

import numpy as np
import numpy.typing as npt
import pyarrow as pa


def chosen(ids: pa.Array, sample: float) -> npt.NDArray[np.bool_]:
    """Whether each row is sent. `ids` are texts or integers; `sample` is above 0 and below 1."""
    sha256 = hashlib.sha256
    texts = ids.cast(pa.string()).cast(pa.binary()).fill_null(b"").to_pylist()
    digests = b"".join([sha256(text).digest() for text in texts])
    heads = np.frombuffer(digests, dtype=">u8")[::4]
    # A double times a power of two is exact, and below 2^64 it rounds down to an integer exactly.
    below = heads < np.uint64(int(sample * 2.0**64))
    found: npt.NDArray[np.bool_] = below | ids.is_null().to_numpy(zero_copy_only=False)
    return found

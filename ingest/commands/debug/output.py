"""The stream that findings are written on.

When nobody reads it any more (`| head`), writing stops, not the process: a batch that is on its way is still
acknowledged and committed, and then reading ends.
"""

import os
from typing import TextIO


class OutputStream:
    """Writes whole paragraphs; `gone` once the stream has failed."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.gone = False

    def write(self, text: str) -> None:
        """Write and flush, or note that nobody reads."""
        if self.gone:
            return
        try:
            self.stream.write(text)
            self.stream.flush()
        except (OSError, ValueError):
            self.gone = True
            self._discard_the_rest()

    def _discard_the_rest(self) -> None:
        """What is still buffered would fail again when Python exits, with a complaint and exit code 120."""
        try:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.stream.fileno())
            os.close(nowhere)
        except (OSError, ValueError):
            return

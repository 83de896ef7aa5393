"""The stream on which a trace is written.

When the reader goes away (`| head`), writing stops, not the process: a batch that is being sent is still acknowledged
and committed, and then reading ends.
"""

import os
from typing import TextIO


class OutputStream:
    """Writes complete records; `closed` once writing has failed."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.closed = False

    def write(self, text: str) -> None:
        """Write and flush; does nothing once the stream is closed."""
        if self.closed:
            return
        try:
            self.stream.write(text)
            self.stream.flush()
        except (OSError, ValueError):
            self.closed = True
            self._discard_buffered()

    def _discard_buffered(self) -> None:
        """Buffered text would fail again when Python exits, with an error message and exit code 120."""
        try:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self.stream.fileno())
            os.close(null)
        except (OSError, ValueError):
            return

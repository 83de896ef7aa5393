"""The debugger at a rejected message (`--pdb`).

It opens post mortem in the frame in which the message was rejected, with `message` (the Kafka message), `value` (its
bytes after the steps of [format]), `row` (the JSON object, or None if the value is not one) and `error` (the reason) in
scope. Reading waits meanwhile. `c` continues with the next message, `q` stops reading. Without a terminal, commands are
read from standard input; when that ends, reading continues without the debugger.
"""

import pdb  # noqa: T100  the command's --pdb is for it
import sys
from types import TracebackType
from typing import Any

from ingest.errors import DecodeError
from ingest.pipeline.decoding.parse import parse_object
from ingest.records import KafkaMessage


class Debugger(pdb.Pdb):
    """Post mortem only: it does not trace, and it distinguishes the end of its input from the command to quit."""

    input_ended = False

    def do_EOF(self, arg: str) -> bool | None:  # noqa: N802  pdb's own name
        """Note that the input has ended: Ctrl-D was pressed, or a pipe is exhausted."""
        self.input_ended = True
        return super().do_EOF(arg)

    def inspect(self, where: TracebackType) -> bool:
        """Take commands at `where`; returns whether reading continues afterwards."""
        self.reset()
        self.interaction(None, where)
        if self.input_ended and not sys.stdin.isatty():
            sys.stdout.write("\n--pdb: standard input has ended; reading continues without the debugger\n")
            return True
        return not getattr(self, "quitting", False)


def at_bad_message(message: KafkaMessage, value: bytes | None, error: DecodeError) -> bool:
    """Open the debugger on `message`; returns whether reading continues afterwards. `value` is its unwrapped value."""
    try:
        row: dict[str, Any] | None = parse_object(value)
    except DecodeError:
        row = None
    if not sys.stdin.isatty():
        sys.stdout.write("--pdb: standard input is not a terminal; its lines are the debugger's commands\n")
    sys.stdout.write("--pdb: message, value, row and error are in scope; c continues, q quits, h helps\n")
    sys.stdout.flush()
    try:
        _reject(message, value, row, error)
    except DecodeError as rejected:
        if rejected.__traceback__ is not None:
            return Debugger().inspect(rejected.__traceback__)
    return True


def _reject(
    message: KafkaMessage,  # noqa: ARG001  in scope of the debugger
    value: bytes | None,  # noqa: ARG001
    row: dict[str, Any] | None,  # noqa: ARG001
    error: DecodeError,
) -> None:
    raise error

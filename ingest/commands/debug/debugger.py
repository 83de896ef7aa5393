"""The debugger at a bad message (`--pdb`).

It opens post mortem, on the frame in which the message was refused, with `message` (the Kafka message),
`value` (its bytes), `row` (the JSON object, None if it is none) and `error` (why) in scope. Nothing runs meanwhile.
`c` goes on with the next message, `q` leaves. Without a terminal the commands are read from standard
input, and when that ends reading goes on.
"""

import pdb  # noqa: T100  the command's --pdb is for it
import sys
from types import TracebackType
from typing import Any

from ingest.errors import DecodeError
from ingest.pipeline.decoding.parse import parse_object
from ingest.records import KafkaMessage


class Debugger(pdb.Pdb):
    """Post mortem only: no tracing, and the end of its input is told from a wish to leave."""

    input_ended = False

    def do_EOF(self, arg: str) -> bool | None:  # noqa: N802  pdb's own name
        """The input has ended: somebody pressed Ctrl-D, or a pipe ran dry."""
        self.input_ended = True
        return super().do_EOF(arg)

    def inspect(self, where: TracebackType) -> bool:
        """Take commands at `where`; whether to go on afterwards."""
        self.reset()
        self.interaction(None, where)
        if self.input_ended and not sys.stdin.isatty():
            sys.stdout.write("\n--pdb: standard input has ended, so nobody can answer: going on without the debugger\n")
            return True
        return not getattr(self, "quitting", False)


def at_bad_message(message: KafkaMessage, error: DecodeError) -> bool:
    """Let somebody look at `message`; whether to go on afterwards."""
    value = message.value()
    try:
        row: dict[str, Any] | None = parse_object(value)
    except DecodeError:
        row = None
    if not sys.stdin.isatty():
        sys.stdout.write("--pdb: standard input is no terminal; its lines are taken as the debugger's commands\n")
    sys.stdout.write("--pdb: message, value, row and error are in scope; c goes on, q leaves, h helps\n")
    sys.stdout.flush()
    try:
        _refused(message, value, row, error)
    except DecodeError as refused:
        if refused.__traceback__ is not None:
            return Debugger().inspect(refused.__traceback__)
    return True


def _refused(
    message: KafkaMessage,  # noqa: ARG001  in scope for whoever looks
    value: bytes | None,  # noqa: ARG001
    row: dict[str, Any] | None,  # noqa: ARG001
    error: DecodeError,
) -> None:
    raise error

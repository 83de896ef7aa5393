"""Why a message is a dead letter: a code that can be counted, and a sentence that says what is wrong with this one."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reason:
    """`code` is stable and countable; `detail` is for people. It may name keys and columns, but quotes no value."""

    code: str
    detail: str

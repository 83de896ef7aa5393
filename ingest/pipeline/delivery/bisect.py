"""Bisect decisions: which rows of a refused batch go out next, and which of them are refused for good.

Rules
1. Every row ends in exactly one place: in one request that Arize took, or among the refused ones. A row goes into a
   later request only while no request with it was taken.
2. A refused group is searched: its first half goes out; if that is refused the search goes on in it and the second half
   is put back, unknown; if it is taken the refused row must be in the second half, which then need not be asked as a
   whole. A single row is refused for good only when it was refused alone.
3. What is not known yet goes out in groups: the first is all of it, half as many rows after each refused group, twice
   as many after each that was taken. So the groups grow or shrink to where one in two holds a refused row.
4. A group that is too large (413) is cut in halves, and both go out, until they fit. A single row that is too large is
   refused for good.
5. The number of requests is bounded. After `HOPELESS` of them (times the bits of the row count) without a single row
   taken, everything is refused as it stands: it isn't the rows. After `MAX_REQUESTS`, what is left goes out once more
   in at most `COARSE` groups, and those refused are refused as a whole.

Theory: Hwang's generalized binary splitting. k refused rows among n cost at most k * (log2(n) + 4) + 2 requests, the
first one included, and about k * (log2(n / k) + 3) when they are spread; one row in 100,000 costs 19 or 20, and its
neighbours travel at most three times. Plain halving would cost up to 2 * k * log2(n). `MAX_REQUESTS` are enough for
some 450 single rows in 100,000.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ingest.errors import RejectedError

MAX_REQUESTS = 5_000
HOPELESS = 8
COARSE = 64

Rows = tuple[range, ...]  # row numbers within the batch, as ascending ranges

_TOO_LARGE = 413


@dataclass(frozen=True, slots=True)
class RefusedRows:
    """Rows that Arize will not take, with its answer. Several rows were refused together and not told apart."""

    rows: Rows
    error: RejectedError


class Bisect:
    """The search in one batch of `rows` rows, all of which have just been refused together with `error`."""

    def __init__(self, rows: int, error: RejectedError) -> None:
        self.requests = 1
        self.taken_rows = 0
        self.dead: list[RefusedRows] = []
        self._hopeless = HOPELESS * max(rows.bit_length(), 2)
        self._group_rows = rows
        self._pool: Rows = ()  # unknown, to go out in groups of any size
        self._groups: list[Rows] = []  # to go out as they are, the last one first
        self._suspect: Rows = ()  # holds a refused row
        self._asked: Rows = (range(rows),)
        self._beside: Rows = ()  # the rest of the suspect while its first half is out
        self._coarse = False
        self._last = error
        self._judge(error)

    def ask(self) -> Rows | None:
        """The rows of the next request; None when every row is taken or refused."""
        if self._spent() and not self._coarse:
            self._give_up()
        self._asked = self._beside = ()
        if self._suspect:
            rows = count(self._suspect)
            self._asked, self._beside = cut(self._suspect, max(rows // 2, 1))
        elif self._groups:
            self._asked = self._groups.pop()
        elif self._pool:
            self._asked, self._pool = cut(self._pool, self._group_rows)
        return self._asked or None

    def taken(self) -> None:
        """Arize took the rows asked for."""
        self.requests += 1
        self.taken_rows += count(self._asked)
        if self._suspect:
            self._suspect = self._beside
        else:
            self._group_rows *= 2

    def refused(self, error: RejectedError) -> None:
        """Arize refused the rows asked for."""
        self.requests += 1
        self._last = error
        if not self._suspect:
            self._group_rows = max(min(self._group_rows, count(self._asked)) // 2, 1)
        self._judge(error)

    def _judge(self, error: RejectedError) -> None:
        rows = count(self._asked)
        self._pool = join(self._beside, self._pool)
        self._suspect = ()
        if rows == 1 or self._coarse:
            self.dead.append(RefusedRows(self._asked, error))
        elif error.status == _TOO_LARGE:
            first, second = cut(self._asked, rows // 2)
            self._groups += [second, first]
        else:
            self._suspect = self._asked

    def _spent(self) -> bool:
        return self.requests >= (MAX_REQUESTS if self.taken_rows else self._hopeless)

    def _give_up(self) -> None:
        self._coarse = True
        left = join(self._suspect, *reversed(self._groups), self._pool)
        self._suspect, self._groups, self._pool = (), [], ()
        if not self.taken_rows:
            if left:
                self.dead.append(RefusedRows(left, self._last))
            return
        rows = -(-count(left) // COARSE)
        while left:
            group, left = cut(left, rows)
            self._groups.insert(0, group)


def count(rows: Rows) -> int:
    """How many rows these are."""
    return sum(map(len, rows))


def cut(rows: Rows, first: int) -> tuple[Rows, Rows]:
    """The first `first` of these rows, and the others."""
    head: list[range] = []
    for index, each in enumerate(rows):
        if len(each) >= first:
            rest = (each[first:],) if len(each) > first else ()
            return (*head, each[:first]) if first else tuple(head), (*rest, *rows[index + 1 :])
        head.append(each)
        first -= len(each)
    return rows, ()


def join(*several: Rows) -> Rows:
    """All these rows in ascending order, neighbours in one range."""
    found: list[range] = []
    for each in sorted((each for rows in several for each in rows), key=lambda each: each.start):
        if found and found[-1].stop == each.start:
            found[-1] = range(found[-1].start, each.stop)
        else:
            found.append(each)
    return tuple(found)


def numbers(refused: Sequence[RefusedRows]) -> list[tuple[int, RejectedError, int]]:
    """Each refused row's number, its answer, and how many rows were refused together with it, by number."""
    return sorted(
        ((row, each.error, count(each.rows) - 1) for each in refused for part in each.rows for row in part),
        key=lambda found: found[0],
    )

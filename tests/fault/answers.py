"""Right answers, mutated, against the transport; an oracle of its own says what each of them is.

    python -m tests.fault.answers 600
    python -m tests.fault.answers 60 --seed 7

It exits with 1 when something incomplete was taken for an acknowledgement, or something complete was refused.
"""

import argparse
import concurrent.futures
import gzip
import os
import random
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import requests

from ingest.pipeline.arize import transport
from ingest.pipeline.arize.transport import Attempt
from tests.harness.answer_oracle import read
from tests.harness.answers import CHUNKED, FRAMED, HTML, JSON, OPEN_ENDED, answer
from tests.harness.peer import Ending, Line, Peer, certificate

THREADS = 4
TIMEOUT_S = 5.0
SEEDS = [
    *FRAMED.values(),
    *OPEN_ENDED.values(),
    CHUNKED,
    answer(HTML),
    answer(gzip.compress(JSON), "Content-Encoding: gzip"),
    answer(JSON, "X-Folded: a\r\n b", f"Content-Length: {len(JSON)}"),
]
INTERIM = [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", b"HTTP/1.1 102 x\r\n"]
BYTES = b"\r\n:;, \t0159aAfFxX-+{}\"'\x00\xff"


@dataclass(frozen=True)
class Shot:
    sent: bytes
    ending: Ending
    pieces: tuple[int, ...]


@dataclass
class Tally:
    shots: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


def mutated(dice: random.Random, *, tls: bool) -> Shot:
    sent = bytearray(dice.choice(SEEDS))
    for _ in range(dice.choice((0, 1, 1, 1, 2, 3))):
        at = dice.randrange(len(sent) + 1)
        kind = dice.randrange(7)
        if kind == 0:
            del sent[at:]
        elif kind == 1 and at < len(sent):
            sent[at] = dice.choice(BYTES)
        elif kind == 2:
            sent[at:at] = bytes([dice.choice(BYTES)])
        elif kind == 3:
            del sent[at : at + dice.randint(1, 3)]
        elif kind == 4:
            sent[:0] = dice.choice(INTERIM)
        elif kind == 5:
            sent[:] = sent.replace(b"Content-Length: ", b"Content-Length: " + dice.choice((b"1", b"0", b"-", b"5, ")))
        else:
            sent += dice.choice((b"x", b"\r\n", answer()))
    endings: Sequence[Ending] = ("close", "ragged", "open") if tls else ("close", "reset", "open")
    pieces = tuple(sorted(dice.sample(range(len(sent) + 1), min(len(sent), dice.choice((0, 0, 1, 3))))))
    return Shot(bytes(sent), dice.choice(endings), pieces)


def shoot(peer: Peer, shot: Shot, path: str, *, tls: bool) -> tuple[bool, str]:
    """Whether it acknowledges, as the oracle sees it; and what the transport made of it, if that is wrong."""
    whole = read(shot.sent, ends=shot.ending == "close" or (shot.ending == "ragged" and not tls))
    right = whole is not None and whole.acknowledges
    attempt = Attempt()

    def play(line: Line, head: bytes) -> None:
        line.body(head)
        for start, end in zip((0, *shot.pieces), (*shot.pieces, len(shot.sent)), strict=True):
            if start:
                time.sleep(0.001)
            line.send(shot.sent[start:end])
        line.end(shot.ending)
        if shot.ending == "open" and whole is None:
            attempt.cut()

    peer.plays[path] = play
    transport.begin(attempt)
    try:
        response = transport.post(peer.url(path), data=b"rows", timeout=TIMEOUT_S)
        taken, why = 200 <= response.status_code < 300, f"HTTP {response.status_code}"
    except requests.RequestException as failed:
        taken, why = False, str(failed)
    finally:
        transport.end()
        del peer.plays[path]
        if transport._current.session is not None:
            transport._current.session.close()
    if taken == right or (right and shot.ending == "reset"):  # a reset may overtake the answer
        return right, ""
    return right, f"{'taken' if taken else 'refused'}: {shot.sent!r}, then {shot.ending}{' of TLS' * tls}: {why}"


def campaign(seconds: float, seed: int) -> Tally:
    os.environ.update(NO_PROXY="127.0.0.1", no_proxy="127.0.0.1")
    deadline, tally = time.monotonic() + seconds, Tally()
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ingest-answers-")))
        both = certificate(directory)
        former = os.environ.get("REQUESTS_CA_BUNDLE")
        os.environ["REQUESTS_CA_BUNDLE"] = str(both)
        stack.callback(_put_back, former)
        plain, secured = stack.enter_context(Peer()), stack.enter_context(Peer(both))

        def many(thread: int) -> Iterator[tuple[str, str]]:
            dice, number = random.Random(f"{seed} {thread}"), 0
            while time.monotonic() < deadline:
                tls = dice.random() < 0.2
                shot = mutated(dice, tls=tls)
                number += 1
                right, wrong = shoot(secured if tls else plain, shot, f"/{thread}/{number}", tls=tls)
                yield f"{'tls' if tls else 'plain'} {shot.ending} {'right' if right else 'not'}", wrong

        with concurrent.futures.ThreadPoolExecutor(THREADS) as threads:
            for found in threads.map(lambda thread: list(many(thread)), range(THREADS)):
                tally.shots.update(name for name, _ in found)
                tally.wrong += [wrong for _, wrong in found if wrong]
    return tally


def _put_back(former: str | None) -> None:
    if former is None:
        del os.environ["REQUESTS_CA_BUNDLE"]
    else:
        os.environ["REQUESTS_CA_BUNDLE"] = former


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fault.answers", description=__doc__)
    parser.add_argument("seconds", type=float)
    parser.add_argument("--seed", type=int, default=time.time_ns())
    given = parser.parse_args(arguments)
    tally = campaign(given.seconds, given.seed)
    print(f"seed {given.seed}: {tally.shots.total()} answers, {dict(sorted(tally.shots.items()))}")  # noqa: T201
    for wrong in tally.wrong:
        print(wrong)  # noqa: T201
    return 1 if tally.wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())

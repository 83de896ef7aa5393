"""A producer that keeps a rate and costs little: `python -m benchmarks.feed --rate 1000 --seconds 10 ...`, on its own.

1. Events are usual ones, rendered beforehand but for what tells them apart (id, `kp`, `seq`): the producer is to take
   little of the cores that it shares.
2. They are handed over evenly, in steps of 10 ms, to the partitions in turn. An event's timestamp in Kafka is the
   moment of its own handing over; the producer's own `linger.ms` of 5 is part of what is measured from there.
3. A sequence number is its event's offset: the topic is written by nobody else.
4. With `window`, there is no rate: so many events may be on the topic without being stored at the endpoint. It is how a
   producer finds what the reader can carry beside it.
5. It ends with its stdin at the latest: when it is told to, and when its starter is gone.
6. Printed at the end: events, and the seconds they took. A feed that could not keep its rate shows by that.
"""

import argparse
import json
import os
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from confluent_kafka import Producer

from ingest.sandbox.generate import Generator

STEP_S = 0.01
STEP_EVENTS = 1_000  # at most, so that a feed that is late catches up evenly
LOOK_S = 0.1  # between looks at the endpoint's counters
FLUSH_S = 60.0
POOL = 1_000


@dataclass(frozen=True, slots=True)
class Fed:
    """What was produced: `events`, the first at `began_s` (seconds since 1970), within `seconds`."""

    events: int
    began_s: float
    seconds: float

    @property
    def rate(self) -> float:
        """Events a second."""
        return self.events / self.seconds


class Feed:
    """A running one; `done` waits for its end. `first` is the number of events on the topic before it."""

    def __init__(
        self,
        brokers: str,
        topic: str,
        partitions: int,
        *,
        first: int,
        rate: float | None = None,
        seconds: float | None = None,
        events: int | None = None,
        window: tuple[int, str] | None = None,
    ) -> None:
        """`window`: events that may be open, and the address of the endpoint's counters."""
        options = {
            "--brokers": brokers,
            "--topic": topic,
            "--partitions": partitions,
            "--first": first,
            "--rate": rate,
            "--seconds": seconds,
            "--events": events,
            "--window": None if window is None else window[0],
            "--stats": None if window is None else window[1],
        }
        given = [str(part) for name, value in options.items() if value is not None for part in (name, value)]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.feed", *given],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # a Ctrl-C is for the runner
        )

    def end(self) -> None:
        """Let it end now; `done` still says what it came to."""
        if self._process.stdin is not None:
            self._process.stdin.close()

    def done(self) -> Fed:
        """Wait for its end. Raises RuntimeError when it failed."""
        said = self._process.stdout.read() if self._process.stdout is not None else b""
        self.end()
        if self._process.wait():
            raise RuntimeError("the feed failed; its stderr says why")
        return Fed(**json.loads(said))


class Pool:
    """Usual events, rendered but for what tells them apart."""

    def __init__(self) -> None:
        generator = Generator(seed=5)
        self._parts: list[tuple[bytes, bytes]] = []
        for sequence in range(POOL):
            text = generator.event(0, sequence) or b""
            head, _, rest = text.partition(b', "kp": 0, "seq": %d' % sequence)
            self._parts.append((head.partition(b'", ')[2], rest))

    def event(self, partition: int, sequence: int) -> bytes:
        """A message's value."""
        middle, rest = self._parts[sequence % POOL]
        return b'{"prediction_id": "%x-%x", %b, "kp": %d, "seq": %d%b' % (
            *(partition, sequence, middle, partition, sequence, rest),
        )


def run(
    producer: Producer,
    topic: str,
    partitions: int,
    first: int,
    allowed: Callable[[float], int],
    *,
    seconds: float,
    events: int,
    ended: threading.Event,
) -> Fed:
    """Hand over what `allowed(elapsed_s)` says in sum, up to `events`, for `seconds` or until `ended`.

    Raises RuntimeError when a message is not taken.
    """
    pool = Pool()
    failed: list[str] = []
    began_s, began = time.time(), time.monotonic()
    produced = 0
    while produced < events and (elapsed_s := time.monotonic() - began) < seconds and not (failed or ended.is_set()):
        due = min(allowed(elapsed_s), events, produced + STEP_EVENTS)
        for number in range(first + produced, first + due):
            sequence, partition = divmod(number, partitions)
            value = pool.event(partition, sequence)
            while True:
                try:
                    producer.produce(topic, value, partition=partition, on_delivery=_failures(failed))
                except BufferError:
                    producer.poll(STEP_S)
                else:
                    break
        late = due - produced == STEP_EVENTS
        produced = max(due, produced)
        producer.poll(0.0 if late else STEP_S)
    took_s = time.monotonic() - began
    if producer.flush(FLUSH_S) or failed:
        raise RuntimeError(failed[0] if failed else f"{topic}: not all messages were taken within {FLUSH_S:g} s")
    return Fed(produced, began_s, took_s)


def _failures(failed: list[str]) -> Callable[[object, object], None]:
    return lambda error, _: failed.append(str(error)) if error is not None else None


def _window(size: int, stats: str) -> Callable[[float], int]:
    """So many more events than are stored at the endpoint since now."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def stored() -> int:
        with opener.open(stats, timeout=FLUSH_S) as answer:
            return int(json.load(answer)["stored_rows"])

    before = stored()
    looked_at, known = 0.0, 0

    def allowed(elapsed_s: float) -> int:
        nonlocal looked_at, known
        if elapsed_s - looked_at >= LOOK_S:
            looked_at, known = elapsed_s, stored() - before
        return known + size

    return allowed


def _wait_for_end_of_input(ended: threading.Event) -> None:
    while os.read(0, 4096):
        continue
    ended.set()


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Produces usual events at a rate.")
    parser.add_argument("--brokers", required=True)
    parser.add_argument("--topic", required=True)
    parser.add_argument("--partitions", type=int, required=True)
    parser.add_argument("--first", type=int, default=0, help="events that are on the topic already")
    parser.add_argument("--rate", type=float, help="events a second; without it, as fast as may be")
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--events", type=int, default=sys.maxsize)
    parser.add_argument("--window", type=int, help="instead of a rate: events that may not be stored yet")
    parser.add_argument("--stats", help="the address of the endpoint's counters, for --window")
    given = parser.parse_args(arguments)
    producer = Producer(
        {
            "bootstrap.servers": given.brokers,
            "acks": "all",
            "enable.idempotence": True,
            "compression.type": "lz4",
            "linger.ms": 5,
            "queue.buffering.max.messages": 200_000,
            "queue.buffering.max.kbytes": 131_072,
            "delivery.report.only.error": True,
        }
    )
    if given.window is not None:
        allowed = _window(given.window, given.stats)
    elif given.rate is not None:
        allowed = lambda elapsed_s: int(given.rate * elapsed_s)  # noqa: E731
    else:
        allowed = lambda _: sys.maxsize  # noqa: E731
    ended = threading.Event()
    threading.Thread(target=_wait_for_end_of_input, args=(ended,), daemon=True).start()
    fed = run(
        *(producer, given.topic, given.partitions, given.first, allowed),
        seconds=given.seconds,
        events=given.events,
        ended=ended,
    )
    print(json.dumps({"events": fed.events, "began_s": fed.began_s, "seconds": fed.seconds}))


if __name__ == "__main__":
    main()

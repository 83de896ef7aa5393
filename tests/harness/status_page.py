"""Snapshots made by hand, for whatever shows them: a calm run, one that does not deliver, and one of hostile texts."""

import math
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from ingest.accounting.run_account import PartitionAccount, RunAccount
from ingest.records import Counts
from ingest.status.snapshot import (
    ArizePart,
    DeadLetterCount,
    Fault,
    Health,
    History,
    IngestPart,
    KafkaPart,
    LogLine,
    PartitionStatus,
    Snapshot,
    State,
    Totals,
    WorkerStatus,
)
from ingest.status.web.actions import Actions
from ingest.status.web.app import Probes, application
from ingest.status.web.listener import listen
from ingest.status.web.published import ConfigView, Published
from ingest.status.web.server import Server
from ingest.status.web.stream import Stream

AT = 1_784_500_000.0
HOSTILE = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">'\"&amp;"
TOKEN = "0123456789abcdef0123456789abcdef"
AGES = (0.4, 3.0, 25.0, 200.0, 2_000.0, 9_000.0, None)

ACCOUNT = RunAccount(
    topic="predictions",
    group="ingest",
    exit_code=0,
    ran_s=12.0,
    crashes=0,
    exact=True,
    partitions=(
        PartitionAccount(partition=0, consumed=1_217, counts=Counts(1_200, 17, 0, 0), next_offset=1_217,
                         end_offset=1_217, lag=0),
    ),
)  # fmt: skip


def calm(partitions: int = 32, workers: int = 4, topic: str = "predictions") -> Snapshot:
    """A run that delivers; all that can be known is known."""
    read = tuple(None if at < 4 else 8_000 + 900 * math.sin(at / 9) + 350 * math.sin(at / 2.3) for at in range(300))
    return Snapshot(
        at=AT,
        started_at=AT - 93_784,
        run="20260720T031500Z-1a2b3c4d",
        version="0.1.0",
        host="worker-1.example",
        pid=4711,
        group="ingest",
        topics=(topic,),
        health=Health.OK,
        sentence="Delivering 8,214 messages a second; the oldest uncommitted message is 1.2 s old.",
        loop_at=AT,
        totals=Totals(
            read=812_345_678,
            acknowledged=812_201_004,
            dead_lettered=1_204,
            restarts=1,
            possible_duplicates=10_000,
            read_per_s=8_214.4,
            acknowledged_per_s=8_190.0,
            lag=9_874,
            oldest_age_s=1.2,
            retention_left_s=604_000,
        ),
        kafka=KafkaPart(brokers="broker-1:9092,broker-2:9092", committed_at=AT - 0.6, ends_asked_at=AT - 2),
        ingest=IngestPart(
            workers=workers,
            workers_running=workers,
            restarts=1,
            rss_bytes=workers * 230 * 2**20,
            dead_letters_free_bytes=48 * 2**30,
            fault=Fault(
                text="worker 2: pid 4714 ended after 2 h 07 min: killed by SIGKILL", at=AT - 5_000, lasts=False
            ),
        ),
        arize=ArizePart(
            endpoint="https://otlp.arize.com/v1",
            in_flight=5,
            limit=8,
            waiting_s=0.31,
            acknowledged_at=AT - 0.2,
            p50_s=0.42,
            p99_s=1.3,
            retries=3,
        ),
        workers=tuple(
            WorkerStatus(
                index=index,
                topic=topic,
                partitions=tuple(range(index * partitions // workers, (index + 1) * partitions // workers)),
                state=State.READING,
                health=Health.OK,
                since_s=7_200.0 + index,
                pid=4712 + index,
                restarts=int(index == 2),
                lane="fast",
                read_per_s=2_050.0 + index,
                acknowledged_per_s=2_047.0,
                in_flight=1,
                limit=2,
                waiting_s=0.3,
                rss_bytes=230 * 2**20,
            )
            for index in range(workers)
        ),
        partitions=tuple(partition(topic, number, number * workers // partitions) for number in range(partitions)),
        dead_letters=(
            DeadLetterCount(topic=topic, reason="not_json", messages=1_200),
            DeadLetterCount(topic=topic, reason="missing_column", messages=4),
        ),
        events=tuple(
            LogLine(
                at=AT - 600 + 10 * number,
                level="warning" if number % 9 == 0 else "info",
                event="notice",
                worker=number % workers if number % 3 else None,
                text=f"event {number}: something happened to a partition",
            )
            for number in range(50)
        ),
        history=History(
            read_per_s=read,
            acknowledged_per_s=read,
            oldest_age_s=tuple(1 + math.sin(at / 20) ** 2 for at in range(300)),
            dead_lettered=tuple(1_000 + at * 2 // 3 for at in range(300)),
            restarts=tuple(int(at > 200) for at in range(300)),
        ),
    )


def partition(topic: str, number: int, worker: int) -> PartitionStatus:
    """One partition that is read."""
    return PartitionStatus(
        topic=topic,
        partition=number,
        worker=worker,
        state=State.READING,
        health=Health.OK,
        next_offset=25_000_000 + number,
        position=25_000_300 + number,
        end_offset=25_000_308 + number,
        lag=308,
        lag_at=AT - 1,
        oldest_age_s=1.2,
        retention_left_s=604_000,
        committed_at=AT - 0.6,
        read_per_s=256.0,
        acknowledged=25_381_281,
        dead_lettered=37,
    )


def stuck(partitions: int = 32) -> Snapshot:
    """A run that Arize does not answer: partitions of every age, in every state."""
    run = calm(partitions)
    states = (State.WAITING_FOR_ARIZE, State.WAITING_FOR_ARIZE, State.READING, State.METADATA_FULL, State.GIVEN_UP)
    healths = (Health.OK, Health.OK, Health.OK, Health.DEGRADED, Health.FAILING)
    return replace(
        run,
        health=Health.FAILING,
        sentence=(
            "Arize has not answered for 58 s. Nothing is lost: 16,515 messages wait in Kafka, the oldest 1 min, "
            "retention leaves 6 d."
        ),
        arize=replace(
            run.arize,
            health=Health.FAILING,
            fault=Fault(text="no answer to 2 uploads: the connection is open, nothing came", at=AT - 58, lasts=True),
            waiting_s=58.0,
        ),
        workers=tuple(
            replace(one, state=State.WAITING_FOR_ARIZE, health=Health.FAILING, waiting_s=58.0, reason="no answer")
            for one in run.workers
        ),
        partitions=tuple(
            replace(
                one,
                oldest_age_s=AGES[one.partition % len(AGES)],
                state=states[one.partition % 5],
                health=healths[one.partition % 5],
                lag=None if one.partition % 7 == 6 else one.lag,
            )
            for one in run.partitions
        ),
    )


def hostile() -> Snapshot:
    """A run in which every text is an attack."""
    run = calm(4, topic=HOSTILE)
    fault = Fault(text=HOSTILE, at=AT - 5, lasts=True)
    return replace(
        run,
        run=HOSTILE,
        version=HOSTILE,
        host=HOSTILE,
        group=HOSTILE,
        sentence=HOSTILE,
        kafka=replace(run.kafka, brokers=HOSTILE, fault=fault),
        ingest=replace(run.ingest, fault=fault),
        arize=replace(run.arize, endpoint=HOSTILE, fault=fault),
        workers=tuple(replace(one, reason=HOSTILE, lane=HOSTILE) for one in run.workers),
        dead_letters=(DeadLetterCount(topic=HOSTILE, reason=HOSTILE, messages=1),),
        events=(LogLine(at=AT, level=HOSTILE, event=HOSTILE, worker=0, text=HOSTILE),),
    )


class Served:
    """A page that shows what `published` has, at `url`."""

    def __init__(self, published: Published, config: ConfigView, *, token: str, probes: Probes | None) -> None:
        self.published = published
        self.published.config = config
        self.stream = Stream(published, every_s=0.2)
        self.actions = Actions(token, lambda: published.snapshot)
        self.faults: list[Exception] = []
        listener = listen("127.0.0.1", 0, fallback=False)
        self.port: int = listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/"
        app = application(
            published,
            stream=self.stream,
            actions=self.actions,
            host="127.0.0.1",
            probes=probes,
            on_fault=self.faults.append,
        )
        self.server = Server(app, listener)

    def connect(self) -> socket.socket:
        """A bare connection to it."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=10)


@contextmanager
def served(
    *snapshots: Snapshot, config: ConfigView | None = None, token: str = "", probes: Probes | None = None
) -> Iterator[Served]:
    """A real server in a thread, with the last of `snapshots` published."""
    page = Served(Published(), config or {}, token=token, probes=probes)
    for snapshot in snapshots:
        page.published.publish(snapshot)
    page.server.start()
    try:
        yield page
    finally:
        page.stream.closing.set()
        page.server.stop()

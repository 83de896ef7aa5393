"""One topic, one endpoint, one directory with an ingest.toml: everything a test of the main job starts from."""

import json
import os
import struct
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from confluent_kafka import Consumer, KafkaError, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource

from ingest.config.sections import Kafka
from ingest.errors import FatalError
from ingest.pipeline.kafka import consumer
from ingest.records import KafkaMessage, header_pairs
from ingest.sandbox.arize import ArizeEndpoint
from ingest.sandbox.broker import RealKafka
from ingest.sandbox.generate import Generator
from ingest.sandbox.produce import produce
from tests.harness.command import ROOT, Command, clean_environment
from tests.harness.invariants import Committed, Finding, Samples, check
from tests.harness.supervise import Supervise, wait_until
from tests.harness.truth import Evidence, JournalOf, Truth

PLANTED = ROOT / "tests" / "harness" / "planted"

REQUEST_S = 30.0
_BATCH_LENGTH_END = 12  # what follows is as long as the batch says
_BATCH_HEADER_BYTES = 61  # of a record batch, format 2; its checksum is in there and covers what follows

Settings = Mapping[str, Mapping[str, Any]]

# Small batches and short waits: a test sees many of everything in little time.
DEFAULTS: Settings = {
    "arize": {"model_name": "fraud", "timeout_s": 10.0, "in_flight": 2},
    "batch": {"max_events": 500, "linger_s": 0.2, "chunk_events": 250},
    "schema": {"tags": ["tag_region", "tag_release"]},
    "delivery": {"base_backoff_s": 0.05, "max_backoff_s": 0.5, "commit_interval_s": 0.2},
    "supervisor": {"base_backoff_s": 0.02, "max_backoff_s": 0.2, "drain_s": 20.0},
}

# The configuration of a topic that Kafka compacts within a second or two.
COMPACTED = {
    "cleanup.policy": "compact",
    "segment.ms": "100",
    "min.cleanable.dirty.ratio": "0.01",
    "max.compaction.lag.ms": "100",
}


class Rig:
    """Leave it as a context manager: whatever still runs is ended.

    With `model` it sees only what is of its topic and that model; with `group` it looks at that group's commits. So two
    rigs can share a directory, an endpoint and a command that one of them starts.
    """

    def __init__(
        self,
        broker: RealKafka,
        topic: str,
        partitions: int,
        directory: Path,
        endpoint: ArizeEndpoint,
        *,
        model: str | None = None,
        group: str | None = None,
    ) -> None:
        self.data = broker.data
        self.kafka = Kafka(brokers=broker.bootstrap, topic=topic, group=group or f"group-of-{topic}")
        self.partitions = tuple(range(partitions))
        self.directory = directory
        self.endpoint = endpoint
        self.generator = Generator()
        self.truth = Truth(self.generator.row)
        self.dead_letters = directory / "dead_letters"
        self.evidence = Evidence(self.truth, endpoint.journal, self.dead_letters)
        if model is not None:
            journal = JournalOf(endpoint.journal.path, model)
            self.evidence = Evidence(self.truth, journal, self.dead_letters, letters=f"{topic}.*.jsonl")
        self.samples = Samples()
        self.runs: list[Supervise] = []
        self._reader = consumer.PartitionConsumer(
            self.kafka, self.partitions, on_trouble=lambda _: None, on_committed=lambda *_: None
        )

    # --- the topic -------------------------------------------------------------------------------

    def produce(self, events: int, *, seed: int = 0, bad_share: float = 0.0) -> None:
        """Put generated events on all partitions; the truth knows them."""
        self.generator = Generator(seed=seed, bad_share=bad_share)
        self.truth.row = self.generator.row
        done = produce(self.kafka.brokers, self.kafka.topic, self.partitions, events, generator=self.generator)
        self.truth.grow(self.generator, done.end)

    def grow(self, partitions: int) -> None:
        """The topic has so many partitions now."""
        self._reader.close()
        self.partitions = tuple(range(partitions))
        self._reader = consumer.PartitionConsumer(
            self.kafka, self.partitions, on_trouble=lambda _: None, on_committed=lambda *_: None
        )

    def delete_records(self, partition: int, before: int) -> None:
        """Remove what lies below the offset `before`, as retention does; the truth excuses it from now on."""
        admin = AdminClient({"bootstrap.servers": self.kafka.brokers})
        for deleted in admin.delete_records([TopicPartition(self.kafka.topic, partition, before)]).values():
            deleted.result(REQUEST_S)
        self.truth.removed[partition] = before

    def batches(self, partition: int) -> list[int]:
        """The first offset of each of the partition's batches on the broker's disk."""
        return [offset for offset, _ in self._batches(partition)]

    def _batches(self, partition: int) -> list[tuple[int, int]]:
        content, at, found = self._segment(partition).read_bytes(), 0, []
        while at + _BATCH_HEADER_BYTES <= len(content):
            offset, length = struct.unpack_from(">qi", content, at)
            found.append((offset, at))
            at += _BATCH_LENGTH_END + length
        return found

    def _segment(self, partition: int) -> Path:
        (segment,) = self.data.glob(f"log/{self.kafka.topic}-{partition}/*.log")
        return segment

    @contextmanager
    def damaged_record(self, partition: int, offset: int = 0) -> Iterator[None]:
        """Flip one bit of the batch that begins at `offset`, on the broker's disk: readers find a wrong checksum."""
        place = dict(self._batches(partition))[offset] + _BATCH_HEADER_BYTES + 10
        with self._segment(partition).open("r+b") as file:

            def flip() -> None:
                file.seek(place)
                byte = file.read(1)[0]
                file.seek(place)
                file.write(bytes([byte ^ 1]))
                file.flush()

            flip()
            yield
            flip()

    def configure_topic(self, name: str, value: str, topic: str = "") -> None:
        """Change one setting of the topic, or of another one."""
        entry = ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
        resource = ConfigResource(ConfigResource.Type.TOPIC, topic or self.kafka.topic, incremental_configs=[entry])
        admin = AdminClient({"bootstrap.servers": self.kafka.brokers})
        admin.incremental_alter_configs([resource])[resource].result(REQUEST_S)

    def read_topic(self) -> dict[tuple[int, int], bytes | None]:
        """Every message from the first to the end, by (partition, offset)."""
        options = {"bootstrap.servers": self.kafka.brokers, "group.id": "harness", "enable.partition.eof": True}
        found = {}
        with closing(Consumer({**options, "auto.offset.reset": "earliest"})) as consumer:
            consumer.assign([TopicPartition(self.kafka.topic, partition, 0) for partition in self.partitions])
            at_end = 0
            while at_end < len(self.partitions):
                for message in consumer.consume(5_000, 1.0):
                    error, partition, offset = message.error(), message.partition(), message.offset()
                    if error is not None:
                        assert error.code() == KafkaError._PARTITION_EOF, error.str()
                        at_end += 1
                    else:
                        assert partition is not None
                        assert offset is not None
                        found[partition, offset] = message.value()
        return found

    def put(self, values: Iterable[bytes | None], partition: int = 0) -> list[int]:
        """Put these messages on one partition as they are; their offsets. The truth does not know them."""
        offsets: list[int] = []

        def delivered(_error: KafkaError | None, message: Message) -> None:
            offset = message.offset()
            assert offset is not None
            offsets.append(offset)

        producer = Producer({"bootstrap.servers": self.kafka.brokers, "log_level": 0})
        for value in values:
            producer.produce(
                self.kafka.topic,
                value,
                partition=partition,
                key=b"key",
                headers=[("trace", b"\xff\x00")],
                on_delivery=delivered,
            )
        assert producer.flush(REQUEST_S) == 0
        return offsets

    def put_messages(self, messages: Iterable[KafkaMessage]) -> None:
        """Put these messages on partition 0 with their keys, headers and timestamps. The truth does not know them."""
        producer = Producer({"bootstrap.servers": self.kafka.brokers, "log_level": 0})
        for message in messages:
            producer.produce(
                self.kafka.topic,
                message.value(),
                key=message.key(),
                partition=0,
                timestamp=message.timestamp()[1],
                headers=list(header_pairs(message.headers())),
            )
        assert producer.flush(REQUEST_S) == 0

    def ends(self) -> dict[int, int]:
        """The end offset of each partition."""
        return {partition: end for partition, (_, end) in self._reader.watermarks().items()}

    def committed(self) -> Committed:
        """What the group has committed."""
        return self._reader.committed()

    def committed_at(self, partition: int) -> int | None:
        """The partition's committed offset."""
        mark = self.committed()[partition]
        return None if mark is None else mark.next_offset

    # --- the command -----------------------------------------------------------------------------

    def write_settings(self, settings: Settings) -> None:
        """The ingest.toml beside the command: the rig's defaults with `settings` over them; None takes one away."""
        kafka = {"brokers": self.kafka.brokers, "topic": self.kafka.topic, "group": self.kafka.group}
        base: dict[str, Mapping[str, Any]] = {"kafka": kafka, **DEFAULTS}
        lines = []
        for section in {**base, **settings}:
            lines.append(f"[{section}]")
            values = {**base.get(section, {}), **settings.get(section, {})}
            said = {name: value for name, value in values.items() if value is not None}
            lines += [f"{json.dumps(name)} = {_toml(value)}" for name, value in said.items()]
        new = self.directory / "ingest.toml.new"
        new.write_text("\n".join(lines) + "\n", encoding="utf-8")
        new.replace(self.directory / "ingest.toml")  # another run may be reading it

    def environment(self, plant: str | None = None) -> dict[str, str]:
        """Only what the command needs; with `plant`, a planted bug or crash point (see planted/sitecustomize.py)."""
        found = clean_environment(**self.endpoint.environment())
        if plant is not None:
            found |= {
                "PYTHONPATH": os.pathsep.join((str(PLANTED), str(ROOT))),
                "PLANT": plant,
                "PLANT_MARKER": str(self.directory / "planted-crash"),
            }
        return found

    def start(
        self,
        *arguments: str,
        workers: int = 1,
        until_end: bool = True,
        plant: str | None = None,
        environment: Mapping[str, str] | None = None,
        launcher: Sequence[str] | None = None,
        **settings: Mapping[str, Any],
    ) -> Supervise:
        """Start the command in the rig's directory; `settings` are sections over the rig's defaults."""
        self.write_settings(settings)
        given = ["--workers", str(workers), *(["--until-end"] if until_end else []), *arguments]
        run = Supervise(self.directory, given, {**self.environment(plant), **(environment or {})}, launcher)
        self.runs.append(run)
        return run

    @property
    def command(self) -> Command:
        """The command beside the rig's ingest.toml, which `write_settings` or `start` has written."""
        return Command(self.directory, self.environment())

    # --- the checks ------------------------------------------------------------------------------

    @property
    def stored(self) -> int:
        """Rows in the journal, duplicates too."""
        self.evidence.update()
        return self.evidence.stored_rows

    def until_stored(self, rows: int, run: Supervise) -> None:
        """Wait until the endpoint has so many rows."""
        run.until(lambda: self.stored >= rows)

    def sample(self) -> None:
        """One look at the commits, then at what is stored."""
        self.samples.take(self.committed(), self.evidence)

    @contextmanager
    def sampled(self) -> Iterator[None]:
        """Look again and again while the block runs, at least once."""
        over = threading.Event()

        def look() -> None:
            while True:
                with suppress(FatalError):  # the test has taken the broker away
                    self.sample()
                if over.wait(0.02):
                    return

        thread = threading.Thread(target=look)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def findings(self, *, most_duplicates: int = 0, done: bool = True, values: bool = True) -> list[Finding]:
        """All that is broken; [] is what a test wants. `done`: the run had the end to reach, and has reached it."""
        return check(
            self.evidence,
            self.committed(),
            self.samples,
            most_duplicates=most_duplicates,
            ends=self.ends() if done else None,
            values=values,
        )

    def listed_twice(self) -> dict[int, list[tuple[int, int]]]:
        """The ranges (first, next offset) of each partition that the account says may be at Arize twice."""
        found: dict[int, list[tuple[int, int]]] = {partition: [] for partition in self.partitions}
        for path in (self.directory / "account").glob("*.jsonl"):
            for line in path.read_text(encoding="utf-8").splitlines():
                row = json.loads(line)
                if row["kind"] == "possible_duplicates" and row["topic"] == self.kafka.topic:
                    found[row["partition"]].append((row["first"], row["next_offset"]))
        return found

    def unlisted(self) -> list[Finding]:
        """Events that are stored twice, and that no range in the account names."""
        self.evidence.update()
        listed = self.listed_twice()
        missing = [
            (partition, offset)
            for partition, offset in self.evidence.twice()
            if not any(first <= offset < next_offset for first, next_offset in listed[partition])
        ]
        return [Finding("I3", f"{len(missing)} stored twice, listed nowhere: {missing[:5]}")] if missing else []

    @property
    def reasons(self) -> dict[tuple[int, int], str]:
        """The dead letters: (partition, offset) -> reason."""
        self.evidence.update()
        return self.evidence.dead

    def until(self, condition: Callable[[], bool], within_s: float = 60.0) -> float:
        """Wait for `condition`."""
        return wait_until(condition, within_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for run in self.runs:
            run.clean_up()
        self._reader.close()


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(name)} = {_toml(item)}" for name, item in value.items()) + "}"
    return json.dumps(value if isinstance(value, int | float | str | bool | list | tuple) else str(value))

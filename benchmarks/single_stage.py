"""One stage of a worker alone, in this process: `python -m benchmarks.single_stage NAME --brokers ... --topic ...`.

1. A stage does its work over and over on the same usual events, as the worker does it: chunks of 5,000, batches of
   100,000, the worker's own functions and options. What prepares or clears up is outside its watch.
2. A sample is one pass over `PASS_EVENTS` events: CPU seconds per 100,000 of them, of the whole process and of the
   thread that calls. The first pass is not kept.
3. Every stage begins with messages from a real Kafka. But for `consume` and `commit`, the consumer is closed before the
   watch runs, so its threads cost nothing meanwhile.
4. As in a worker, the garbage collector doesn't run while a chunk is in hand.
"""

import argparse
import gc
import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np
import orjson
import pyarrow as pa

from benchmarks.bench import PASS_EVENTS, Bench, Watch, polled
from benchmarks.null_endpoint import NullEndpoint
from ingest.config.schema import Schema
from ingest.config.sections import Arize, Batch, Kafka
from ingest.config.settings import Config
from ingest.pipeline.arize.join_window import late
from ingest.pipeline.arize.roles import batch_groups
from ingest.pipeline.arize.validate import rows_refused
from ingest.pipeline.decoding import fast_lane
from ingest.pipeline.decoding.columns import MAX_COLUMNS, build
from ingest.pipeline.decoding.enrich import enrich
from ingest.pipeline.decoding.orjson_lane import Decoder, gather
from ingest.pipeline.offsets.checkpoint import Checkpoint
from ingest.pipeline.offsets.committer import Committer
from ingest.pipeline.offsets.segment import Ticket
from ingest.pipeline.offsets.tracker import PartitionTracker
from ingest.pipeline.reading import BUSY_POLL_S
from ingest.pipeline.rows import RowProcessors
from ingest.records import Chunk
from ingest.sandbox.generate import TAGS

COMMITS = 10  # a pass of `commit`: one for each batch of 100,000 acknowledged events

_Piece = TypeVar("_Piece")

# One pass: does the stage's work under the watch, and returns the number of events.
Pass = Callable[[Watch], int]


# --- Kafka ---------------------------------------------------------------------------------------


def _consume(bench: Bench) -> Pass:
    """Poll chunks and take each message's value; the messages die with their chunk, as in the worker."""
    reader = bench.reader()
    bench.closing.callback(reader.close)
    position = bench.end  # so that the first pass begins at the beginning

    def once(watch: Watch) -> int:
        nonlocal position
        if position + PASS_EVENTS > bench.end:
            reader.assign(dict.fromkeys(range(bench.partitions), 0))
            position = sum(
                len(chunk.messages) for chunk in polled(reader, bench.config.batch.chunk_events, 20_000)
            )  # so that the queue has filled when the watch begins
        with watch.running():
            for chunk in polled(reader, bench.config.batch.chunk_events, PASS_EVENTS):
                for message in chunk.messages:
                    message.value()
        position += PASS_EVENTS
        return PASS_EVENTS

    return once


def _commit(bench: Bench) -> Pass:
    """Commit the watermark of each partition once a batch of 100,000, and take Kafka's answer."""
    committer = Committer(interval_s=0.0)
    confirmed: dict[int, int] = {}
    reader = bench.reader(lambda stored, *_: confirmed.update(committer.handle_answer(stored, time.monotonic())))
    bench.closing.callback(reader.close)
    offset = 0

    def once(watch: Watch) -> int:
        nonlocal offset
        for _ in range(COMMITS):
            offset += 1
            marks = {partition: Checkpoint(offset) for partition in range(bench.partitions)}
            with watch.running():
                committer.prepare_commit(marks, time.monotonic())
                reader.commit(committer.send_prepared(time.monotonic()))
                while committer.outstanding:
                    reader.poll(1, BUSY_POLL_S)
        if set(confirmed.values()) != {offset}:
            raise RuntimeError(f"Kafka has committed {confirmed}, not {offset} for each partition")
        return COMMITS * PASS_EVENTS

    return once


# --- decoding ------------------------------------------------------------------------------------


def _loads(bench: Bench) -> Pass:
    """orjson alone, without the checks that make it exact."""
    return _each(bench.values(), lambda values: [orjson.loads(value or b"") for value in values])


def _gather(bench: Bench) -> Pass:
    """orjson block by block, the check for duplicate keys, nested objects flattened, values gathered by column."""
    return _each(bench.values(), lambda values: gather(values, MAX_COLUMNS))


def _columns(bench: Bench) -> Pass:
    """What was gathered becomes an Arrow table. Gathering is outside, but right before, as in the worker."""
    contract, chunks = bench.contract(), bench.values()

    def once(watch: Watch) -> int:
        for values in chunks:
            blocks, _, rejected = gather(values, MAX_COLUMNS)
            _all_good(rejected)
            with watch.running():
                contract.learn(build(blocks, contract, lambda _: b"").learned)
        return PASS_EVENTS

    return once


def _fast_decode(bench: Bench) -> Pass:
    """The compiled lane: from the messages' bytes to an Arrow table."""
    return _each(bench.values(), fast_lane.Lanes(bench.contract(), "fast").decode)


def _judging(choice: str) -> Callable[[Bench], Pass]:
    def prepare(bench: Bench) -> Pass:
        """Everything from a chunk's messages to rows that Arize takes: route, decode, complete, validate, shapes."""
        batch = Batch.model_validate({"lane": choice})
        route = replace(bench.config.single_route(), batch=batch)
        judges = RowProcessors(replace(bench.config, routes=(route,)), time.time)

        def judge(chunk: Chunk) -> None:
            found = judges.route(chunk.messages)
            for judged in judges.process(0, found, chunk.messages, np.arange(len(chunk.messages))):
                _all_good(judged.decoded.rejected)

        return _each(bench.chunks(), judge)

    return prepare


def _complete(bench: Bench) -> Pass:
    """Read the timestamps, and tell which rows may share a batch."""
    decoded, schema = _decoded(bench), bench.config.schema

    def one(pair: tuple[Chunk, pa.RecordBatch]) -> None:
        table = enrich(pair[1], pair[0].messages, schema).table
        batch_groups(table, schema, bench.config.arize.model_type)

    return _each(decoded, one)


def _validation(bench: Bench) -> Pass:
    """Each row's faults, as Arize would find them, and the rows that come too late to be joined."""
    limits, schema = bench.limits(), bench.config.schema

    def one(table: pa.RecordBatch) -> None:
        _all_good(rows_refused(table, limits, time.time()))
        late(table, schema, limits.model_type, time.time())

    return _each([table for _, table in _decoded(bench)], one)


def _decoded(bench: Bench) -> list[tuple[Chunk, pa.RecordBatch]]:
    decoder = Decoder(bench.contract())
    return [(chunk, decoder.decode([m.value() for m in chunk.messages]).table) for chunk in bench.chunks()]


def _all_good(rejected: Sequence[object]) -> None:
    if rejected:
        raise RuntimeError(f"the generator's events are all good, and {len(rejected)} were rejected")


# --- from rows to the acknowledgement ------------------------------------------------------------


def _table(bench: Bench) -> Callable[[], pa.Table]:
    """A batch of 100,000 rows, put together as the worker does it."""
    tables = [table for _, table in _decoded(bench)]
    return lambda: pa.concat_tables([pa.Table.from_batches([one]) for one in tables], promote_options="default")


def _frame(bench: Bench) -> Pass:
    """A batch's chunks become the DataFrame that the SDK takes."""
    from ingest.pipeline.arize.uploader import to_frame  # noqa: PLC0415  imports the arize SDK: 3 s that the others needn't wait

    table = _table(bench)
    return _each([PASS_EVENTS], lambda _: to_frame(table()))


def _log(bench: Bench) -> Pass:
    """The same, and the SDK's `log` to an endpoint that looks at nothing."""
    from ingest.pipeline.arize.transport import Attempt  # noqa: PLC0415
    from ingest.pipeline.arize.uploader import ArizeUploader  # noqa: PLC0415  as above

    endpoint = NullEndpoint()
    bench.closing.callback(endpoint.stop)
    os.environ.update(endpoint.environment())
    log, table = ArizeUploader(bench.config.routes[0]), _table(bench)
    return _each([PASS_EVENTS], lambda _: log.send(table(), Attempt()))


def _tracker(bench: Bench) -> Pass:
    """Every message tracked, held by its batch, settled, and the watermarks asked for once a chunk."""
    chunks = bench.chunks()
    own = [(p, chunk.offsets[chunk.partitions == p]) for chunk in chunks for p in range(bench.partitions)]
    arrivals = [(partition, offsets) for partition, offsets in own if len(offsets)]

    def once(watch: Watch) -> int:
        trackers = {partition: PartitionTracker(partition, 0) for partition in range(bench.partitions)}
        with watch.running():
            batch: list[Ticket] = []
            for partition, offsets in arrivals:
                tracker = trackers[partition]
                tickets, _ = tracker.track(offsets, np.zeros(len(offsets), dtype=np.int64))
                for ticket in tickets:
                    ticket.hold()
                    ticket.release()  # the chunk: none of its messages is bad
                batch += tickets
                tracker.checkpoint()
            for ticket in batch:
                ticket.release()
            settled = sum(tracker.checkpoint().counts.total for tracker in trackers.values())
        if settled != PASS_EVENTS:
            raise RuntimeError(f"{settled:,} of {PASS_EVENTS:,} messages are settled")
        return PASS_EVENTS

    return once


def _each(pieces: Sequence[_Piece], work: Callable[[_Piece], object]) -> Pass:
    def once(watch: Watch) -> int:
        for piece in pieces:
            with watch.running():
                work(piece)
        return PASS_EVENTS

    return once


STAGES: Mapping[str, Callable[[Bench], Pass]] = {
    "consume": _consume,
    "orjson.loads": _loads,
    "gather": _gather,
    "columns": _columns,
    "fast decode": _fast_decode,
    "complete": _complete,
    "validation": _validation,
    "judging, orjson": _judging("orjson"),
    "judging, fast": _judging("auto"),
    "tracker": _tracker,
    "frame": _frame,
    "log": _log,
    "commit": _commit,
}


def samples(stage: str, bench: Bench, passes: int) -> list[tuple[float, float]]:
    """CPU seconds per 100,000 events, of the process and of the calling thread, of each pass."""
    found = []
    with bench.closing:
        once = STAGES[stage](bench)
        gc.disable()
        for _ in range(passes + 1):
            gc.collect()
            watch = Watch()
            events = once(watch)
            found.append((watch.process_s / events * 100_000, watch.thread_s / events * 100_000))
    return found[1:]


def main() -> None:
    parser = argparse.ArgumentParser(description="One stage of a worker alone; prints its samples as JSON.")
    parser.add_argument("stage", choices=STAGES)
    parser.add_argument("--brokers", required=True)
    parser.add_argument("--topic", required=True)
    parser.add_argument("--partitions", type=int, required=True)
    parser.add_argument("--events", type=int, required=True, help="events on the topic")
    parser.add_argument("--passes", type=int, default=5)
    given = parser.parse_args()
    config = Config(
        kafka=Kafka(brokers=given.brokers, topic=given.topic, group=f"stage-{os.getpid()}"),
        arize=Arize(model_name="benchmark"),
        schema=Schema(tags=TAGS),
    )
    print(json.dumps(samples(given.stage, Bench(config.topics[0], given.partitions, given.events), given.passes)))


if __name__ == "__main__":
    main()

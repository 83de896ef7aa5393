"""Where the time of one worker's loop goes, by function: `benchmarks/run --profile`.

The worker's loop runs in a process of its own under cProfile, on the same backlog and endpoint as the measurements,
without a supervisor. cProfile sees the loop's own thread (poll, decode, batch, ack, commit), not the upload threads and
not librdkafka's; and it makes many small calls look dearer than they are. Read the order of the list, not the seconds.
"""

import cProfile
import pstats
import subprocess
import sys
from pathlib import Path

from benchmarks.backlog import TOPIC, Backlog
from benchmarks.contenders import Contender, Order, environment
from ingest.config.load import load
from ingest.events import Event, WorkerFailed
from ingest.pipeline.kafka import first_contact, metadata
from ingest.worker.loop import run
from ingest.worker.task import Task

SHOWN = 25


class _Always:
    def drain_requested(self) -> bool:
        return False

    def added(self) -> tuple[int, ...]:
        return ()

    def confirmed(self) -> int:
        return 0

    def paused(self) -> frozenset[int]:
        return frozenset()


def profile(contender: Contender, backlog: Backlog, batch_events: int) -> int:
    """Profile a worker with the settings that `contender` is measured with; the exit code."""
    order = Order(group="benchmark-profile", batch_events=batch_events, directory=backlog.directory)
    contender.command(backlog, order)  # leaves its configuration in the directory
    file = str(backlog.directory / "ingest.toml")
    return subprocess.run(
        [sys.executable, "-m", "benchmarks.profile_worker", file], env=environment(backlog), check=False
    ).returncode


def main() -> int:
    settings = load(Path(sys.argv[1]))
    partitions = first_contact.topic_partitions(settings.kafka)
    until = {partition: end for partition, (_, end) in metadata.watermarks(settings.kafka, partitions).items()}

    def emit(event: Event) -> None:
        if isinstance(event, WorkerFailed):
            print(f"{TOPIC}: {event.error}", file=sys.stderr)

    with cProfile.Profile() as profiler:
        code = run(Task(0, tuple(partitions), settings.topics[0], until), emit, _Always())
    pstats.Stats(profiler).strip_dirs().sort_stats("tottime").print_stats(SHOWN)
    return code


if __name__ == "__main__":
    sys.exit(main())

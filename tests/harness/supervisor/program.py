"""A supervisor over `bodies`, as a program of its own: `python -m tests.harness.supervisor.program WORKERS SETTINGS`.

It writes one JSON object an event, except of `Progress`, and exits with the supervisor's exit code.
"""

import json
import random
import sys
import time

from ingest.config.load import load
from ingest.config.sections import Supervisor as SupervisorPolicy
from ingest.events import Event, Progress
from ingest.supervisor import process
from ingest.supervisor.partition_sets import Assignment
from ingest.supervisor.session import loop
from ingest.supervisor.supervisor import Supervisor


def say(event: Event) -> None:
    if isinstance(event, Progress):
        return
    fields = {name: getattr(event, name) for name in event.__dataclass_fields__}
    sys.stdout.write(json.dumps({"event": type(event).__name__, **fields}) + "\n")
    sys.stdout.flush()


def main() -> int:
    workers, settings = int(sys.argv[1]), json.loads(sys.argv[2])
    process.start_forkserver()
    (topic,) = load().topics
    supervisor = Supervisor(
        [Assignment("rides", (index,)) for index in range(workers)],
        lambda worker, assignment: process.Process(
            worker, assignment.partitions, topic, module="tests.harness.supervisor.bodies"
        ),
        SupervisorPolicy.model_validate(settings),
        emit=say,
        clock=time.monotonic,
        jitter=random.random,
        ends=False,
    )
    loop(supervisor, tick=lambda: None)
    return supervisor.exit_code


if __name__ == "__main__":
    sys.exit(main())

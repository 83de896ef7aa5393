"""A worker with large messages takes no more memory than `ingest check` estimates."""

import json
import os
from collections.abc import Callable

import psutil

from ingest.commands.check.local_checks import worker_bytes
from ingest.config.settings import Config
from ingest.errors import ExitCode
from tests.harness.rig import Rig

MESSAGE_BYTES = 300_000
MESSAGES = 400
LIMITS = {"max_bytes": 16 * 2**20, "queue_bytes": 16 * 2**20}


def large(number: int) -> bytes:
    texts = {f"text_{index}": os.urandom(MESSAGE_BYTES // 20).hex() for index in range(10)}
    row = {"prediction_id": str(number), "prediction_ts": 1767225600.0, "prediction_score": 0.5, **texts}
    return json.dumps(row).encode()


def test_the_estimate_covers_a_worker_with_large_messages(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=2)
    values = [large(number) for number in range(20)]
    for partition in main.partitions:
        main.put(values * (MESSAGES // 40), partition)
    main.endpoint.inject_faults("latency", seconds=0.5)
    batch = {"max_bytes": LIMITS["max_bytes"], "max_events": 100_000, "chunk_events": 5_000, "linger_s": 10.0}
    kafka = {"queue_bytes": LIMITS["queue_bytes"]}
    run = main.start(batch=batch, kafka=kafka, schema={"tags": []})
    peak = 0
    while run.running:
        for worker in run.workers().values():
            try:
                peak = max(peak, worker.memory_full_info().pss)
            except psutil.Error:
                continue
    assert run.wait() == ExitCode.DONE
    (topic,) = Config(batch=batch, kafka=kafka).topics
    assert peak > 0
    assert peak <= worker_bytes(topic, MESSAGE_BYTES)

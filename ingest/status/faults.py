"""The last fault of Kafka, of our own processes and of Arize: its text, since when, and whether it lasts.

Rules
1. A fault that lasts precedes one that is over, and has the text of what lasts: an older fault of another cause does
   not stand for it.
2. Kafka's lasts while a worker has no answer from any broker, or a worker's last commit failed. What Kafka's client has
   dealt with by itself does not last.
3. Arize's lasts while all attempts of a worker have failed since its last acknowledgement, or an upload is out for
   longer than usual.
4. That of a process lasts from its end, or from when it hangs, until the next process of this worker reads; that of the
   dead letters while a worker can't write them.
"""

from collections.abc import Collection

from ingest.status import services, views
from ingest.status.services import Moment


def of_kafka(view: services.KafkaView, workers: Collection[views.WorkerView], now: float) -> tuple[Moment | None, bool]:
    """Rule 2: the fault, and whether it lasts."""
    silent = [
        (seconds, worker.report.kafka_error)
        for worker in workers
        if worker.report is not None and (seconds := worker.lasting_s(worker.report.kafka_silent_s, now)) is not None
    ]
    if silent:
        seconds = max(seconds for seconds, _ in silent)
        reason = max(silent, key=lambda one: (one[1] != "", one[0]))[1]
        return Moment(reason or "no broker answers", now - seconds), True
    if view.failing and view.commit_fault is not None:
        return view.commit_fault, True
    return _newest(view.fault, view.commit_fault), False


def of_arize(view: services.ArizeView, workers: Collection[views.WorkerView], now: float) -> tuple[Moment | None, bool]:
    """Rule 3: the fault, and whether it lasts."""
    reports = [(worker, worker.report) for worker in workers if worker.report is not None]
    failing = [
        (worker.lasting_s(report.failing_s, now) or 0.0, report.upload_error)
        for worker, report in reports
        if report.upload_error
    ]
    if failing:
        seconds, error = max(failing)
        return Moment(error, now - seconds), True
    late = [worker.lasting_s(report.oldest_upload_s, now) or 0.0 for worker, report in reports if report.arize_late]
    if late:
        return Moment("an upload is out for longer than usual, without an answer", now - max(late)), True
    return view.fault, False


def of_ingest(
    letters: services.DeadLetterView, workers: Collection[views.WorkerView], *, blocked: bool
) -> tuple[Moment | None, bool]:
    """Rule 4: the fault, and whether it lasts."""
    if blocked and letters.fault is not None:
        return letters.fault, True
    crashed = [worker for worker in workers if worker.crash is not None]
    lasting = [worker for worker in crashed if worker.crash_lasts]
    newest = max(lasting or crashed, key=lambda worker: worker.crash.at if worker.crash else 0.0, default=None)
    if newest is None or newest.crash is None:
        return letters.fault, False
    moment = Moment(f"worker {newest.index}: {newest.crash.text}", newest.crash.at)
    return (moment, True) if lasting else (_newest(letters.fault, moment), False)


def _newest(*moments: Moment | None) -> Moment | None:
    return max((one for one in moments if one is not None), key=lambda one: one.at, default=None)

"""Reports what becomes of the columns of a worker's messages: types, units, and values that are not sent.

Rules
1. The unit of a timestamp column is reported once, when the first messages show it.
2. A column that changes its type is reported each time.
3. Late actuals and dropped values are counted, and reported at most every 30 s with the count since the last report.
   The last report has all that is left.
"""

from ingest.events import ColumnWidened, Emit, LateActuals, Throttle, TimestampUnitDetected
from ingest.pipeline.arize import join_window
from ingest.pipeline.intake import Taken
from ingest.pipeline.rows import RowProcessors

_LATE_ACTUALS = "late actuals"


class ColumnEvents:
    """The reports of one worker. Times are monotonic seconds."""

    def __init__(self, processors: RowProcessors, emit: Emit) -> None:
        self._processors = processors
        self._emit = emit
        self._throttle = Throttle()
        self._units_reported: set[str] = set()
        self._late_actuals = 0

    def taken(self, taken: Taken, now: float) -> None:
        """A chunk was taken in."""
        for column, unit in self._processors.units():
            if column not in self._units_reported:
                self._units_reported.add(column)
                self._emit(TimestampUnitDetected(column=column, unit=unit))
        for column, old, new in taken.widened:
            self._emit(ColumnWidened(column=column, old_type=old, new_type=new))
        self._late_actuals += taken.late
        self._report_late_actuals(now, last=False)

    def report(self, now: float, *, last: bool = False) -> None:
        """Report the dropped values that are due; with `last` all that is left."""
        for event in self._processors.dropped.drain(now, last=last):
            self._emit(event)
        if last:
            self._report_late_actuals(now, last=True)

    def _report_late_actuals(self, now: float, *, last: bool) -> None:
        if self._late_actuals and (last or self._throttle.allow(_LATE_ACTUALS, now)):
            self._emit(LateActuals(rows=self._late_actuals, join_window_days=join_window.DAYS))
            self._late_actuals = 0

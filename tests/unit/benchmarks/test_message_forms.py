"""Every form of the format benchmark holds the same predictions, and is taken in both lanes without a dead letter."""

import numpy as np
import pytest

from benchmarks.message_forms import EXPLODED, FORMS, NOW_S, usual_rows
from benchmarks.parts.formats import LANES, Lane, Taking
from ingest.pipeline.rows import RowProcessors

ROWS = usual_rows(2 * EXPLODED)


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("lane", LANES)
def test_every_form_is_measured_on_the_same_predictions(name: str, lane: Lane) -> None:
    form = FORMS[name]
    messages = form.messages(ROWS)
    assert len(messages) == len(ROWS) / form.per_message
    processors = RowProcessors(form.config(LANES[lane]), lambda: NOW_S)
    ids: set[str] = set()
    for processed in processors.process(0, processors.route(messages), messages, np.arange(len(messages))):
        assert not processed.decoded.rejected
        ids |= set(processed.decoded.table["prediction_id"].to_pylist())
    expected = {row["prediction_id"] for row in ROWS}
    assert ids == expected if name != "sample of half" else ids < expected
    assert Taking(form, lane, messages).cost(len(ROWS)) > 0

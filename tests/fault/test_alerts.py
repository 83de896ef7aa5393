"""A short run of the campaign `tests.fault.alerts`: a fault of each alert is known, and one of them is made."""

from pathlib import Path

import pytest

from ingest.sandbox.broker import RealKafka
from tests.fault.alerts import SCENES, play, without_a_scene


def test_every_alert_has_a_fault() -> None:
    assert without_a_scene() == set()


@pytest.mark.prometheus
def test_a_partition_behind_an_open_transaction_makes_no_progress(real_kafka: RealKafka, tmp_path: Path) -> None:
    (scene,) = [one for one in SCENES if one.alert == "IngestNotProgressing"]
    row = play(scene, real_kafka, tmp_path, minute_ms=500, well_s=0.5)
    assert row.wrong == []
    assert row.fired_s is not None
    assert row.over_s is not None

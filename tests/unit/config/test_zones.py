"""Zones by the name that the configuration gives them."""

from datetime import timedelta
from typing import Any

import pytest

from ingest.config.load import load
from ingest.config.zones import zone
from ingest.errors import ConfigError


def loaded(**schema: Any) -> str:
    flags = {"kafka": {"topic": "t"}, "arize": {"model_name": "m"}, "schema": schema}
    return load(flags=flags).topics[0].routes[0].schema.timestamp_zone


def test_offsets_are_east_of_utc() -> None:
    assert zone("+05:30").utcoffset(None) == timedelta(hours=5, minutes=30)
    assert zone("-03:00").utcoffset(None) == -timedelta(hours=3)
    assert zone("UTC").utcoffset(None) == timedelta()


def test_a_zone_is_utc_unless_it_is_configured() -> None:
    assert loaded() == "UTC"
    assert loaded(timestamp_zone="Europe/Berlin") == "Europe/Berlin"


@pytest.mark.parametrize("name", ["", "Europe", "Europe/Berln", "../UTC", "/etc/localtime", "+2", "+24:00", "CEST5"])
def test_a_name_of_no_zone_is_a_fault_at_start(name: str) -> None:
    with pytest.raises(ConfigError, match="is no zone"):
        loaded(timestamp_zone=name)


@pytest.mark.parametrize("name", ["Europe/Berln", "europe/berlin", "EUROPE/BERLIN"])
def test_the_nearest_name_is_offered_whatever_its_case(name: str) -> None:
    with pytest.raises(ValueError, match="did you mean Europe/Berlin"):
        zone(name)

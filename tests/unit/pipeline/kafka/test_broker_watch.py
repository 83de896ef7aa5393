"""Whether brokers answer follows from the statistics of Kafka's client, and only from what they prove."""

import json
from typing import Any

import pytest

from ingest.pipeline.kafka.broker_watch import DOWN_S, SLACK_S, BrokerWatch

FETCH_S = 0.5


def broker(
    name: str = "k1:9092/1", *, state: str = "UP", rx: int = 5, out: int = 1, rxidle: float = 0.1, txidle: float = 0.1
) -> tuple[str, dict[str, Any]]:
    idle = {"rxidle": int(rxidle * 1e6), "txidle": int(txidle * 1e6)}
    return name, {"state": state, "rx": rx, "waitresp_cnt": out, "source": "learned", **idle}


def statistics(*brokers: tuple[str, dict[str, Any]]) -> str:
    return json.dumps({"name": "x", "brokers": dict(brokers), "topics": {"rides": {"partitions": {}}}})


def test_a_fetch_that_is_answered_in_time_is_no_silence() -> None:
    watch = BrokerWatch(FETCH_S)
    for turn in range(10):
        watch.take(statistics(broker(rx=turn, rxidle=0.4, txidle=0.4)), turn * 0.5)
        assert watch.silent_s(turn * 0.5) is None
    assert watch.reason == ""


def test_a_broker_that_stops_is_silent_from_its_last_request_on() -> None:
    watch = BrokerWatch(FETCH_S)
    watch.take(statistics(broker(rxidle=0.2, txidle=0.2)), 10.0)
    assert watch.silent_s(10.0) is None
    watch.take(statistics(broker(rxidle=0.7, txidle=0.7)), 10.5)
    watch.take(statistics(broker(rxidle=1.2, txidle=1.2)), 11.0)
    assert watch.silent_s(11.0) == pytest.approx(1.2)
    assert watch.reason == "k1:9092 does not answer"
    watch.take(statistics(broker(rx=6, rxidle=0.0, txidle=0.0)), 12.0)
    assert (watch.silent_s(12.0), watch.reason) == (None, "")


def test_a_broker_that_was_asked_nothing_for_an_hour_is_not_silent_for_an_hour() -> None:
    watch = BrokerWatch(FETCH_S)
    watch.take(statistics(broker(out=0, rxidle=3600.0, txidle=3600.0)), 10.0)
    watch.take(statistics(broker(out=1, rxidle=3600.5, txidle=0.01)), 10.5)
    assert watch.silent_s(10.5) is None
    limit_s = FETCH_S + SLACK_S
    watch.take(statistics(broker(out=1, rxidle=3602.0, txidle=limit_s + 0.01)), 10.5 + limit_s)
    silent = watch.silent_s(10.5 + limit_s)
    assert silent is not None
    assert limit_s <= silent < limit_s + 0.1


def test_one_broker_of_two_is_named_but_kafka_is_not_away() -> None:
    watch = BrokerWatch(FETCH_S)
    for at in (10.0, 11.0, 12.0):
        stopped = broker("k2:9092/2", rxidle=at - 9.9, txidle=at - 9.9)
        watch.take(statistics(broker(rx=int(at)), stopped), at)
    assert watch.silent_s(12.0) is None
    assert watch.reason == "k2:9092 does not answer"


def test_kafka_is_away_without_a_connection_once_that_lasts() -> None:
    watch = BrokerWatch(FETCH_S)
    watch.take(statistics(broker(state="TRY_CONNECT", out=0)), 10.0)
    assert watch.silent_s(10.0) is None
    watch.error("k1:9092: Connection refused")
    watch.take(statistics(broker(state="INIT", out=0)), 10.0 + DOWN_S)
    assert (watch.silent_s(10.0 + DOWN_S), watch.reason) == (DOWN_S, "k1:9092: Connection refused")
    watch.take(statistics(broker()), 12.0)
    assert watch.silent_s(12.0) is None


def test_what_cant_be_read_changes_nothing() -> None:
    watch = BrokerWatch(FETCH_S)
    watch.take("not JSON", 10.0)
    assert watch.silent_s(99.0) is None


def test_a_large_answer_that_still_arrives_is_no_silence() -> None:
    """`rx` counts whole answers; bytes of this one come all the time."""
    watch = BrokerWatch(FETCH_S)
    for turn in range(10):
        watch.take(statistics(broker(rx=5, rxidle=0.01, txidle=turn * 0.5)), turn * 0.5)
        assert watch.silent_s(turn * 0.5) is None

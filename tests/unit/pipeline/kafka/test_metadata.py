"""Options of consumers, and faults in them."""

import pytest

from ingest.config.sections import Kafka
from ingest.errors import ConfigError
from ingest.pipeline.kafka.client import Consumer, consumer_options
from ingest.pipeline.kafka.first_contact import topic_partitions


def test_an_option_that_librdkafka_does_not_know_is_a_fault_of_the_configuration() -> None:
    with pytest.raises(ConfigError, match=r"an\.option\.of\.tomorrow"):
        topic_partitions(Kafka(topic="predictions", options={"an.option.of.tomorrow": "x"}))


@pytest.mark.parametrize(
    "options",
    [{"message.max.bytes": 50_000_000}, {"message.max.bytes": "50000000"}, {"fetch.max.bytes": 1_500_000}, {}],
)
def test_the_users_sizes_go_with_ours(options: dict[str, str | bool | int | float]) -> None:
    made = consumer_options(Kafka(topic="predictions", options=options), 8)
    Consumer(made).close()  # librdkafka refuses a fetch that is smaller than the largest message
    assert options.items() <= made.items()

import pytest

from ingest.config import Kafka
from ingest.errors import ConfigError
from ingest.pipeline.cluster import topic_partitions


def test_an_option_that_librdkafka_does_not_know_is_a_fault_of_the_configuration() -> None:
    with pytest.raises(ConfigError, match=r"sasl\.mechansim"):
        topic_partitions(Kafka(topic="predictions", options={"sasl.mechansim": "PLAIN"}))

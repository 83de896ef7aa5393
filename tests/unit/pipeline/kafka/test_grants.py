"""The words about missing rights name the user, the group or topic, and the command that grants them."""

from ingest.config.sections import Kafka
from ingest.pipeline.kafka import grants
from ingest.pipeline.kafka.login import Login

KAFKA = Kafka(brokers="k:9092", topic="predictions", group="fraud")
ME = Login(sasl=True, user="me")


def test_a_missing_right_on_the_group_names_the_group_and_the_command() -> None:
    text = grants.no_group_right(KAFKA, ME)
    assert "no right READ on group fraud" in text
    assert "kafka-acls --add --allow-principal User:me --operation Read --group fraud" in text


def test_a_user_that_the_options_do_not_show_is_left_to_fill_in() -> None:
    assert "--allow-principal User:NAME --operation Read --topic predictions" in grants.no_topic_right(
        KAFKA, Login(tls=True), visible=True
    )


def test_a_topic_that_can_not_be_seen_may_also_not_exist() -> None:
    assert "or there is no such topic" in grants.no_topic_right(KAFKA, ME, visible=False)
    assert "or there is no such topic" not in grants.no_topic_right(KAFKA, ME, visible=True)


def test_a_topic_that_is_missing_names_those_like_it() -> None:
    assert "did you mean prediction or predictions.v2?" in grants.no_topic(KAFKA, ["prediction", "predictions.v2"])
    assert "has no such topic; check [kafka] topic" in grants.no_topic(KAFKA, [])

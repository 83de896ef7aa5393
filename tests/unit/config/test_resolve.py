"""Topics and routes are resolved: the base, then the topic's overlay, then the route's."""

import pickle

from ingest.config.resolve import RouteConfig
from tests.harness.config_file import THREE_ROUTES, TWO_TOPICS, loaded, topics


def routes(text: str) -> tuple[RouteConfig, ...]:
    """The routes of the only topic."""
    (topic,) = topics(text)
    return topic.routes


def test_without_topics_and_routes_there_is_one_of_each() -> None:
    config = loaded('[kafka]\ntopic = "t"\n')
    (topic,) = config.topics
    (route,) = topic.routes
    assert (topic.section, route.section, route.name, route.when, route.deliver) == ("", "", "", {}, True)
    for own in (topic, route):
        assert (own.kafka, own.batch, own.arize, own.schema) == (
            config.kafka,
            config.batch,
            config.arize,
            config.columns,
        )
        assert (own.delivery, own.dead_letters) == (config.delivery, config.dead_letters)
    assert (topic.account, topic.supervisor) == (config.account, config.supervisor)
    assert config.topics is config.topics


def test_the_keys_of_a_topic_win_over_the_base() -> None:
    predictions, outcomes = topics(TWO_TOPICS)
    assert (predictions.kafka.topic, outcomes.kafka.topic) == ("predictions", "out.comes")
    assert (predictions.supervisor.partitions, outcomes.supervisor.partitions) == ("0-31", "all")
    assert (predictions.schema.tags, outcomes.schema.tags) == (("region",), ())
    assert (predictions.schema.actual_label, outcomes.schema.actual_label) == ("actual_label", "outcome")
    assert (predictions.arize.model_name, outcomes.arize.model_name) == ("base", "late")
    assert outcomes.arize.space_id == "space"
    assert (predictions.batch.linger_s, outcomes.batch.linger_s) == (10.0, 60.0)
    assert (predictions.section, outcomes.section) == ("[topics.predictions]", '[topics."out.comes"]')
    assert pickle.loads(pickle.dumps(outcomes)) == outcomes


def test_routes_keep_the_order_of_the_file_and_the_types_of_their_values() -> None:
    fraud, heartbeat, rest = routes(THREE_ROUTES)
    assert (fraud.name, heartbeat.name, rest.name) == ("fraud", "a_heartbeat", "Rest")
    assert fraud.when == {"model": ("fraud",), "headers.env": ("prod", "canary-*")}
    assert (fraud.arize.model_name, fraud.arize.model_version) == ("base", "{release}")
    assert (fraud.schema.tags, rest.schema.tags) == (("card",), ())
    assert (fraud.deliver, heartbeat.deliver, rest.deliver) == (True, False, True)
    assert rest.when == {}
    assert (fraud.section, rest.section) == ("[routes.fraud]", "[routes.Rest]")
    assert pickle.loads(pickle.dumps(fraud)) == fraud
    (typed,) = routes('[routes.r]\nwhen = { v = [1, true, 1.0, "1", false, 0] }\n')
    assert [(type(value), value) for value in typed.when["v"]] == [
        (int, 1),
        (bool, True),
        (float, 1.0),
        (str, "1"),
        (bool, False),
        (int, 0),
    ]


def test_a_topic_s_own_routes_replace_the_common_ones() -> None:
    own = "[topics.a]\n[topics.b]\nroutes = {}\n[topics.c.routes.only]\nwhen = { x = 1 }\n"
    a, b, c = topics(THREE_ROUTES + own)
    assert [route.name for route in a.routes] == ["fraud", "a_heartbeat", "Rest"]
    assert [route.name for route in b.routes] == [""]
    assert [route.name for route in c.routes] == ["only"]
    assert [topic.routes[0].section for topic in (a, b, c)] == ["[routes.fraud]", "", "[topics.c.routes.only]"]


def test_the_keys_of_a_route_win_over_its_topic() -> None:
    text = TWO_TOPICS + '[routes.r.schema]\nactual_score = "s"\n[routes.r.arize]\nmodel_version = "2"\n'
    (_, outcomes) = topics(text)
    (route,) = outcomes.routes
    assert (route.schema.actual_label, route.schema.actual_score) == ("outcome", "s")
    assert (route.arize.model_name, route.arize.model_version) == ("late", "2")


def test_a_route_has_the_sections_of_its_topic() -> None:
    for topic in topics(TWO_TOPICS):
        assert [route.kafka.topic for route in topic.routes] == [topic.kafka.topic]
        assert [route.batch for route in topic.routes] == [topic.batch]

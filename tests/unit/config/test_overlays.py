import json
import os
import pickle
from pathlib import Path

import pytest

from ingest.config.checks import check_delivery
from ingest.config.load import load
from ingest.config.overlays import merge
from ingest.config.resolve import RouteConfig, TopicConfig
from ingest.config.schema import Ranking, Schema
from ingest.config.settings import Config
from ingest.errors import ConfigError

TWO_TOPICS = """
[schema]
tags = ["region"]
[arize]
model_name = "base"
space_id = "space"
[topics.predictions]
partitions = "0-31"
[topics."out.comes".schema]
actual_label = "outcome"
tags = []
[topics."out.comes".arize]
model_name = "late"
[topics."out.comes".batch]
linger_s = 60.0
"""
THREE_ROUTES = """
[arize]
model_name = "base"
[routes.fraud]
when = { model = "fraud", "headers.env" = ["prod", "canary-*"] }
[routes.fraud.arize]
model_version = "{release}"
[routes.fraud.schema]
tags = ["card"]
[routes.a_heartbeat]
when = { kind = "heartbeat" }
deliver = false
[routes.Rest]
"""


@pytest.fixture(autouse=True)
def _bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.upper().startswith(("INGEST_", "ARIZE_")):
            monkeypatch.delenv(name)


def loaded(text: str, **flags: dict[str, str]) -> Config:
    Path("given.toml").write_text(text)
    return load(Path("given.toml"), flags)


def topics(text: str, **flags: dict[str, str]) -> tuple[TopicConfig, ...]:
    return loaded(text, **flags).topics


def routes(text: str) -> tuple[RouteConfig, ...]:
    (topic,) = topics(text)
    return topic.routes


def faults(text: str, **flags: dict[str, str]) -> list[str]:
    with pytest.raises(ConfigError) as wrong:
        loaded(text, **flags)
    return wrong.value.faults


# --- what topics and routes make of it ------------------------------------------------------------


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


def test_each_topic_has_what_it_says_over_what_all_say() -> None:
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


def test_a_topic_s_own_routes_take_the_place_of_all_s() -> None:
    own = "[topics.a]\n[topics.b]\nroutes = {}\n[topics.c.routes.only]\nwhen = { x = 1 }\n"
    a, b, c = topics(THREE_ROUTES + own)
    assert [route.name for route in a.routes] == ["fraud", "a_heartbeat", "Rest"]
    assert [route.name for route in b.routes] == [""]
    assert [route.name for route in c.routes] == ["only"]
    assert [topic.routes[0].section for topic in (a, b, c)] == ["[routes.fraud]", "", "[topics.c.routes.only]"]


def test_a_route_is_laid_over_its_topic() -> None:
    text = TWO_TOPICS + '[routes.r.schema]\nactual_score = "s"\n[routes.r.arize]\nmodel_version = "2"\n'
    (_, outcomes) = topics(text)
    (route,) = outcomes.routes
    assert (route.schema.actual_label, route.schema.actual_score) == ("outcome", "s")
    assert (route.arize.model_name, route.arize.model_version) == ("late", "2")


def test_a_route_has_the_sections_of_its_topic() -> None:
    for topic in topics(TWO_TOPICS):
        assert [route.kafka.topic for route in topic.routes] == [topic.kafka.topic]
        assert [route.batch for route in topic.routes] == [topic.batch]


def test_tables_of_fixed_keys_are_laid_over_key_by_key_others_as_a_whole() -> None:
    base = Schema(ranking=Ranking(group="g", rank="r"), rename={"a": "b"}, tags=("x",))
    laid = merge(base, Schema(ranking=Ranking(rank="place"), rename={"c": "d"}))
    assert laid.ranking == Ranking(group="g", rank="place")
    assert (laid.rename, laid.tags) == ({"c": "d"}, ("x",))
    assert merge(base, Schema(tags=(), rename={})).tags == ()
    assert laid.model_fields_set == {"ranking", "rename", "tags"}
    assert merge(base, Schema()) == base


# --- flags and the environment --------------------------------------------------------------------


def test_a_topic_flag_chooses_one_and_partitions_are_then_its() -> None:
    (only,) = topics(TWO_TOPICS, kafka={"topic": "out.comes"}, supervisor={"partitions": "3"})
    assert (only.kafka.topic, only.supervisor.partitions, only.arize.model_name) == ("out.comes", "3", "late")
    assert faults(TWO_TOPICS, kafka={"topic": "outcomes"}) == [
        "--topic outcomes: no such [topics.*]; did you mean out.comes?"
    ]
    (fault,) = faults(TWO_TOPICS, supervisor={"partitions": "3"})
    assert fault.startswith("--partitions: of which of the topics predictions, out.comes?")


def test_one_topic_is_said_in_one_place() -> None:
    both = faults('[kafka]\ntopic = "x"\n[supervisor]\npartitions = "3"\n' + TWO_TOPICS)
    assert [fault.split(" exclude")[0] for fault in both] == [
        "[kafka] topic and [topics.*]",
        "[supervisor] partitions and [topics.*]",
    ]


def test_a_topic_in_the_environment_excludes_topics_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INGEST_KAFKA__TOPIC", "x")
    (fault,) = faults(TWO_TOPICS)
    assert "INGEST_KAFKA__TOPIC" in fault


def test_topics_and_routes_from_the_environment_take_the_place_of_the_file_s(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"B": {"when": {"model": "x"}, "arize": {"model_name": "m"}}, "a": {"when": {"n": [1, True]}}}
    monkeypatch.setenv("INGEST_ROUTES", json.dumps(given))
    monkeypatch.setenv("ingest_topics", '{"Only": {"partitions": "1-2"}}')
    (topic,) = topics(TWO_TOPICS + THREE_ROUTES.replace('[arize]\nmodel_name = "base"', ""))
    assert (topic.kafka.topic, topic.supervisor.partitions) == ("Only", "1-2")
    first, second = topic.routes
    assert (first.name, second.name, first.arize.model_name) == ("B", "a", "m")
    assert [type(value) for value in second.when["n"]] == [int, bool]


def test_parts_of_topics_and_routes_in_the_environment_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INGEST_ROUTES__FRAUD__DELIVER", "false")
    assert [fault for fault in faults("") if fault.startswith("INGEST_ROUTES__FRAUD__DELIVER: INGEST_ROUTES can't be")]
    monkeypatch.delenv("INGEST_ROUTES__FRAUD__DELIVER")
    monkeypatch.setenv("INGEST_TOPICS", "{predictions")
    (fault,) = faults("")
    assert fault.startswith("INGEST_TOPICS: not the JSON")


# --- faults ---------------------------------------------------------------------------------------


def test_every_fault_is_told_at_once_with_its_whole_section() -> None:
    found = faults(
        '[topics.b]\npartitons = "0"\n[topics.b.routes.f.arize]\nmodel_nam = "x"\nmodel_name = "{x"\n'
        '[topics."a b"]\n'
        '[routes.fraud]\ndelivr = 1\n[routes.fraud.arize]\nenvironment = "x"\n'
        '[routes.noise.schema.ranking]\nrnk = "s"\n[routes."w.x".schema]\ntag = []\n'
    )
    for beginning, end in (
        ("[topics.b] partitons: unknown key", "did you mean partitions?"),
        ("[topics.b.routes.f.arize] model_nam: unknown key", "did you mean model_name?"),
        ("[topics.b.routes.f.arize] model_name: position 1: ", "braces themselves"),
        ("[routes.fraud] delivr: unknown key", "did you mean deliver?"),
        ("[routes.fraud.arize] environment: Input should be 'production', 'training' or 'validation'", ""),
        ("[routes.noise.schema] ranking.rnk: unknown key", "did you mean rank?"),
        ('[routes."w.x".schema] tag: unknown key', "did you mean tags?"),
    ):
        assert [fault for fault in found if fault.startswith(beginning) and fault.endswith(end)], (beginning, found)


@pytest.mark.parametrize(
    ("text", "beginning"),
    [
        ('[topics."a b"]\n', '[topics]: "a b": no name of a Kafka topic'),
        ('[topics.".."]\n', '[topics]: "..": no name of a Kafka topic'),
        ('[routes.""]\n', "[routes]: one of them has no name"),
        ("[routes.a]\n[routes.b]\nwhen = { x = 1 }\n", "[routes]: b is never reached: a before it has no when"),
        ("[routes.a]\nwhen = { x = 1 }\ndeliver = false\n", "[routes]: none of them delivers anything"),
        (
            '[topics.t.routes.a]\ndeliver = false\nwhen = { x = 1 }\n[topics.t.routes.a.arize]\nmodel_name = "m"\n',
            "[topics.t.routes.a]: deliver = false sends nothing, so arize mean",
        ),
        ("[routes.a]\nwhen = 5\n", "[routes.a] when: a table of conditions is expected"),
        ("[routes.a.when]\nx = []\n", "[routes.a] when: x has no value"),
        ("[routes.a.when]\nx = [[1]]\n", "[routes.a] when: x takes a string, a number"),
        ("[routes.a.when]\nx = 2026-01-01\n", "[routes.a] when: x takes a string, a number"),
        ("[routes.a.when]\nx = nan\n", "[routes.a] when: x: JSON has no such number"),
        ("[routes.a.when]\npartition = '3'\n", "[routes.a] when: partition takes integers"),
        ("[routes.a.when]\npartition = true\n", "[routes.a] when: partition takes integers"),
        ("[routes.a.when]\nkey = 3\n", "[routes.a] when: key takes strings"),
        ("[routes.a.when]\n'headers.n' = 3\n", '[routes.a] when: "headers.n" takes strings'),
        ("[routes.a.when]\n'headers.' = 'x'\n", '[routes.a] when: "headers." is no path'),
        ("[routes.a.when]\n'' = 'x'\n", '[routes.a] when: "" is no path'),
        ('[arize]\nenvironment = "{{x}}"\n', "[arize] environment: Input should be"),
        ('[arize]\nmodel_version = "{}"\n', "[arize] model_version: position 1: write {field.path}"),
    ],
)
def test_what_means_nothing_is_a_fault(text: str, beginning: str) -> None:
    (fault,) = faults(text)
    assert fault.startswith(beginning)


def test_a_dotted_topic_without_quotes_is_told_how_to_write_it() -> None:
    (fault,) = faults("[topics.fraud.predictions]\n")
    assert fault.endswith("""in quotes: [topics."fraud.predictions"]""")


def test_what_can_t_be_said_together_is_judged_of_each_outcome_and_told_where_it_stands() -> None:
    # Alone, the base could not work: a ranking model without group and rank. Each route completes it but one.
    text = """
[arize]
model_type = "ranking"
[routes.good]
when = { m = 1 }
[routes.good.schema.ranking]
group = "g"
rank = "r"
[routes.half]
when = { m = 2 }
[routes.half.schema.ranking]
group = "g"
[routes.none]
when = { m = 3 }
deliver = false
"""
    assert faults(text) == ["[routes.half]: [schema] ranking.rank is missing: a prediction has a group and a rank"]
    several = '[topics.a]\n[topics.b.routes."x y".arize]\nmodel_type = "regression"\n[topics.c]\nroutes = {}\n'
    missing = "[schema] ranking.group and ranking.rank are missing: name the columns of a ranking model's predictions"
    assert faults(text + several) == [
        "[routes.half]: [schema] ranking.rank is missing: a prediction has a group and a rank",
        f"[topics.c]: {missing}",
    ]
    clash = '[topics.a.schema]\ntags = ["g"]\n[topics.b.schema]\ntags = ["g"]\n[topics.c.schema]\ntags = ["r"]\n'
    both = '[routes.r.schema.embeddings.e]\nvector = "g"\n[routes.s]\nwhen = { x = 1 }\n[topics.d]\n'
    both = both.replace("[routes.r.schema", "[routes.r]\nwhen = { x = 2 }\n[routes.r.schema")
    assert [fault.split(": ")[0] for fault in faults(clash + both)] == [
        "[topics.a] with [routes.r]",
        "[topics.b] with [routes.r]",
    ]


def test_an_environment_that_messages_say_is_judged_as_far_as_it_can_be() -> None:
    config = loaded('[arize]\nenvironment = "{headers.env}"\nbatch_id = "{batch}"\n')
    assert config.arize.environment == "{headers.env}"


def test_what_delivering_needs_may_come_from_the_overlay_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARIZE_API_KEY", "k")
    routed = """
[routes.a]
when = { m = "a" }
[routes.a.arize]
model_name = "a"
space_id = "{tenant}"
[routes.b]
when = { m = "b" }
[routes.b.arize]
space_id = "s"
[routes.c]
when = { m = "c" }
deliver = false
"""
    with pytest.raises(ConfigError) as wrong:
        check_delivery(loaded('[kafka]\ntopic = "t"\n' + routed))
    assert [fault.split(": name")[0] for fault in wrong.value.faults] == ["[routes.b]: [arize] model_name is missing"]
    check_delivery(loaded(TWO_TOPICS))
    with pytest.raises(ConfigError) as wrong:
        check_delivery(loaded(TWO_TOPICS + '[dead_letters]\ntopic = "out.comes"\n'))
    assert [fault.split(" is [kafka]")[0] for fault in wrong.value.faults] == [
        '[topics."out.comes"]: [dead_letters] topic'
    ]

"""A setting that can never act is a fault at start; one that acts for some messages, or in one route, is none."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.config.load import load
from ingest.config.patterns import covers, matcher
from ingest.errors import ConfigError


def faults(text: str, tmp_path: Path, **flags: Any) -> Sequence[str]:
    file = tmp_path / "ingest.toml"
    file.write_text(text)
    try:
        load(file, flags)
    except ConfigError as wrong:
        return wrong.faults
    return ()


NEVER = {
    "a tag that exclude drops": ('tags = ["region"]\nexclude = ["region"]', 'tags: "region" can never be in a row'),
    "a tag in an excluded object": ('tags = ["m.region"]\nexclude = ["m"]', 'tags: "m.region" can never be in a row'),
    "a pattern of tags that exclude drops": ('tags = ["m.*"]\nexclude = ["m"]', 'tags: "m.*" matches nothing'),
    "a tag that rename calls otherwise": (
        'tags = ["region"]\nrename = {region = "area"}',
        'tags: "region" can never be in a row: rename makes "area" of its key',
    ),
    "a role that a pattern moves": (
        'prediction_label = "label"\nrename = {"*" = "features.*", "prediction_*" = "prediction_*"}\n',
        'prediction_label: "label" can never be in a row',
    ),
    "the id that exclude drops": (
        'exclude = ["prediction_id"]',
        'prediction_id: "prediction_id" can never be in a row',
    ),
    "a pin of an excluded column": ('types = {age = "integer"}\nexclude = ["age"]', 'types: "age" can never be'),
    "a feature that exclude drops": ('features = ["age", "x"]\nexclude = ["a*"]', 'features: "age" can never be'),
    "a shap column that exclude drops": ('shap = {age = "s"}\nexclude = ["s"]', 'shap: "s" can never be'),
    "conflicts of an excluded column": ('conflicts = {age = "null"}\nexclude = ["age"]', 'conflicts: "age" can never'),
    "a hash of an excluded path": (
        'hash = ["user.mail"]\nexclude = ["user"]\nhash_key_file = "k"',
        'hash: "user.mail" is never hashed',
    ),
    "a rename of an excluded path": ('rename = {"a.*" = "*"}\nexclude = ["a"]', 'rename: "a.*" is never renamed'),
    "a rename of itself": ('rename = {a = "a"}', 'rename: "a" = "a" changes nothing'),
    "a pattern of itself": ('rename = {"a.*" = "a.*"}', 'rename: "a.*" = "a.*" changes nothing'),
    "a rename as its pattern": ('rename = {"p.*" = "*", "p.a" = "a"}', 'rename: "p.a" = "a" changes nothing'),
    "a shadowed rename": ('rename = {"p.*" = "*", "p.x.*" = "y.*"}', 'rename: "p.x.*" never acts'),
    "a shadowed type": ('types = {"a*" = "string", "ab*" = "integer"}', 'types: "ab*" never acts'),
    "a shadowed conflict": ('conflicts = {"*" = "null", "ab*" = "text"}', 'conflicts: "ab*" never acts'),
    "a covered tag": ('tags = ["m.*", "m.region"]', 'tags: "m.region" is covered by "m.*"'),
    "a tag twice": ('tags = ["a", "a"]', 'tags: "a" is covered by "a"'),
    "a covered exclude": ('exclude = ["user.mail", "user"]', 'exclude: "user.mail" is covered by "user"'),
    "a feature that is a tag": ('features = ["a", "b"]\ntags = ["a"]', 'features: "a" is a tag'),
    "a feature with a role": (
        'features = ["prediction_score", "b"]',
        'features: "prediction_score" is prediction_score',
    ),
    "unknown, everything a feature": ('features = ["*"]\nunknown = "ignore"', 'unknown = "ignore" never acts'),
    "unknown, everything pinned": ('types = {"*" = "string"}\nunknown = "dead_letter"', "unknown"),
    "unknown, everything text": ('conflicts = {"*" = "text"}\nunknown = "ignore"', "unknown"),
    "a key file without a hash": ('hash_key_file = "k"', "hash_key_file is set, but [schema] hash names nothing"),
    "a unit without a timestamp": ('timestamp = ""\ntimestamp_unit = "ms"', "timestamp_unit is set, but no timestamp"),
    "conflicts of a constant": ('constants = {v = "3"}\nconflicts = {v = "null"}', 'conflicts: "v" comes from'),
    "conflicts of a hash": ('hash = ["h"]\nhash_key_file = "k"\nconflicts = {h = "null"}', 'conflicts: "h" never'),
}


@pytest.mark.parametrize("name", NEVER)
def test_a_key_of_schema_that_can_never_act_is_a_fault(name: str, tmp_path: Path) -> None:
    text, words = NEVER[name]
    found = faults(f"[schema]\n{text}\n", tmp_path)
    assert [fault for fault in found if words in fault], found


OTHERS = {
    "base over max": ("[delivery]\nbase_backoff_s = 60.0", "[delivery] base_backoff_s = 60 never acts"),
    "base over max of restarts": ("[supervisor]\nbase_backoff_s = 60.0", "[supervisor] base_backoff_s = 60 never"),
    "a window without a share": ("[dead_letters]\nmax_share = 1.0\nwindow_events = 5", "window_events never acts"),
    "a run longer than the window": ("[dead_letters]\nmax_consecutive = 110_001", "max_consecutive = 110,001 never"),
    "adaptive for one": ("[arize]\nin_flight = 1\nadaptive = true", "[arize] adaptive can't change anything"),
    "two sources of an option": (
        '[kafka.options]\n"sasl.password" = "a"\n"sasl.password_file" = "f"',
        '"sasl.password" and "sasl.password_file" exclude each other',
    ),
    "an option that nothing reads": ('[kafka.options]\n"auto.commit.interval.ms" = 5', "would have no effect"),
    "queue_bytes": (
        '[kafka]\nqueue_bytes = 5\noptions = {"queued.max.messages.kbytes" = 9, "fetch.message.max.bytes" = 9}',
        "[kafka] queue_bytes never acts",
    ),
    "a route behind its like": (
        '[routes.a]\nwhen = {m = ["x*", "y"]}\n[routes.b]\nwhen = {m = "xy", r = "eu"}\n[routes.c]',
        "[routes.b] is never reached: [routes.a] before it takes all its messages",
    ),
    "routes that all topics replace": (
        "[routes.a]\n[topics.t.routes.x]\n[topics.u.routes.y]",
        "[routes.*] never act: every [topics.NAME] has routes of its own",
    ),
    "a route's own tag": (
        '[routes.a]\nwhen = {m = "x"}\nschema = {tags = ["r"], exclude = ["r"]}\n[routes.b]',
        '[routes.a]: [schema] tags: "r" can never be in a row',
    ),
    "a tag that no route can have": (
        '[schema]\ntags=["r"]\n[routes.a]\nwhen = {m = 1}\nschema.exclude = ["r"]\n[routes.b.schema]\nexclude = ["r"]',
        '[schema] tags: "r" can never be in a row',
    ),
    "tombstones of a route": (
        '[routes.a]\nwhen = {m = 1}\nschema.tombstones = "ignore"\n[routes.b]',
        "routes.a: [schema] tombstones never acts in a route",
    ),
    "a topic's own tag": (
        '[topics.t.schema]\ntags = ["r"]\nexclude = ["r"]\n[topics.u]',
        '[topics.t]: [schema] tags: "r" can never be in a row',
    ),
}


@pytest.mark.parametrize("name", OTHERS)
def test_another_setting_that_can_never_act_is_a_fault(name: str, tmp_path: Path) -> None:
    text, words = OTHERS[name]
    found = faults(text, tmp_path)
    assert [fault for fault in found if words in fault], found


FINE = {
    "a default that exclude drops": '[schema]\nexclude = ["prediction_score"]',
    "a pattern that exclude drops in part": '[schema]\ntags = ["m.*"]\nexclude = ["m.secret"]',
    "a tag from another key": '[schema]\ntags = ["region"]\nrename = {region = "old", area = "region"}',
    "a tag from a pattern": '[schema]\ntags = ["region"]\nexclude = ["region"]\nrename = {"p.*" = "*"}',
    "a pattern that exact entries exempt from": (
        '[schema]\nrename = {"*" = "f.*", prediction_id = "prediction_id", prediction_ts = "prediction_ts"}'
    ),
    "a tag that is a label too": '[schema]\ntags = ["prediction_*", "prediction_label"]',
    "an exception from a pattern": '[schema]\nconflicts = {age = "dead_letter", "*" = "null"}',
    "a narrow pattern before a wide one": '[schema]\ntypes = {"ab*" = "integer", "a*" = "string"}',
    "unknown with some features": '[schema]\nfeatures = ["f.*"]\nunknown = "ignore"',
    "defaults written out": '[kafka]\nstart = "earliest"\n[dead_letters]\nmax_share = 0.5\nmax_consecutive = 10_000',
    "a short maximum": "[delivery]\nmax_backoff_s = 0.1",
    "a run within the window": "[dead_letters]\nmax_consecutive = 20_000",
    "a base that acts in one route": (
        '[schema]\ntags = ["r"]\n[routes.a]\nwhen = {m = "x"}\nschema = {exclude = ["r"]}\n[routes.b]'
    ),
    "a base that acts in one topic": '[schema]\ntags = ["r"]\n[topics.t.schema]\nexclude = ["r"]\n[topics.u]',
    "routes that one topic replaces": "[routes.a]\n[topics.t.routes.x]\n[topics.u]",
    "routes that overlap": '[routes.a]\nwhen = {m = "x*"}\n[routes.b]\nwhen = {m = ["xy", "z"]}\n[routes.c]',
    "routes of other types": '[routes.a]\nwhen = {m = "1"}\n[routes.b]\nwhen = {m = 1}\n[routes.c]\nwhen = {m = true}',
}


@pytest.mark.parametrize("name", FINE)
def test_what_may_act_is_no_fault(name: str, tmp_path: Path) -> None:
    assert not faults(FINE[name], tmp_path)


def test_a_base_that_acts_in_a_topic_that_a_flag_leaves_out_is_no_fault(tmp_path: Path) -> None:
    assert not faults(FINE["a base that acts in one topic"], tmp_path, kafka={"topic": "t"})


PATTERNS = st.text("ab.*", max_size=5)


@given(st.lists(PATTERNS, max_size=3), PATTERNS, st.lists(st.text("ab.", max_size=3), max_size=4))
def test_a_pattern_is_covered_only_if_all_its_paths_are(patterns: list[str], pattern: str, fills: list[str]) -> None:
    if covers(patterns, pattern):
        for fill in [*fills, "", "a", ".b", "a.b"]:
            path = pattern.replace("*", fill)
            for under in (path, f"{path}.x"):
                assert matcher(patterns).fullmatch(under)


@given(st.lists(PATTERNS, min_size=1, max_size=3), PATTERNS)
def test_a_pattern_that_is_not_covered_has_a_path_that_is_not(patterns: list[str], pattern: str) -> None:
    if not covers(patterns, pattern):
        assert not matcher(patterns).fullmatch(re.sub(r"\*", "zq", pattern))

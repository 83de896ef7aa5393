"""Overlays are merged key by key, and overlays that could have no effect are faults."""

import pytest

from ingest.config.overlays import merge
from ingest.config.schema import Ranking, Schema
from tests.harness.config_file import faults_of


def test_subsections_of_fixed_keys_are_merged_key_by_key_and_other_tables_as_a_whole() -> None:
    base = Schema(ranking=Ranking(group="g", rank="r"), rename={"a": "b"}, tags=("x",))
    laid = merge(base, Schema(ranking=Ranking(rank="place"), rename={"c": "d"}))
    assert laid.ranking == Ranking(group="g", rank="place")
    assert (laid.rename, laid.tags) == ({"c": "d"}, ("x",))
    assert merge(base, Schema(tags=(), rename={})).tags == ()
    assert laid.model_fields_set == {"ranking", "rename", "tags"}
    assert merge(base, Schema()) == base


@pytest.mark.parametrize(
    ("text", "beginning"),
    [
        ('[topics."a b"]\n', '[topics."a b"]: not the name of a topic'),
        ('[topics.".."]\n', '[topics.".."]: not the name of a topic'),
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
        ("[routes.a.when]\n'headers.' = 'x'\n", '[routes.a] when: "headers." is not the path'),
        ("[routes.a.when]\n'' = 'x'\n", '[routes.a] when: "" is not the path'),
        ('[arize]\nenvironment = "{{x}}"\n', '[arize] environment: "production"'),
        ('[arize]\nmodel_version = "{}"\n', "[arize] model_version: position 1: write {field.path}"),
    ],
)
def test_overlays_without_effect_are_faults(text: str, beginning: str) -> None:
    (fault,) = faults_of(text)
    assert fault.startswith(beginning)

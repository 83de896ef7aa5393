"""`ingest test` judges example messages as a worker does, shows each difference, and writes what is with --update."""

import base64
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from ingest.commands.test.cases import _EXPECT, _FILE, _MESSAGE, GROUPS, read
from ingest.commands.test.run import AS_EXPECTED, NOT_AS_EXPECTED, run
from ingest.config.load import load
from ingest.config.settings import Config
from ingest.errors import ConfigError
from ingest.pipeline.arize.roles import RESERVED
from ingest.pipeline.decoding.compiled import fault_of_fast_lane
from tests.harness.format_examples import DIRECTORY, NAMES, NOW_S, example

ROOT = Path(__file__).parents[4]
CONFIG = '[arize]\nmodel_name = "loans"\n[schema]\ntags = ["region"]\n'
MESSAGE = """\
now = 2026-11-28T00:00:00Z

# the first
[[message]]
name = "approve"
value = '''
{"prediction_id": "a", "prediction_ts": 1784517300, "prediction_label": "yes", "region": "eu", "user": {"age": 3}}'''
"""


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("ingest.toml").write_text(CONFIG)


def result_of(text: str, name: str = "m.toml", *, write: bool = False, code: int | None = None) -> str:
    Path(name).write_text(text)
    stream = io.StringIO()
    found = run([Path(name)], loaded, write=write, json=False, stream=stream)
    assert code is None or found == code, stream.getvalue()
    return stream.getvalue()


def loaded(files: Sequence[Path], lane: str) -> Config:
    return load(files or None, {"batch": {"lane": lane}})


# --- what agrees, and what does not ----------------------------------------------------------------


@pytest.mark.parametrize(
    "expect",
    [
        'row = { prediction_id = "a" }',
        "row = { timestamp = 2026-07-20T03:15:00Z }",
        'row = { timestamp = "2026-07-20T05:15:00+02:00" }',
        "row = { timestamp = 1784517300 }",
        "row = { timestamp = 1784517300000 }",
        "row = { features = { user = { age = 3.0 } } }",
        'row = { features = { "user.age" = 3 }, tags = { region = "eu" } }',
        'row = { columns = { region = "eu", "user.age" = 3 } }',
        'row = { prediction_id = "a" }\nmodel_name = "loans"\nenvironment = "production"',
        'rows = [{ prediction_id = "a" }]',
        (
            'complete = true\nrow = { prediction_id = "a", timestamp = 1784517300, prediction_label = "yes", '
            'columns = { region = "eu" }, features = { "user.age" = 3 } }'
        ),
    ],
)
def test_a_row_agrees_with_what_is_named_of_it(expect: str) -> None:
    assert "all as expected" in result_of(f"{MESSAGE}[message.expect]\n{expect}\n", code=AS_EXPECTED)


@pytest.mark.parametrize(
    ("expect", "where", "expected", "found"),
    [
        ('row = { prediction_label = "no" }', "prediction_label", '"no"', '"yes"'),
        ("row = { timestamp = 1784517301 }", "timestamp", "2026-07-20T03:15:01Z", "2026-07-20T03:15:00Z"),
        ("row = { features = { user = { age = 4 } } }", "features.user.age", "4", "3"),
        ("row = { features = { user = { age = true } } }", "features.user.age", "true", "3"),
        ('row = { features = { region = "eu" } }', "features.region", '"eu"', "absent"),
        ("row = { actual_label = 1 }", "actual_label", "1", "absent"),
        ('reason = "not_json"', "outcome", "a dead letter: not_json", "a row"),
        ("filtered = true", "filtered", "true", "a row"),
        ("rows = [{}, {}]", "rows", "2", "1"),
        ('row = {}\nroute = "fraud"', "route", '"fraud"', "none"),
        ('row = {}\nmodel_name = "other"', "model_name", '"other"', '"loans"'),
        ('complete = true\nrow = { prediction_id = "a" }', "tags.region", "absent", '"eu"'),
    ],
)
def test_a_difference_is_shown_with_both_sides(expect: str, where: str, expected: str, found: str) -> None:
    shown = result_of(f"{MESSAGE}[message.expect]\n{expect}\n", code=NOT_AS_EXPECTED)
    lines = shown.splitlines()
    assert lines[0] == 'm.toml:4: message 1 "approve" is not as expected'
    at = next(number for number, line in enumerate(lines) if line.split()[0] == where)
    assert lines[at].split("expected  ")[1] == expected
    assert lines[at + 1].split("but is    ")[1].startswith(found)
    assert lines[-1].endswith("1 not as expected")


def test_reasons_routes_tombstones_and_samples_are_outcomes() -> None:
    Path("ingest.toml").write_text(
        CONFIG.replace("[schema]", '[schema]\ntombstones = "ignore"')
        + '[routes.fraud]\nwhen = { kind = "f" }\n[routes.none]\nwhen = { kind = "n" }\ndeliver = false\n'
    )
    messages: list[dict[str, Any]] = [
        {"value": "{", "expect": {"reason": "not_json"}},
        {"value": {"kind": "f", "prediction_id": "a"}, "expect": {"reason": "no_prediction", "route": "fraud"}},
        {"value": {"kind": "n"}, "expect": {"filtered": True, "route": "none"}},
        {"value": {"kind": "x"}, "expect": {"reason": "no_route"}},
        {"value": None, "expect": {"tombstone": True}},
        {"value_base64": "/w==", "expect": {"reason": "not_json"}},
    ]
    text = "".join(json.dumps(each) + "\n" for each in messages)
    assert "all as expected" in result_of(text, "m.jsonl", code=AS_EXPECTED)
    wrong = text.replace("no_route", "not_json").replace('"tombstone": true', '"filtered": true')
    assert "2 not as expected" in result_of(wrong, "m.jsonl", code=NOT_AS_EXPECTED)
    result_of(wrong, "m.jsonl", write=True, code=AS_EXPECTED)
    assert [json.loads(line) for line in Path("m.jsonl").read_text().splitlines()] == messages


def test_every_message_is_judged_alone_whatever_came_before() -> None:
    rows: list[dict[str, Any]] = [
        {"prediction_id": f"{n}", "prediction_ts": 1784517300, "prediction_label": "a", "x": x}
        for n, x in ((1, 1), (2, "t"))
    ]
    text = '{"now": "2026-11-28T00:00:00Z"}\n' + "".join(
        json.dumps({"value": row, "expect": {"row": {"features": {"x": row["x"]}}}}) + "\n" for row in rows
    )
    assert "2 messages" in result_of(text, "m.jsonl", code=AS_EXPECTED)


def test_without_anything_expected_a_test_fails() -> None:
    assert "expect is missing: the message is a row; --update writes it" in result_of(MESSAGE, code=NOT_AS_EXPECTED)


def test_the_file_names_its_configuration_and_both_lanes_are_judged() -> None:
    Path("other.toml").write_text('[schema]\nprediction_id = "nothing"\n')
    text = f'config = ["ingest.toml", "other.toml"]\n{MESSAGE}expect = {{ reason = "missing_column" }}\n'
    shown = result_of(text, code=AS_EXPECTED)
    lanes = "in lane orjson, as the fast lane is not installed" if fault_of_fast_lane() else "in lanes orjson and fast"
    assert lanes in shown


# --- --update --------------------------------------------------------------------------------------


def test_update_writes_what_is_and_keeps_the_rest_of_the_file() -> None:
    text = (
        f'{MESSAGE}\n[message.expect.row]\nprediction_id = "b"  # wrong\n\n# the second\n[[message]]\nvalue = "{{"\n'
        'expect = { reason = "not_jsn" }\n\n# the third agrees\n[[message]]\nvalue = "[]"\n'
        '[message.expect]\nreason = "not_an_object" # stays\n'
    )
    result_of(text, write=True, code=AS_EXPECTED)
    new = Path("m.toml").read_text()
    for kept in ("# the first\n", "# the second\n", "# the third agrees\n", 'reason = "not_an_object" # stays\n'):
        assert kept in new
    assert new.startswith(MESSAGE)
    assert "not_jsn" not in new
    assert 'features = { "user.age" = 3 }' in new
    assert "all as expected" in result_of(new, code=AS_EXPECTED)
    assert Path("m.toml").read_text() == new
    assert sorted(path.name for path in Path.cwd().iterdir()) == ["ingest.toml", "m.toml"]


def test_update_refuses_what_it_can_not_change_alone() -> None:
    text = 'message = [{ value = "{", expect = { reason = "x" } }]\n'
    with pytest.raises(ConfigError, match="can't change it safely"):
        result_of(text, write=True)
    assert Path("m.toml").read_text() == text


# --- files that can't be used ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[[message]]\n", "m.toml:1: message 1: write one of value, value_file, value_base64, tombstone"),
        ('[[message]]\nvalue = ""\ntombstone = true\n', "not value and tombstone"),
        ('[[message]]\nvalu = ""\nvalue = ""\n', 'a message has no key "valu"; did you mean value?'),
        ('\n[[message]]\nvalue = ""\nexpect = { reasn = "x" }\n', 'm.toml:2: message 1: expect: it has no key "reasn"'),
        ('[[message]]\nvalue = ""\nexpect = { row = { label = 1 } }\n', 'a row has no key "label"'),
        ('[[message]]\nvalue = ""\nexpect = { route = "x" }\n', "expect: write one of row, rows, reason"),
        ('[[message]]\nvalue_file = "none.bin"\n', "value_file: there is no such file"),
        ('[[message]]\nvalue_base64 = "?"\n', "value_base64: base64 is expected"),
        ("[[message]]\nvalue = { at = 2026-01-01 }\n", "value: JSON has no times"),
        ('[[message]]\nvalue = ""\ntimestamp = "soon"\n', "timestamp: a time is expected"),
        ("now = 1\n", "there is no message in it"),
        ('nwo = 1\n[[message]]\nvalue = ""\n', 'the file has no key "nwo"; did you mean now?'),
        ("[[message]\n", "not valid TOML: at line 1"),
    ],
)  # fmt: skip
def test_a_fault_of_a_file_is_named_with_its_line(text: str, fault: str) -> None:
    with pytest.raises(ConfigError) as refused:
        result_of(text)
    assert fault in str(refused.value)


def test_a_topic_must_be_named_where_there_are_several() -> None:
    Path("ingest.toml").write_text('[arize]\nmodel_name = "m"\n[topics.rides]\n[topics.fares]\n')
    message = {"value": "{", "expect": {"reason": "not_json"}}
    with pytest.raises(ConfigError, match="topic is missing; the configured ones are rides, fares"):
        result_of(json.dumps(message), "m.jsonl")
    result_of(json.dumps({**message, "topic": "fares"}), "m.jsonl", code=AS_EXPECTED)


def test_every_source_of_a_message_is_read() -> None:
    Path("a.bin").write_bytes(b"\x00\x01")
    Path("m.toml").write_text(
        '[[message]]\nvalue_file = "a.bin"\nkey = "k"\nheaders = { trace = "t" }\ntimestamp = 2026-01-01T00:00:00Z\n'
        '[[message]]\nvalue = { a = 1 }\nkey_base64 = "/w=="\nheaders = [["a", "b"], ["a", { base64 = "/w==" }]]\n'
        "[[message]]\ntombstone = true\noffset = 7\n"
    )
    one, two, three = read(Path("m.toml")).cases
    assert (one.message.value(), one.message.key(), one.message.headers()) == (b"\x00\x01", b"k", [("trace", b"t")])
    assert one.timestamp_ms == 1_767_225_600_000
    assert (two.message.value(), two.message.key()) == (b'{"a": 1}', b"\xff")
    assert two.message.headers() == [("a", b"b"), ("a", b"\xff")]
    assert (three.message.value(), three.message.offset()) == (None, 7)


# --- the examples of the formats ---------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in NAMES if name != "sampled"])
def test_the_examples_of_the_formats_can_be_tested(name: str) -> None:
    found = example(name)
    lines: list[dict[str, Any]] = [{"now": int(NOW_S * 1000)}]
    lines += [
        {
            **({"tombstone": True} if (value := message.value()) is None else {"value_base64": _base64(value)}),
            "headers": [[key, text.decode()] for key, text in message.headers() or () if isinstance(text, bytes)],
            **({} if (key := message.key()) is None else {"key_base64": _base64(key)}),
            "offset": message.offset(),
            "timestamp": message.timestamp()[1] if message.timestamp()[1] >= 0 else int(NOW_S * 1000),
        }
        for message in found.messages
    ]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    config = (DIRECTORY / name / "ingest.toml").read_text()
    Path("ingest.toml").write_text(config)
    result_of(text, "m.jsonl", write=True, code=AS_EXPECTED)
    written = Path("m.jsonl").read_text()
    assert "all as expected" in result_of(written, "m.jsonl", code=AS_EXPECTED)
    expects = [json.loads(line)["expect"] for line in written.splitlines()[1:]]
    rows = sum(len(each.get("rows", [each["row"]] if "row" in each else [])) for each in expects)
    assert rows == len(found.expected.rows)
    dead = {at: each["reason"] for at, each in enumerate(expects) if "reason" in each}
    assert dead == found.expected.dead_letters
    assert sum("tombstone" in each for each in expects) == found.expected.tombstones


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()


# --- the documents -----------------------------------------------------------------------------------


def test_the_example_of_the_documents_is_as_it_says() -> None:
    page = (ROOT / "docs" / "how-to" / "test-a-mapping.md").read_text()
    shown = page.split("```text\n")[1].split("```")[0]
    text = page.split("```toml\n")[1].split("```")[0]
    assert "all as expected" in result_of(text, "mapping.toml", code=AS_EXPECTED)
    wrong = result_of(text.replace("age = 3 } }\n", "age = 4 } }\n"), "mapping.toml", code=NOT_AS_EXPECTED)
    assert wrong.splitlines()[0] == shown.splitlines()[0]
    assert wrong.splitlines()[1:3] == shown.splitlines()[1:3]


def test_every_key_of_a_file_is_in_the_documents() -> None:
    page = (ROOT / "docs" / "how-to" / "test-a-mapping.md").read_text()
    keys = (*_MESSAGE, *_EXPECT, *_FILE, *RESERVED, *GROUPS)
    assert [key for key in keys if f"`{key}`" not in page and f"`{key} = true`" not in page] == []

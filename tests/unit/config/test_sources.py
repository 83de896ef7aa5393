"""Files, variables and flags are merged by precedence, and every value knows where it was written."""

from pathlib import Path

import pytest

from ingest.config.load import load, load_with_sources
from ingest.errors import ConfigError
from tests.harness.config_file import placed_faults


def write(name: str, text: str) -> Path:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_a_later_file_takes_precedence_key_by_key() -> None:
    base = write(
        "base.toml", '[kafka]\nbrokers = "a"\ngroup = "g"\n[kafka.options]\nx = 1\ny = 1\n[schema]\ntags = ["a"]\n'
    )
    over = write("over.toml", '[kafka]\nbrokers = "b"\n[kafka.options]\ny = 2\n[schema]\ntags = []\n')
    config = load([base, over])
    assert (config.kafka.brokers, config.kafka.group, config.kafka.options) == ("b", "g", {"x": 1, "y": 2})
    assert config.columns.tags == ()
    assert load([over, base]).kafka.brokers == "a"


def test_a_later_file_adds_topics_and_keys_of_topics_and_replaces_the_routes(monkeypatch: pytest.MonkeyPatch) -> None:
    base = write("base.toml", '[topics.a]\npartitions = "1"\n[routes.r]\nwhen = { x = 1 }\n[routes.s]\n')
    over = write("over.toml", "[topics.b]\n[topics.a.batch]\nmax_events = 5\n[routes.t]\n")
    config = load([base, over])
    assert list(config.topic_overlays) == ["a", "b"]
    assert (config.topics[0].supervisor.partitions, config.topics[0].batch.max_events) == ("1", 5)
    assert list(config.route_overlays) == ["t"]
    monkeypatch.setenv("INGEST_TOPICS", '{"c": {}}')
    assert list(load([base, over]).topic_overlays) == ["c"]


def test_the_environment_names_the_files(monkeypatch: pytest.MonkeyPatch) -> None:
    write("base.toml", '[kafka]\ntopic = "base"\n')
    write("over.toml", '[kafka]\ntopic = "over"\n')
    write("ingest.toml", '[kafka]\ntopic = "default"\n')
    monkeypatch.setenv("INGEST_CONFIG", "base.toml:over.toml")
    assert load().kafka.topic == "over"
    assert load(Path("base.toml")).kafka.topic == "base"
    monkeypatch.setenv("INGEST_CONFIG", "gone.toml")
    assert placed_faults() == ["gone.toml: no such file; INGEST_CONFIG names a TOML file"]


def test_paths_of_a_file_are_relative_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(
        "conf/ingest.toml",
        '[arize]\napi_key_file = "key"\n[dead_letters]\ndirectory = "../letters"\n[account]\ndirectory = ""\n'
        '[kafka.options]\nsasl.password_file = "/run/secret"\nssl.ca.location = "ca.pem"\n'
        '[schema.rename]\nmy_file = "x_file"\n[topics.a.schema]\nhash = ["x"]\nhash_key_file = "hash"\n',
    )
    config = load(path)
    assert config.arize.api_key_file == Path("conf/key")
    assert config.dead_letters.directory == Path("conf/../letters")
    assert config.account.directory == ""
    assert config.kafka.options == {"sasl.password_file": "/run/secret", "ssl.ca.location": "conf/ca.pem"}
    assert config.columns.rename == {"my_file": "x_file"}
    assert config.topics[0].schema.hash_key_file == Path("conf/hash")
    monkeypatch.setenv("INGEST_DEAD_LETTERS__DIRECTORY", "here")
    assert load(path).dead_letters.directory == Path("here")


def test_a_tilde_is_the_home_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    config = load(
        write("ingest.toml", '[dead_letters]\ndirectory = "~/letters"\n[kafka.options]\n"ssl.ca.location" = "~/ca"\n')
    )
    assert config.dead_letters.directory == Path("/home/somebody/letters")
    assert config.kafka.options == {"ssl.ca.location": "/home/somebody/ca"}
    assert load(None, {"dead_letters": {"directory": Path("~/x")}}).dead_letters.directory == Path("/home/somebody/x")


def test_a_byte_order_mark_is_no_fault_and_utf_16_is_named() -> None:
    Path("ingest.toml").write_bytes(b'\xef\xbb\xbf[kafka]\ntopic = "t"\n')
    assert load().kafka.topic == "t"
    Path("ingest.toml").write_bytes('[kafka]\ntopic = "t"\n'.encode("utf-16"))
    assert placed_faults() == ["ingest.toml: not valid TOML: it is not UTF-8, but looks like UTF-16; save it as UTF-8"]


def test_every_fault_names_where_its_value_was_written(monkeypatch: pytest.MonkeyPatch) -> None:
    write(
        "ingest.toml",
        '\n[supervisor]\nworkers = 0\n[schema]\n\ntags = ["a_shap"]\nhash = ["x"]\n[routes.r.arize]\nmodel_nam = 1\n',
    )
    monkeypatch.setenv("INGEST_ARIZE__TIMEOUT_S", "soon")
    found = placed_faults(None, {"supervisor": {"partitions": "3-1"}})
    assert {fault.rpartition(" (")[2] for fault in found} == {
        "ingest.toml:3)",
        "INGEST_ARIZE__TIMEOUT_S)",
        "ingest.toml:9)",
    }
    write("ingest.toml", '[schema]\n\ntags = ["a_shap"]\nhash = ["x"]\n')
    monkeypatch.delenv("INGEST_ARIZE__TIMEOUT_S")
    found = placed_faults(None, {"supervisor": {"partitions": "3-1"}})
    assert {fault.rpartition(" (")[2] for fault in found} == {"ingest.toml:3)", "ingest.toml:4)", "--partitions)"}


def test_the_place_is_that_of_the_source_that_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    base = write("base.toml", '[kafka]\nbrokers = "a"\ntopic = "t"\n[kafka.options]\nsecurity.protocol = "SSL"\n')
    over = write("over.toml", '\n[kafka]\nbrokers = "b"\n')
    monkeypatch.setenv("INGEST_KAFKA__GROUP", "g")
    sources = load_with_sources([base, over], {"kafka": {"topic": "flag"}}).sources
    assert sources.place(("kafka", "brokers")) == "over.toml:3"
    assert sources.place(("kafka", "topic")) == "--topic"
    assert sources.place(("kafka", "group")) == "INGEST_KAFKA__GROUP"
    assert sources.place(("kafka", "options", "security.protocol")) == "base.toml:5"
    assert not sources.has(("batch", "linger_s"))


def test_a_number_is_a_text_only_where_the_key_takes_texts() -> None:
    file = write(
        "n.toml",
        '[kafka]\ntopic = "t"\n[arize]\nmodel_version = 1.10\n[schema.constants]\nmodel_version = 1.5\n'
        "[routes.new]\nwhen = { model_version = 2.0 }\n[routes.rest]\n",
    )
    config = load(file)
    assert config.arize.model_version == "1.10"
    assert config.columns.constants == {"model_version": 1.5}
    assert [*config.route_overlays["new"].when.values()] == [(2.0,)]


def test_no_part_of_a_secret_is_in_a_fault() -> None:
    file = write("s.toml", '[kafka.options]\n"sasl.password" = "Sec${HunterTwo}ret"\n')
    with pytest.raises(ConfigError) as wrong:
        load(file)
    assert "HunterTwo" not in str(wrong.value)
    assert "$${ is a literal ${" in str(wrong.value)

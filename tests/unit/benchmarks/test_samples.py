"""How samples become figures, and what a setup gives its workers."""

from pathlib import Path

from benchmarks.samples import Samples
from benchmarks.supervise import Setup
from ingest.config.load import load


def test_samples_of_one_case_and_name_are_one_figure_and_cases_stay_together_in_their_order() -> None:
    samples = Samples("part", "benchmarks/run --part part")
    samples.take("b", "rate", "1/s", 1.0, "more")
    samples.take("a", "rate", "1/s", 2.0, "more")
    samples.take("b", "cost", "s", 3.0)
    samples.take("b", "rate", "1/s", 4.0, "more")
    found = [(figure.key, figure.samples, figure.better) for figure in samples.outcome().figures]
    assert found == [
        (("part", "b", "rate"), (1.0, 4.0), "more"),
        (("part", "b", "cost"), (3.0,), "less"),
        (("part", "a", "rate"), (2.0,), "more"),
    ]


def test_a_setup_is_a_configuration_that_ingest_takes(tmp_path: Path) -> None:
    file = tmp_path / "ingest.toml"
    setup = Setup(workers=3, partitions=8, batch_events=1_000, in_flight=4, linger_s=0.5, embedding=True)
    file.write_text(setup.toml("localhost:9092", "events", "group", tmp_path))
    loaded = load(file)
    assert (loaded.batch.max_events, loaded.batch.linger_s, loaded.arize.in_flight) == (1_000, 0.5, 4)
    assert loaded.columns.embeddings["text"].vector == "text_vector"
    assert sorted(partition for share in setup.shares for partition in share) == list(range(8))
    assert len(setup.shares) == 3

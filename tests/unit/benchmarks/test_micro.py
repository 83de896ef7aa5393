"""From pytest-benchmark's JSON to figures."""

import pytest

from benchmarks.parts.micro import SAMPLES, figure, samples


def test_a_test_becomes_a_figure_per_message() -> None:
    found = figure(
        {
            "group": "messages",
            "name": "test_decode[fast]",
            "extra_info": {"calls": 5_000, "of": "message"},
            "stats": {"data": [0.05, 0.06, 0.07]},
        },
        "benchmarks/run --part micro",
    )
    assert found.key == ("micro", "messages", "decode, fast")
    assert found.unit == "CPU µs a message"
    assert found.samples == pytest.approx((10.0, 12.0, 14.0))


def test_samples_are_medians_of_stretches_in_order() -> None:
    rounds = [float(each // 100) for each in range(100 * SAMPLES)]
    rounds[50] = 1e9
    assert samples(rounds) == tuple(map(float, range(SAMPLES)))
    assert len(samples([1.0] * (SAMPLES + 7))) == SAMPLES

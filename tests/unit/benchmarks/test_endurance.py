"""What an hour at full load comes to, from counters that are read once a minute."""

from benchmarks.parts.endurance import Reading, told


def readings(rates: list[int], megabytes: list[int]) -> list[Reading]:
    found = [Reading(0.0, 0, 0.0, 0)]
    for rate, memory in zip(rates, megabytes, strict=True):
        before = found[-1]
        stored = before.stored + 60 * rate
        found.append(Reading(before.at_s + 60.0, stored, stored * 4e-6, memory * 10**6))
    return found


def test_slices_are_samples_and_the_warm_up_is_left_out() -> None:
    outcome = told(readings([1, 100, 100, 100, 100, 100, 50], [1, 300, 300, 300, 300, 300, 330]), "again", warm=1)
    by_name = {figure.name: figure for figure in outcome.figures}
    assert by_name["events/s"].samples == (100.0, 100.0, 100.0, 100.0, 100.0, 50.0)
    assert by_name["events/s: last sixth / first"].samples == (0.5,)
    assert by_name["memory, PSS of the whole tree: last sixth / first"].median == 1.1
    assert all(round(cost, 9) == 0.4 for cost in by_name["CPU s per 100,000 events"].samples)
    (rate, *_) = outcome.curves
    assert rate.points[0] == (2.0, 100.0)
    assert {figure.command for figure in outcome.figures} == {"again"}

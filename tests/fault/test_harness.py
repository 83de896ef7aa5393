"""The checks can fail: for each bug planted into the real product exactly its invariant is reported broken."""

from collections.abc import Callable, Sequence

from ingest.errors import ExitCode
from ingest.sandbox.fault_injection import Fault
from tests.harness.invariants import Finding
from tests.harness.rig import Rig


def broken(findings: Sequence[Finding]) -> set[str]:
    return {finding.invariant for finding in findings}


def test_a_commit_before_the_answer_breaks_i2(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=1)
    main.produce(1_000)
    main.endpoint.inject_faults("status", status=503)
    with main.sampled():
        run = main.start(plant="commits_before_the_answer")
        run.until_event("upload_retried", count=2)
        run.until(lambda: bool(main.samples.early))
        main.endpoint.clear_faults()
        assert run.wait() == ExitCode.DONE
    assert broken(main.findings()) == {"I2"}


def test_an_answer_that_passes_an_earlier_one_breaks_i2(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=1)
    main.produce(2_000)
    main.endpoint.inject_faults("status", status=503, column="seq", value=0)  # the first batch alone
    with main.sampled():
        run = main.start(plant="later_answers_pass_earlier_ones")
        run.until(lambda: bool(main.samples.early))
        main.endpoint.clear_faults()
        assert run.wait() == ExitCode.DONE
    assert broken(main.findings()) == {"I2"}


def test_a_redirect_that_counts_as_an_answer_breaks_i1(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=1)
    main.produce(2_000)
    main.endpoint.inject_faults("redirect", status=302, count=1)
    run = main.start(plant="follows_redirects")
    assert run.wait() == ExitCode.DONE
    assert broken(main.findings()) == {"I1"}


def test_a_swallowed_dead_letter_breaks_i1(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=1)
    main.produce(1_000, bad_share=0.02)
    run = main.start(plant="swallows_a_dead_letter")
    assert run.wait() == ExitCode.DONE
    assert broken(main.findings()) == {"I1"}


def test_an_ignored_error_of_kafka_breaks_i1(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=1)
    main.produce(2_000)
    run = main.start(until_end=False, plant="ignores_errors")
    run.until(lambda: main.committed_at(0) == 2_001)
    main.produce(500)
    run.until(lambda: main.committed_at(0) == 2_501)
    run.kill()
    assert broken(main.findings(done=False)) == {"I1"}


def test_sending_twice_breaks_i3(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=1)
    main.produce(1_000)
    run = main.start(plant="sends_twice")
    assert run.wait() == ExitCode.DONE
    assert broken(main.findings()) == {"I3"}


def test_a_changed_value_breaks_i4(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=1)
    main.produce(1_000)
    run = main.start(plant="changes_a_value")
    assert run.wait() == ExitCode.DONE
    assert broken(main.findings()) == {"I4"}


def test_counting_over_gaps_never_reaches_the_end(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=1)
    main.produce(1_000)
    main.delete_records(0, 500)
    run = main.start(plant="counts_over_gaps")
    assert run.wait() == ExitCode.DRAIN_DEADLINE  # the account sees it too
    assert broken(main.findings()) == {"END"}


def test_a_row_that_nobody_produced_breaks_i4(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=1)
    main.produce(500)
    main.truth.offsets[0][7] = -1
    assert main.start().wait() == ExitCode.DONE
    assert broken(main.findings()) == {"I4"}


def test_a_damaged_endpoint_answer_is_a_duplicate_and_is_counted(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=1)
    main.produce(1_000)
    main.endpoint.inject_faults([Fault(kind="truncate", count=1)])
    assert main.start().wait() == ExitCode.DONE
    assert broken(main.findings()) == {"I3"}
    assert main.findings(most_duplicates=500) == []

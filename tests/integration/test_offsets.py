"""`ingest offsets` on a real Kafka: what it shows, what a move changes, and when a move is refused."""

import json
from collections.abc import Callable

from ingest.errors import ExitCode
from tests.harness.rig import Rig


def test_a_move_back_is_previewed_executed_and_a_note_of_the_audit(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=2)
    main.produce(200)
    assert main.start().wait() == ExitCode.DONE
    before = main.committed()
    assert "delivers 60 offsets again (40 to 99)" in main.command.run("offsets", "set", "--to-offset", "40").stdout
    assert main.committed() == before
    main.command.run("offsets", "set", "--to-offset", "40", "--partitions", "1", "--execute")
    (shown,) = main.command.json_lines("offsets", "show", "--json")
    assert [row["next_offset"] for row in shown["partitions"]] == [100, 40]
    after = main.committed()[1]
    assert after is not None
    assert (after.counts.total, after.ranges, after.topic_id) == (0, (), shown["partitions"][0]["topic_id"])
    run = main.start()
    assert run.wait() == ExitCode.DONE
    assert run.account["totals"]["acknowledged"] == 60
    assert main.listed_twice() == {0: [], 1: [(40, 100)]}
    assert main.unlisted() == []
    (audited,) = main.command.json("audit")["topics"]
    assert [finding["code"] for finding in audited["findings"]] == ["moved_back"]


def test_a_move_forward_is_counted_and_no_loss_for_the_audit(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=1)
    main.produce(100)
    assert main.start().wait() == ExitCode.DONE
    main.produce(50)
    printed = main.command.run("offsets", "set", "--to-latest", "--execute").stdout
    assert "100 -> 150, passes over 50 offsets (100 to 149)" in printed
    main.produce(30)
    run = main.start()
    assert run.wait() == ExitCode.DONE
    assert run.account["totals"]["acknowledged"] == 30
    assert main.listed_twice() == {0: []}
    (audited,) = main.command.json("audit")["topics"]
    (finding,) = audited["findings"]
    assert (finding["level"], finding["code"]) == ("note", "skipped_on_request")
    assert "50 messages between them were passed over on request" in finding["text"]


def test_a_move_is_refused_while_a_supervisor_runs(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=1)
    main.produce(100)
    run = main.start(until_end=False)
    run.until(lambda: main.committed_at(0) == 100)
    refused = main.command.run("offsets", "set", "--to-earliest", "--execute", code=ExitCode.USAGE)
    assert "nothing is moved: a supervisor" in refused.stderr
    assert main.committed_at(0) == 100
    run.kill()
    assert json.dumps(main.committed_at(0)) == "100"

"""Pauses by request and by stall: in any order, the client has paused exactly what one of the reasons holds for."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ingest.pipeline.kafka.pauses import Pauses

PARTITIONS = st.integers(0, 5)


class Client:
    """As librdkafka: an assignment has no pauses, and a pause of what is not assigned is nothing."""

    def __init__(self) -> None:
        self.assigned: set[int] = set()
        self.paused: set[int] = set()
        self.told: list[tuple[str, tuple[int, ...]]] = []

    def pause(self, partitions: list[int]) -> None:
        assert not self.paused & set(partitions), "a second pause would discard what was fetched since"
        assert self.assigned >= set(partitions)
        self.paused |= set(partitions)
        self.told.append(("pause", tuple(partitions)))

    def resume(self, partitions: list[int]) -> None:
        assert self.paused >= set(partitions)
        self.paused -= set(partitions)
        self.told.append(("resume", tuple(partitions)))


def made() -> tuple[Pauses, Client]:
    client = Client()
    return Pauses(client.pause, client.resume), client


class Machine(RuleBasedStateMachine):
    """Any order of pause, resume, stall, room, rebuild, reassign, add and drop."""

    def __init__(self) -> None:
        super().__init__()
        self.pauses, self.client = made()
        self.requested: frozenset[int] = frozenset()
        self.stalled = False

    @rule(partitions=st.frozensets(PARTITIONS))
    def assigned_anew(self, partitions: frozenset[int]) -> None:
        self.client.assigned, self.client.paused = set(partitions), set()
        self.stalled = False
        self.pauses.assign(partitions)

    @rule(partition=PARTITIONS)
    def added_or_reassigned(self, partition: int) -> None:
        self.client.assigned.add(partition)
        self.client.paused.discard(partition)
        self.pauses.add(partition)

    @rule(partition=PARTITIONS)
    def dropped(self, partition: int) -> None:
        self.client.assigned.discard(partition)
        self.client.paused.discard(partition)
        self.pauses.drop(partition)

    @rule(stalled=st.booleans())
    def room(self, stalled: bool) -> None:  # noqa: FBT001  hypothesis names them
        self.stalled = stalled
        self.pauses.stall(stalled=stalled)

    @rule(partition=PARTITIONS)
    def paused_or_resumed(self, partition: int) -> None:
        self.requested ^= {partition}
        self.pauses.request(self.requested)

    @invariant()
    def exactly_what_holds_is_paused(self) -> None:
        wanted = self.client.assigned if self.stalled else self.client.assigned & self.requested
        assert self.client.paused == wanted
        assert self.pauses.requested == self.requested


TestAnyOrder = Machine.TestCase
TestAnyOrder.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)


def test_a_stall_that_ends_does_not_resume_what_somebody_has_paused() -> None:
    pauses, client = made()
    client.assigned = {0, 1, 2}
    pauses.assign(client.assigned)
    pauses.request(frozenset({1}))
    pauses.stall(stalled=True)
    pauses.stall(stalled=False)
    assert client.told == [("pause", (1,)), ("pause", (0, 2)), ("resume", (0, 2))]


def test_what_is_resumed_during_a_stall_is_fetched_only_when_there_is_room() -> None:
    pauses, client = made()
    client.assigned = {0, 1}
    pauses.assign(client.assigned)
    pauses.request(frozenset({1}))
    pauses.stall(stalled=True)
    pauses.request(frozenset())
    assert client.paused == {0, 1}
    pauses.stall(stalled=False)
    assert client.paused == set()


def test_a_rebuild_and_an_added_partition_keep_what_was_asked_for() -> None:
    pauses, client = made()
    pauses.request(frozenset({1, 7}))
    client.assigned = {0, 1}
    pauses.assign(client.assigned)
    assert client.paused == {1}
    client.assigned.add(7)
    pauses.add(7)
    assert client.paused == {1, 7}
    client.paused = set()
    pauses.assign(client.assigned)
    assert client.paused == {1, 7}


def test_the_same_again_tells_the_client_nothing() -> None:
    pauses, client = made()
    client.assigned = {0, 1}
    pauses.assign(client.assigned)
    for _ in range(3):
        pauses.request(frozenset({0}))
        pauses.stall(stalled=True)
    assert client.told == [("pause", (0,)), ("pause", (1,))]

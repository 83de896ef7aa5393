"""What a commit carries in its metadata, and what is read back from it."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from ingest.pipeline.offsets.checkpoint import MAX_METADATA_BYTES, Checkpoint, SettledRange, decode, encode
from ingest.records import Counts

COUNTS = st.integers(0, 2**63 - 1)


def counts() -> st.SearchStrategy[Counts]:
    some = st.integers(0, 9) | COUNTS
    return st.builds(Counts, some, some, some, some)


@st.composite
def checkpoints(draw: st.DrawFn, max_ranges: int = 12) -> Checkpoint:
    next_offset = draw(COUNTS)
    ranges = []
    end = next_offset
    for _ in range(draw(st.integers(0, max_ranges))):
        first = end + draw(st.integers(0, 10**6))
        end = first + draw(st.integers(1, 10**6))
        ranges.append(SettledRange(first, end, draw(counts()), draw(st.frozensets(st.integers(0, 40), max_size=3))))
    return Checkpoint(next_offset, draw(counts()), tuple(ranges), draw(st.sampled_from(["", "a1b2"])))


@given(checkpoints())
def test_what_fits_comes_back_as_it_was(checkpoint: Checkpoint) -> None:
    text = encode(checkpoint)
    assert text.isascii()
    assert decode(checkpoint.next_offset, text) == checkpoint


@given(checkpoints(), st.integers(0, 400))
def test_ranges_that_do_not_fit_are_omitted_from_the_highest_offset_on(checkpoint: Checkpoint, more: int) -> None:
    end = checkpoint.ranges[-1].next_offset if checkpoint.ranges else checkpoint.next_offset
    far = tuple(SettledRange(end + 30 * n + 1, end + 30 * n + 21, Counts(20 - (n % 20), n % 20)) for n in range(more))
    long = Checkpoint(checkpoint.next_offset, checkpoint.counts, checkpoint.ranges + far, checkpoint.routes)
    text = encode(long)
    assert len(text.encode()) <= MAX_METADATA_BYTES
    found = decode(long.next_offset, text)
    assert (found.next_offset, found.counts, found.routes) == (long.next_offset, long.counts, long.routes)
    assert long.fits() == (found == long)
    assert found.ranges == long.ranges[: len(found.ranges)]
    if len(found.ranges) < len(long.ranges):
        assert len(text) > MAX_METADATA_BYTES - 100, "there was room for more"


@given(st.integers(0, 300))
def test_metadata_keeps_within_what_the_brokers_take(most_bytes: int) -> None:
    ranges = tuple(SettledRange(100 * n, 100 * n + 10, Counts(10)) for n in range(1, 30))
    checkpoint = Checkpoint(7, Counts(1_000, 5), ranges, topic_id="k1Wzr3TTR5CX2rJcdgBdPw", topic_partitions=32)
    text = encode(checkpoint, most_bytes)
    assert len(text) <= most_bytes
    found = decode(7, text)
    assert found.next_offset == 7
    assert checkpoint.fits(most_bytes) == (found == checkpoint)
    head = len(encode(replace(checkpoint, ranges=())))
    if most_bytes < head:
        assert text == ""
    else:
        assert (found.counts, found.topic_id) == (checkpoint.counts, checkpoint.topic_id)
        assert found.ranges == ranges[: len(found.ranges)]


def test_the_largest_numbers_fit() -> None:
    most = 2**63 - 1
    all_of_it = Counts(most, most, most, most)
    ranges = tuple(SettledRange(most - 40 + n, most - 39 + n, all_of_it, frozenset({63})) for n in range(20))
    checkpoint = Checkpoint(0, all_of_it, ranges, "0123456789abcdef")
    assert decode(0, encode(checkpoint)) == checkpoint
    assert checkpoint.fits()


@given(st.text(max_size=60) | st.from_regex(r"ingest/[0-9] [-0-9 +:]{0,40}", fullmatch=True) | st.none())
def test_no_metadata_moves_the_offset_or_stops_a_start(metadata: str | None) -> None:
    found = decode(42, metadata)
    assert found.next_offset == 42
    assert decode(42, encode(found)) == found
    if not (metadata or "").startswith(("ingest/1 ", "ingest/2 ")):
        assert found == Checkpoint(42)


def test_damaged_metadata_gives_the_offset_alone() -> None:
    for text in (
        "",
        "ingest/3 1 2",
        "ingest/1 1",
        "ingest/1 1 2 ",
        " ingest/1 1 2",
        "ingest/1 1 2\n",
        "ingest/1 -1 2",
        "ingest/1 1 2 3",
        "ingest/1 1 2 3+4",
        "ingest/1 1 2 -3+4:1:0",
        "ingest/1 1 2 3+0:0:0",  # an empty range
        "ingest/1 1 2 3+4:1:2",  # more dead letters than messages
        "ingest/2 1:2 ",
        "ingest/2 1:2:3:4:5",
        "ingest/2 1:2 routes=",
        "ingest/2 1:2 3+4:1 routes=a",
        "ingest/2 1:2 3+0:1",
        "ingest/2 1:2 3+4:1/",
    ):
        assert decode(7, text) == Checkpoint(7), text


def test_what_former_and_later_versions_wrote_is_read() -> None:
    assert decode(7, "ingest/1 1 2") == Checkpoint(7, Counts(1, 2))
    assert decode(7, "ingest/1 1 2 3+4:4:1") == Checkpoint(7, Counts(1, 2), (SettledRange(10, 14, Counts(3, 1)),))
    assert decode(7, "ingest/2 1:0:3 later=x-Y_1 routes=ab") == Checkpoint(7, Counts(1, 0, 3), (), "ab")


def test_the_topic_rides_in_the_metadata() -> None:
    checkpoint = Checkpoint(7, Counts(1), (SettledRange(9, 11, Counts(2)),), "ab", "-6yNUIRErQWaqNLVrSCY_w", 32)
    assert encode(checkpoint) == "ingest/2 1 routes=ab topic=-6yNUIRErQWaqNLVrSCY_w of=32 2+2:2"
    assert decode(7, encode(checkpoint)) == checkpoint
    assert decode(7, "ingest/2 1 topic=a of=many") == Checkpoint(7, Counts(1), topic_id="a")

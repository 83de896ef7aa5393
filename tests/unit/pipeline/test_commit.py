from hypothesis import given
from hypothesis import strategies as st

from ingest.pipeline.ack import SettledRange, Watermark
from ingest.pipeline.commit import MAX_METADATA_BYTES, Committer, decode, encode

COUNTS = st.integers(0, 2**63 - 1)


@st.composite
def watermarks(draw: st.DrawFn, max_ranges: int = 12) -> Watermark:
    next_offset = draw(COUNTS)
    ranges = []
    end = next_offset
    for _ in range(draw(st.integers(0, max_ranges))):
        first = end + draw(st.integers(0, 10**6))
        end = first + draw(st.integers(1, 10**6))
        count = draw(st.integers(0, end - first))
        ranges.append(SettledRange(first, end, count, draw(st.integers(0, count))))
    return Watermark(next_offset, draw(COUNTS), draw(COUNTS), tuple(ranges))


@given(watermarks())
def test_what_fits_comes_back_as_it_was(mark: Watermark) -> None:
    text = encode(mark)
    assert text.isascii()
    assert decode(mark.next_offset, text) == mark


@given(watermarks(), st.integers(0, 400))
def test_what_does_not_fit_is_forgotten_from_the_far_end(mark: Watermark, more: int) -> None:
    end = mark.ranges[-1].next_offset if mark.ranges else mark.next_offset
    far = tuple(SettledRange(end + 30 * n + 1, end + 30 * n + 21, 20, n % 20) for n in range(more))
    long = Watermark(mark.next_offset, mark.acknowledged, mark.dead_lettered, mark.ranges + far)
    text = encode(long)
    assert len(text.encode()) <= MAX_METADATA_BYTES
    found = decode(long.next_offset, text)
    assert (found.next_offset, found.acknowledged, found.dead_lettered) == (
        long.next_offset,
        long.acknowledged,
        long.dead_lettered,
    )
    assert found.ranges == long.ranges[: len(found.ranges)]
    if len(found.ranges) < len(long.ranges):
        assert len(text) > MAX_METADATA_BYTES - 100, "there was room for more"


def test_the_largest_numbers_fit() -> None:
    most = 2**63 - 1
    mark = Watermark(0, most, most, (SettledRange(most - 1, most, 1, 1),))
    assert decode(0, encode(mark)) == mark


@given(st.text(max_size=60) | st.from_regex(r"ingest/[0-9] [-0-9 +:]{0,40}", fullmatch=True) | st.none())
def test_no_metadata_moves_the_offset_or_stops_a_start(metadata: str | None) -> None:
    found = decode(42, metadata)
    assert found.next_offset == 42
    assert decode(42, encode(found)) == found
    if not (metadata or "").startswith("ingest/1 "):
        assert found == Watermark(42, 0, 0)


def test_damaged_metadata_of_our_own_is_foreign() -> None:
    for text in (
        "",
        "ingest/2 1 2",
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
    ):
        assert decode(7, text) == Watermark(7, 0, 0), text
    assert decode(7, "ingest/1 1 2") == Watermark(7, 1, 2)


# --- when -----------------------------------------------------------------------------------------

ONE, TWO = Watermark(1, 1, 0), Watermark(2, 2, 0)


def test_one_commit_at_a_time_and_no_more_often_than_asked() -> None:
    committer = Committer(interval_s=1.0)
    assert committer.may_commit(100.0, leaving=False)
    committer.sent(committer.moved({0: ONE}), 100.0)
    assert committer._outstanding
    assert not committer.may_commit(105.0, leaving=False)
    assert not committer.may_commit(105.0, leaving=True)
    assert committer.answered({0: 1}) == {0: 1}
    assert not committer.outstanding
    assert not committer.may_commit(100.9, leaving=False)
    assert committer.may_commit(101.0, leaving=False)
    assert committer.may_commit(100.1, leaving=True)


def test_an_answer_that_never_comes_is_given_up() -> None:
    committer = Committer(interval_s=1.0, answer_s=30.0)
    committer.sent({0: ONE}, 0.0)
    assert not committer.may_commit(29.9, leaving=False)
    assert committer.may_commit(30.0, leaving=False)


def test_only_what_kafka_confirmed_is_stored() -> None:
    committer = Committer(interval_s=1.0)
    committer.sent({0: ONE, 1: ONE}, 0.0)
    assert committer.answered({0: 1}) == {0: 1}
    assert committer.moved({0: ONE, 1: ONE}) == {1: ONE}
    assert committer.stored(1) is None
    committer.sent({1: TWO}, 1.0)
    assert committer.answered({}) == {}
    assert committer.moved({0: ONE, 1: TWO}) == {1: TWO}


def test_the_answer_to_another_commit_confirms_nothing() -> None:
    committer = Committer(interval_s=1.0)
    committer.sent({0: ONE}, 0.0)
    committer.sent({0: TWO}, 30.0)
    assert committer.answered({0: 1, 5: 9}) == {}
    assert committer.stored(0) is None
    assert committer.moved({0: TWO}) == {0: TWO}


def test_what_moved_is_offset_counts_or_ranges() -> None:
    committer = Committer(interval_s=1.0)
    committer.found(0, ONE)
    assert committer.moved({0: ONE}) == {}
    assert committer.moved({0: TWO}) == {0: TWO}
    ahead = Watermark(1, 1, 0, (SettledRange(5, 6, 1, 0),))
    assert committer.moved({0: ahead}) == {0: ahead}
    assert committer.stored(0) == ONE


def test_a_start_is_committed_even_before_anything_is_read() -> None:
    start = Watermark(0, 0, 0)
    assert Committer(interval_s=1.0).moved({0: start}) == {0: start}

"""Frames cut anywhere."""

import itertools

from hypothesis import given, settings, strategies as st

from keyturn import bus

MESSAGES = st.one_of(
    st.builds(bus.Hello, st.text(max_size=9), st.integers(0, 2**31)),
    st.builds(bus.Look, st.integers(0, 2**40), st.binary(min_size=32, max_size=32)),
    st.builds(bus.Confirmed, st.integers(0, 2**40)),
    st.builds(bus.Traced, st.integers(0, 2**40), st.none()),
)


@settings(max_examples=80, derandomize=True)
@given(messages=st.lists(MESSAGES, max_size=6), places=st.sets(st.integers(0, 1 << 16), max_size=8))
def test_messages_arrive_whole_and_in_order_however_they_are_cut(
    messages: list[bus.FromWorker], places: set[int]
) -> None:
    """The meaning of an invalidation leans on the order."""
    data = b"".join(map(bus.encode, messages))
    edges = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    frames: bus.Frames[bus.FromWorker] = bus.Frames(bus.FromWorker)  # type: ignore[arg-type]

    found = [one for start, end in itertools.pairwise(edges) for one in frames.feed(data[start:end])]

    assert found == messages


@settings(max_examples=80, derandomize=True)
@given(data=st.binary(max_size=64))
def test_arbitrary_bytes_are_messages_or_a_lost_connection(data: bytes) -> None:
    """No other exception: the worker reconnects on this one."""
    frames: bus.Frames[bus.FromControl] = bus.Frames(bus.FromControl)  # type: ignore[arg-type]
    try:
        found = frames.feed(data)
    except ValueError:
        return
    assert all(isinstance(one, bus.FromControl) for one in found)

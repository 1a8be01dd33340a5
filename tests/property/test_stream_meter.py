"""A stream uses the same however it is cut."""

import itertools

import pytest
from hypothesis import given, settings, strategies as st

from keyturn.dialects import openai_usage
from keyturn.gateway.meter import StreamMeter

ROLE = b'data: {"id":"c1","choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}\n\n'
WORD = b'data: {"id":"c1","choices":[{"index":0,"delta":{"content":"data: of \xe2\x98\x83 the word "}}]}\n\n'
USAGE = b'data: {"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":12,"prompt_tokens_details":{"cached_tokens":3}}}\n\n'
RESPONSES = (
    b'event: response.created\ndata: {"type":"response.created","response":{"usage":null}}\n\n'
    b'event: response.output_text.delta\ndata: {"delta":"Hi"}\n\n'
    b'event: response.completed\ndata: {"response":{"usage":{"input_tokens":3,"output_tokens":4}}}\n\n'
)
DONE = b"data: [DONE]\n\n"
STREAMS = {
    "with usage": ROLE + WORD * 3 + USAGE + DONE,
    "without usage": ROLE + WORD * 3 + DONE,
    "cut off": ROLE + WORD * 2 + WORD[:40],
    "responses": RESPONSES,
    "carriage returns": (ROLE + WORD * 2 + USAGE + DONE).replace(b"\n", b"\r\n"),
    "comments": b": hello\n\n" + ROLE + b": ping\n\n" + WORD + DONE,
    "not a stream": b'{"choices":[],"a":"' + b"x" * 300 + b'"}',
    "empty": b"",
}


def outcome(pieces: list[bytes]) -> tuple[object, ...]:
    """Return all that depends on the bytes alone."""
    meter = StreamMeter(openai_usage.from_stream)
    for piece in pieces:
        meter.take([piece])
    return meter.usage(400, whole=True), meter.usage(400, whole=False), meter.ended_at_boundary(0)


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_cut_in_two_anywhere_uses_the_same(name: str) -> None:
    """Reported or estimated."""
    stream = STREAMS[name]
    whole = outcome([stream] if stream else [])

    assert [
        place for place in range(1, len(stream)) if outcome([stream[:place], stream[place:]]) != whole
    ] == []
    assert outcome([stream[place : place + 1] for place in range(len(stream))]) == whole


@settings(max_examples=60, derandomize=True, deadline=None)
@given(
    events=st.lists(
        st.sampled_from([ROLE, WORD, USAGE, DONE, b": ping\n\n", b"data: " + b"x" * 6000 + b"\n\n"]),
        max_size=12,
    ),
    places=st.sets(st.integers(1, 1 << 20), max_size=20),
)
def test_a_long_stream_cut_anywhere_uses_the_same(events: list[bytes], places: set[int]) -> None:
    """Longer than what is kept of it, too."""
    stream = b"".join(events)
    edges = sorted({0, len(stream), *(place % (len(stream) + 1) for place in places)})
    pieces = [stream[start:end] for start, end in itertools.pairwise(edges)]

    assert outcome(pieces) == outcome([stream] if stream else [])

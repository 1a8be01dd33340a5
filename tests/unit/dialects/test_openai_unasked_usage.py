"""Usage that only we asked for does not reach the client."""

from itertools import pairwise

import pytest

from keyturn.dialects.openai_unasked_usage import HELD_LIMIT, UnaskedUsage

WORDS = b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"the \\"usage\\" of"}}]}\n\n'
WITH_NULL = b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"hi"}}],"usage":null}\n\n'
WITHOUT_NULL = b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"hi"}}]}\n\n'
FIGURES = b'data: {"id":"c","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}\n\n'
DONE = b"data: [DONE]\n\n"


def pass_through(stream: bytes, cuts: tuple[int, ...] = ()) -> bytes:
    """Let a stream go by in pieces."""
    one = UnaskedUsage()
    ends = [0, *cuts, len(stream)]
    passed = [piece for start, end in pairwise(ends) for piece in one.take([stream[start:end]])]
    return b"".join(passed + one.end())


def test_the_client_gets_the_stream_it_asked_for() -> None:
    """Byte for byte what the provider would have sent without our asking."""
    assert pass_through(WORDS + WITH_NULL + FIGURES + DONE) == WORDS + WITHOUT_NULL + DONE


@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
def test_wherever_the_stream_is_cut(newline: bytes) -> None:
    """Networks cut anywhere."""
    stream = (WITH_NULL + FIGURES + DONE).replace(b"\n", newline)
    expected = (WITHOUT_NULL + DONE).replace(b"\n", newline)

    for cut in range(len(stream)):
        assert pass_through(stream, (cut,)) == expected
    assert pass_through(stream, tuple(range(1, len(stream)))) == expected


@pytest.mark.parametrize(
    ("event", "left"),
    [
        (
            b'data: {"choices":[{"finish_reason":"stop"}],"usage":{"prompt_tokens":1}}\n\n',
            b'data: {"choices":[{"finish_reason":"stop"}]}\n\n',
        ),
        (
            b'data: {"choices":[], "usage" : null}\n\n',
            b'data: {"choices":[]}\n\n',
        ),
        (
            b'data: {"usage":{"prompt_tokens":1},"choices":[{"index":0}]}\n\n',
            b'data: {"choices":[{"index":0}]}\n\n',
        ),
        (b'data: {"usage": broken\n\n', b'data: {"usage": broken\n\n'),
        (b'data: {"x":{"usage":1},"choices":[]}\n\n', b'data: {"x":{"usage":1},"choices":[]}\n\n'),
        (b': "usage" {}\n\n', b': "usage" {}\n\n'),
        (b'data: "usage"\n\n', b'data: "usage"\n\n'),
    ],
)
def test_what_else_a_host_may_send(event: bytes, left: bytes) -> None:
    """Figures beside choices are taken out, and what can't be read goes on as it is."""
    assert pass_through(event) == left


def test_what_has_no_end_is_not_lost() -> None:
    """A provider that forgets the last line break has sent its answer all the same."""
    assert pass_through(WORDS + b"data: [DONE]") == WORDS + b"data: [DONE]"


def test_what_does_not_end_is_not_held() -> None:
    """A provider that sends one endless line must be felt by the client, who slows it down."""
    one = UnaskedUsage()
    endless = b"data: " + b"x" * HELD_LIMIT

    assert one.take([endless]) == [endless]
    assert one.take([b"yz\n\n" + FIGURES + DONE]) == [b"yz\n\n" + DONE]

"""Usage as Anthropic reports it."""

import pytest

from keyturn.dialects.anthropic_messages import usage_of_answer, usage_of_stream, usage_of_tail
from keyturn.domain.usage import Usage

START = (
    b'event: message_start\ndata: {"type":"message_start","message":{"id":"m","usage":'
    b'{"input_tokens":25,"cache_creation_input_tokens":2,"cache_read_input_tokens":3,"output_tokens":1}}}\n\n'
)
TEXT = (
    b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,'
    b'"delta":{"type":"text_delta","text":"\\"message_delta\\" message_start"}}\n\n'
)
END = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'


def delta(usage: bytes) -> bytes:
    """Return the event that tells the output."""
    return b'event: message_delta\ndata: {"type":"message_delta","delta":{},"usage":%b}\n\n' % usage


@pytest.mark.parametrize(
    ("body", "usage"),
    [
        (b'{"usage":{"input_tokens":10,"output_tokens":5}}', Usage(10, 5)),
        (
            (
                b'{"usage":{"input_tokens":10,"output_tokens":5,"cache_read_input_tokens":4,'
                b'"cache_creation_input_tokens":2,"output_tokens_details":{"thinking_tokens":3}}}'
            ),
            Usage(16, 5, 4, 3, 2),
        ),
        (
            (
                b'{"usage":{"input_tokens":-1,"output_tokens":5,"cache_read_input_tokens":null,'
                b'"cache_creation_input_tokens":-2,"output_tokens_details":{"thinking_tokens":9}}}'
            ),
            Usage(0, 5, 0, 5),
        ),
        (b'{"usage":{"output_tokens":5,"output_tokens_details":{}}}', Usage(0, 5)),
    ],
)
def test_an_answer_says_what_it_used(body: bytes, usage: Usage) -> None:
    """Anthropic leaves the cache out of the input; a whole is never less than its parts."""
    assert usage_of_answer(body) == usage


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b'{"usage":null}',
        b'{"usage":{}}',
        b'{"usage":{"input_tokens":"1"}}',
        b'{"usage":{"input_tokens":1000000001,"output_tokens":1}}',
        b'{"usage":' + b"[" * 100_000,
    ],
)
def test_an_answer_that_says_nothing_usable_has_to_be_estimated(body: bytes) -> None:
    """A number that can't be true is not charged."""
    assert usage_of_answer(body) is None


def test_a_stream_says_it_at_both_ends() -> None:
    """The input first, the output last; the last figures are totals."""
    tail = TEXT + delta(b'{"output_tokens":4}') + delta(b'{"output_tokens":15}') + END

    assert usage_of_stream(START + TEXT, tail) == Usage(30, 15, 3, 0, 2)
    assert usage_of_tail(START + tail) == Usage(30, 15, 3, 0, 2)


def test_a_stream_may_say_all_of_it_at_its_end() -> None:
    """As the present API does; it may have grown by what a server tool has found."""
    tail = delta(
        b'{"input_tokens":40,"cache_creation_input_tokens":0,"cache_read_input_tokens":7,"output_tokens":15,'
        b'"output_tokens_details":{"thinking_tokens":9}}'
    )

    assert usage_of_tail(b"t cut\n\n" + tail) == Usage(47, 15, 7, 9)
    assert usage_of_stream(START, tail) == Usage(47, 15, 7, 9)


def test_an_input_that_nobody_has_told_is_not_taken_for_none() -> None:
    """Else it would be given away."""
    assert usage_of_tail(TEXT + delta(b'{"output_tokens":15}') + END) is None
    broken = START.replace(b'"usage"', b'"u"')
    assert usage_of_stream(broken, delta(b'{"output_tokens":15}')) is None
    nothing = b'data: {"type":"message_start"}\n\n'
    assert usage_of_stream(nothing, delta(b'{"output_tokens":15}')) is None


def test_a_stream_that_was_cut_off_has_to_be_estimated() -> None:
    """Its output so far is in nobody's figures."""
    assert usage_of_stream(START, START + TEXT) is None
    assert usage_of_stream(START, START + delta(b"null") + delta(b'{"output_tokens":[')) is None


def test_what_is_broken_gives_way_to_what_is_whole() -> None:
    """Better an earlier figure of the provider's than an estimate."""
    tail = delta(b'{"output_tokens":4}') + delta(b'{"output_tokens":"x"}') + b"data: message_delta\n\n"
    head = b"data: message_start\n\n" + START

    assert usage_of_stream(head, tail) == Usage(30, 4, 3, 0, 2)

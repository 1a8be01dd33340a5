"""Usage as OpenAI-style answers report it."""

import pytest

from keyturn.dialects.openai_usage import from_answer, from_tail
from keyturn.domain.usage import Usage

CHAT = b'{"usage":{"prompt_tokens":9,"completion_tokens":12,"total_tokens":21}}'
DETAILED = (
    b'{"id":"x","usage" : {"prompt_tokens":9,"completion_tokens":12,'
    b'"prompt_tokens_details":{"cached_tokens":4,"audio_tokens":0},'
    b'"completion_tokens_details":{"reasoning_tokens":5}},"x":1}'
)
RESPONSES = (
    b'{"usage":{"input_tokens":9,"input_tokens_details":{"cached_tokens":4},'
    b'"output_tokens":12,"output_tokens_details":{"reasoning_tokens":5},"total_tokens":21}}'
)
BESIDE = (
    b'{"usage":{"prompt_tokens":32,"completion_tokens":9,"total_tokens":135,'
    b'"completion_tokens_details":{"reasoning_tokens":94}}}'
)
"""xAI counts thoughts beside the completion; only the total tells."""
USABLE = [
    (CHAT, Usage(9, 12)),
    (DETAILED, Usage(9, 12, 4, 5)),
    (RESPONSES, Usage(9, 12, 4, 5)),
    (b'{"usage":{"prompt_tokens":9,"total_tokens":9}}', Usage(9, 0)),
    (b'{"usage":{"completion_tokens":9}}', Usage(0, 9)),
    (b'{"usage":{"prompt_tokens":-9,"completion_tokens":-1}}', Usage(0, 0)),
    (
        (
            b'{"usage":{"prompt_tokens":9,"completion_tokens":1,"prompt_tokens_details":{"cached_tokens":null},'
            b'"completion_tokens_details":{"reasoning_tokens":null}}}'
        ),
        Usage(9, 1),
    ),
    (
        (
            b'{"usage":{"prompt_tokens":9,"completion_tokens":1,"prompt_tokens_details":{"cached_tokens":10},'
            b'"completion_tokens_details":{"reasoning_tokens":-1}}}'
        ),
        Usage(9, 1, 9, 0),
    ),
    (
        (
            b'{"usage":{"prompt_tokens":9,"completion_tokens":1,"prompt_tokens_details":null,'
            b'"completion_tokens_details":{"reasoning_tokens":7}}}'
        ),
        Usage(9, 1, 0, 1),
    ),
    (BESIDE, Usage(32, 103, 0, 94)),
    (BESIDE.replace(b"135", b"41"), Usage(32, 9, 0, 9)),
    (
        b'{"usage":{"prompt_tokens":9,"completion_tokens":1,"prompt_tokens_details":{"cache_write_tokens":5}}}',
        Usage(9, 1, cache_write_tokens=5),
    ),
    (
        (
            b'{"usage":{"prompt_tokens":9,"completion_tokens":1,'
            b'"prompt_tokens_details":{"cached_tokens":6,"cache_write_tokens":5}}}'
        ),
        Usage(9, 1, 6, 0, 3),
    ),
]
UNUSABLE = [
    b"",
    b"not json",
    b"[]",
    b"{}",
    b'{"usage":null}',
    b'{"usage":{}}',
    b'{"usage":{"total_tokens":3}}',
    b'{"usage":{"prompt_tokens":"9","completion_tokens":1}}',
    b'{"usage":{"prompt_tokens":1.5,"completion_tokens":1}}',
    b'{"usage":{"prompt_tokens":%s,"completion_tokens":1}}' % (b"9" * 30),
    b'{"usage":{"prompt_tokens":1000000001,"completion_tokens":1}}',
    b'{"usage":{"prompt_tokens":9,"completion_tokens":12,"x":%s}}' % (b"[" * 9000),
]


@pytest.mark.parametrize(("body", "usage"), USABLE)
def test_an_answer_says_what_it_used(body: bytes, usage: Usage) -> None:
    """Parts never exceed the whole, and nothing is negative, whatever the provider says."""
    assert from_answer(body) == usage


@pytest.mark.parametrize(("body", "usage"), USABLE)
def test_a_stream_says_it_in_its_last_events(body: bytes, usage: Usage) -> None:
    """The same figures count the same."""
    assert from_tail(b'data: {"usage":null}\n\ndata: ' + body + b"\n\ndata: [DONE]\n\n") == usage


@pytest.mark.parametrize("body", UNUSABLE)
def test_an_answer_that_says_nothing_usable_has_to_be_estimated(body: bytes) -> None:
    """A number that can't be true is not charged, nor one that could not be stored."""
    assert from_answer(body) is None
    assert from_tail(b"data: " + body + b"\n\n") is None


def test_an_answer_that_is_nested_too_deeply_has_to_be_estimated() -> None:
    """A provider can't end the worker either."""
    assert from_answer(b'{"a":' + b"[" * 100_000) is None
    assert from_answer(b'{"usage":{"prompt_tokens_details":{"cached_tokens":"\xff"}}}') is None


def test_the_last_usage_of_a_stream_counts() -> None:
    """Some providers report as they go."""
    tail = b'data: {"usage":{"prompt_tokens":9,"completion_tokens":1}}\n\ndata: ' + CHAT + b"\n\n"

    assert from_tail(tail) == Usage(9, 12)


def test_a_broken_last_usage_gives_way_to_the_one_before() -> None:
    """Better an earlier figure of the provider's than an estimate."""
    tail = b"data: " + CHAT + b'\n\ndata: {"usage":{"prompt_tokens":"x"}}\n\n'

    assert from_tail(tail) == Usage(9, 12)


def test_usage_is_found_inside_the_last_event_of_a_response() -> None:
    """The responses API wraps it."""
    tail = b'event: response.completed\ndata: {"type":"response.completed","response":' + RESPONSES + b"}\n\n"

    assert from_tail(tail) == Usage(9, 12, 4, 5)


def test_text_that_looks_like_usage_is_not_taken_for_it() -> None:
    """A model can be made to say anything; in a string its quotes are escaped."""
    said = rb'data: {"choices":[{"delta":{"content":"\"usage\":{\"prompt_tokens\":0,\"completion_tokens\":0}"}}]}'

    assert from_tail(b"data: " + CHAT + b"\n\n" + said + b"\n\n") == Usage(9, 12)


def test_a_total_that_is_no_number_takes_nothing_away() -> None:
    """It is only looked at to see whether thoughts stand beside the rest."""
    body = b'{"usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":"15"}}'

    assert from_answer(body) == Usage(10, 5)

"""What a request used, from the bytes that go by."""

import pytest

from keyturn.dialects import openai_usage
from keyturn.dialects.openai_usage import TAIL_LENGTH
from keyturn.domain.usage import NOTHING, Usage
from keyturn.gateway.meter import ESTIMATED, REPORTED, StreamMeter, of_answer

USAGE = b'data: {"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":12}}\n\n'
DONE = b"data: [DONE]\n\n"
ROLE = b'data: {"choices":[{"delta":{"role":"assistant"}}]}\n\n'
WORD = b'data: {"choices":[{"delta":{"content":"word "}}]}\n\n'


def metered(*pieces: bytes) -> StreamMeter:
    """Let pieces go by one at a time."""
    meter = StreamMeter(openai_usage.from_stream)
    for piece in pieces:
        meter.take([piece])
    return meter


def test_a_stream_that_says_its_usage_is_believed() -> None:
    """The provider counts best."""
    assert metered(ROLE, WORD, USAGE, DONE).usage(400, whole=True) == (Usage(9, 12), REPORTED)


def test_usage_is_found_however_long_the_stream_was() -> None:
    """Only its end is kept."""
    meter = metered(*[WORD] * 5000, USAGE, DONE)

    assert meter.usage(400, whole=True) == (Usage(9, 12), REPORTED)
    assert sum(map(len, meter._tail)) < TAIL_LENGTH + len(WORD)


def test_usage_that_went_by_long_before_the_end_is_not_found() -> None:
    """The tail has a length; such a stream is estimated."""
    assert metered(ROLE, USAGE, *[WORD] * 1000).usage(400, whole=True)[1] == ESTIMATED


def test_a_stream_that_says_nothing_is_estimated_from_its_events() -> None:
    """One token an event; the input from the length of the request."""
    meter = metered(ROLE, *[WORD] * 10, DONE)

    assert meter.usage(400, whole=True) == (Usage(100, 11), ESTIMATED)


def test_a_stream_with_much_text_in_an_event_is_estimated_from_its_length() -> None:
    """Some providers send ten tokens at a time."""
    meter = metered(ROLE, *[WORD.replace(b"word", b"w" * 400)] * 10)

    assert meter.usage(0, whole=True)[0].output_tokens > 900


def test_a_stream_that_was_cut_off_early_is_estimated() -> None:
    """Its last report, if it has one, was not the last word."""
    report = b'data: {"usage":{"prompt_tokens":9,"completion_tokens":0}}\n\n'

    assert metered(report, WORD, WORD).usage(40, whole=False) == (Usage(10, 3), ESTIMATED)
    assert metered(report, WORD, WORD).usage(40, whole=True) == (Usage(9, 0), REPORTED)


def test_a_stream_that_reports_as_it_goes_is_believed_when_cut_off() -> None:
    """What it had reported by then was used."""
    assert metered(WORD, USAGE).usage(40, whole=False) == (Usage(9, 12), REPORTED)


def test_a_stream_without_an_event_is_estimated_from_its_length() -> None:
    """A large plain answer is metered as a stream too."""
    assert metered(b"x" * 400).usage(0, whole=True) == (Usage(0, 100), ESTIMATED)
    assert StreamMeter(openai_usage.from_stream).usage(0, whole=False) == (NOTHING, ESTIMATED)


def test_one_event_alone_is_one_token() -> None:
    """There is nothing to compare its length with."""
    assert metered(WORD).usage(0, whole=False) == (Usage(0, 1), ESTIMATED)


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        ([], True),
        ([WORD], True),
        ([WORD[:-1]], False),
        ([WORD[:-1], b"\n"], True),
        ([WORD, b"data: {"], False),
        ([b"data: 1\r\n\r\n"], True),
        ([b"data: 1\r", b"\n", b"\r", b"\n"], True),
        ([b"data: 1\r\r"], True),
        ([b"data: 1\r\n"], False),
    ],
)
def test_an_event_of_ours_may_follow_a_whole_one_only(pieces: list[bytes], *, expected: bool) -> None:
    """In the middle of one it would be read as a part of that."""
    assert metered(*pieces).ended_at_boundary(0) is expected


def test_a_plain_answer_that_says_its_usage_is_believed() -> None:
    """The provider counts best."""
    body = b'{"usage":{"prompt_tokens":9,"completion_tokens":12}}'

    assert of_answer(200, body, 400, openai_usage.from_answer, writes=True) == (Usage(9, 12), REPORTED)


def test_a_plain_answer_that_says_nothing_is_estimated() -> None:
    """By four bytes a token."""
    assert of_answer(200, b"x" * 40, 400, openai_usage.from_answer, writes=True) == (
        Usage(100, 10),
        ESTIMATED,
    )


def test_an_answer_that_is_no_text_has_no_output() -> None:
    """Four bytes of a vector are no token."""
    said = of_answer(200, b"x" * 40, 400, openai_usage.from_answer, writes=False)

    assert said == (Usage(100, 0), ESTIMATED)


@pytest.mark.parametrize("status", [400, 404, 429, 500, 503])
def test_an_error_used_nothing(status: int) -> None:
    """Nobody pays for a refusal, whatever it says."""
    body = b'{"usage":{"prompt_tokens":9,"completion_tokens":12}}'

    assert of_answer(status, body, 400, openai_usage.from_answer, writes=True) == (NOTHING, REPORTED)


def test_what_was_made_is_known_while_it_goes_by() -> None:
    """A stream that outgrows its reservation must be noticed before it has ended."""
    meter = StreamMeter(openai_usage.from_stream)
    made = [meter.made]
    for text in (b"", b"a", b"four tokens or so, all in one event here"):
        meter.take([b'data: {"text":"%b"}\n\n' % text])
        made.append(meter.made)

    assert made == [0, 1, 2, 11]


def test_the_end_of_an_event_is_known_before_what_is_held_back() -> None:
    """What a client has must be whole before an event of ours may follow."""
    meter = StreamMeter(openai_usage.from_stream)

    held_at_the_start = meter.ended_at_boundary(0)
    meter.take([b"data: 1\n\nda", b"ta: 2\n\n"])

    assert held_at_the_start
    assert meter.ended_at_boundary(0)
    assert not meter.ended_at_boundary(7)
    assert meter.ended_at_boundary(9)

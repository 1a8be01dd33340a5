"""Events of the realtime API."""

import json

import pytest

from keyturn.dialects import openai_realtime
from keyturn.dialects.openai_realtime import Turn
from keyturn.domain.refusals import Reason, Refused
from keyturn.domain.usage import Usage


def test_the_end_of_a_response_tells_what_it_used() -> None:
    """Cached tokens are part of the input; text and audio are not told apart."""
    event = (
        b'{"type":"response.done","event_id":"event_1","response":{"id":"resp_1","status":"completed","output":[],'
        b'"usage":{"total_tokens":253,"input_tokens":132,"output_tokens":121,"input_token_details":{"text_tokens":119,'
        b'"audio_tokens":13,"cached_tokens":64,"cached_tokens_details":{"text_tokens":64,"audio_tokens":0}},'
        b'"output_token_details":{"text_tokens":30,"audio_tokens":91}}}}'
    )

    assert openai_realtime.read_turn(event) == Turn("resp_1", True, Usage(132, 121, 64))


@pytest.mark.parametrize(
    ("event", "turn"),
    [
        (b'{"type":"response.created","response":{"id":"r"}}', Turn("r", False, None)),
        (b'{"type":"response.done"}', Turn("", True, None)),
        (b'{"type":"response.done","response":{"id":"r","usage":null}}', Turn("r", True, None)),
        (b'{"type":"response.done","response":{"id":"r","usage":{}}}', Turn("r", True, None)),
        (
            b'{"type":"response.done","response":{"usage":{"output_tokens":2,"input_tokens":-1}}}',
            Turn("", True, Usage(0, 2)),
        ),
        (
            b'{"type":"response.done","response":{"usage":{"input_tokens":5,"input_token_details":{"cached_tokens":9}}}}',
            Turn("", True, Usage(5, 0, 5)),
        ),
        (
            b'{"type":"response.done","response":{"usage":{"input_tokens":5,"input_token_details":{"cached_tokens":null}}}}',
            Turn("", True, Usage(5, 0)),
        ),
        (b'{"type":"response.output_text.delta","delta":"response.done"}', None),
        (b'{"type":"x","delta":"response.done"}', None),
        (b'{"type":"response.done"', None),
        (b'{"type":"session.updated"}', None),
    ],
)
def test_only_beginnings_and_ends_of_responses_are_read(event: bytes, turn: Turn | None) -> None:
    """Whatever else passes."""
    assert openai_realtime.read_turn(event) == turn


def test_a_request_for_a_response_is_known_by_its_type() -> None:
    """Its words may stand in any text."""
    assert openai_realtime.read_create(b'{"type": "response.create", "event_id":"e"}') == "e"
    assert openai_realtime.read_create(b'{"response":{},"type":"response.create"}') == ""
    assert openai_realtime.read_create(b'{"type":"x","text":"response.create"}') is None
    assert openai_realtime.read_create(b'{"type":"response.create') is None
    assert openai_realtime.read_create(b'{"type":"response.cancel"}') is None


def test_output_is_estimated_from_its_pieces() -> None:
    """A token a piece of text; of audio, a twentieth of a second."""
    assert openai_realtime.made_by(b'{"type":"response.output_text.delta","delta":"a"}') == 1
    audio = b'{"type":"response.output_audio.delta","delta":"' + b"A" * 6_400 + b'"}'
    assert openai_realtime.made_by(audio) == 2
    assert openai_realtime.made_by(b'{"type":"response.output_text.done"}') == 0


def test_an_error_is_an_event() -> None:
    """As the provider itself would say it."""
    refused = Refused(Reason.QUOTA_EXCEEDED, "no more")

    assert json.loads(openai_realtime.error(refused, "event_9", answers="mine")) == {
        "type": "error",
        "event_id": "event_9",
        "error": {
            "type": "insufficient_quota",
            "code": "insufficient_quota",
            "message": "no more",
            "param": None,
            "event_id": "mine",
        },
    }
    assert json.loads(openai_realtime.error(refused, "event_9"))["error"]["event_id"] is None

"""How a stream ends that may not go on."""

import msgspec
import pytest

from keyturn.dialects.openai_stream_end import cut_short

CHAT = b'data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{}}]}\n\n'
TEXT = b'data: {"id":"c2","object":"text_completion","created":1,"model":"m","choices":[]}\r\n\r\n'
RESPONSE = b'event: response.created\ndata: {"type":"response.created","response":{"id":"r1","status":"in_progress"}}\n\n'


def events(data: bytes) -> list[object]:
    """Return the JSON of each event, and the mark of the end as it stands."""
    found = [line.removeprefix(b"data: ") for line in data.split(b"\n") if line.startswith(b"data: ")]
    return [one if one == b"[DONE]" else msgspec.json.decode(one) for one in found]


def test_a_chat_ends_as_one_that_reached_its_maximum() -> None:
    """Clients know this end; an error event would make the SDK throw away what it has."""
    last, done = events(cut_short(CHAT))

    assert last == {
        "id": "c1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "finish_reason": "length", "logprobs": None, "delta": {}}],
    }
    assert done == b"[DONE]"


def test_a_completion_ends_likewise() -> None:
    """With text instead of a delta."""
    last, done = events(cut_short(TEXT))

    assert isinstance(last, dict)
    assert last["choices"] == [{"index": 0, "finish_reason": "length", "logprobs": None, "text": ""}]
    assert done == b"[DONE]"


def test_a_response_ends_as_incomplete() -> None:
    """The responses API has an event of its own for it."""
    ended = cut_short(RESPONSE)

    assert ended.startswith(b"event: response.incomplete\n")
    assert events(ended) == [
        {
            "type": "response.incomplete",
            "response": {
                "id": "r1",
                "status": "incomplete",
                "incomplete_details": {"reason": "max_output_tokens"},
            },
        }
    ]


def test_a_response_without_an_object_ends_all_the_same() -> None:
    """What a provider gets wrong must not keep the stream open."""
    [event] = events(cut_short(b'data: {"response":null}\n\n'))

    assert isinstance(event, dict)
    assert event["response"]["status"] == "incomplete"


@pytest.mark.parametrize("begun", [b"", b"data: {", b"data: nonsense\n\n", b"data: [1]\n\n", b"id: 1\n\n"])
def test_what_can_t_be_read_ends_with_the_mark_alone(begun: bytes) -> None:
    """There is nothing to say about it that would be true."""
    assert cut_short(begun) == b"data: [DONE]\n\n"

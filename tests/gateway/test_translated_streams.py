"""Streams in one dialect of answers that come in another, over real sockets, from providers that misbehave."""

import threading

import msgspec
import pytest

from fakes.origin import Origin, hangs_up, plain, waits_for, watches_it_leave
from gateway.messages import ENDED, MESSAGE, STARTED, word
from gateway.pieces import CHUNKED, SSE, chunk
from gateway.providers import UPSTREAM_SECRET
from gateway.strangers import BARD, CLAUDE, CONTENT, PLAIN, ask_for_stream, chat, served
from support.node import Node, until
from support.wire import Wire


def test_a_word_is_handed_on_before_the_next_one_is_there(node: Node, stranger: Origin) -> None:
    """A stream that waits for its end is none."""
    go_on = threading.Event()
    stranger.arrange(
        SSE + CHUNKED + chunk(STARTED + word("Good ")),
        waits_for(go_on),
        chunk(word("day") + ENDED) + chunk(b""),
    )

    with Wire(node.port) as wire:
        wire.send(ask_for_stream(node, CLAUDE, stream_options={"include_usage": True}))
        head = wire.head()
        first = wire.until(b"Good ")
        go_on.set()
        rest = wire.until(b"data: [DONE]")

    assert head.headers["content-type"] == "text/event-stream"
    assert b'"role":"assistant"' in first
    assert b'"content":"day"' in rest
    assert b'"finish_reason":"stop"' in rest
    assert b'"prompt_tokens":12,"completion_tokens":4' in rest


def test_a_provider_that_dies_in_mid_stream_is_told_of_in_the_stream(node: Node, stranger: Origin) -> None:
    """After the first byte there is no status; and what was streamed is charged."""
    stranger.arrange(SSE + CHUNKED + chunk(STARTED + word("Good ")), hangs_up)

    with Wire(node.port) as wire:
        wire.send(ask_for_stream(node, CLAUDE))
        wire.head()
        said = b"".join(wire.chunks())

    assert b'"error"' in said
    assert b'"upstream_closed"' in said


def test_a_stream_that_ends_before_its_end_is_an_error(node: Node, stranger: Origin) -> None:
    """A proxy at the provider's may cut it cleanly; half an answer must not look whole."""
    stranger.arrange(SSE + CHUNKED + chunk(STARTED + word("Good ")) + chunk(b""))

    with Wire(node.port) as wire:
        wire.send(ask_for_stream(node, CLAUDE))
        wire.head()
        said = b"".join(wire.chunks())

    assert b'"upstream_closed"' in said


def test_a_stream_of_garbage_is_an_error(node: Node, stranger: Origin) -> None:
    """And the provider is hung up on."""
    stranger.arrange(SSE + CHUNKED + chunk(STARTED + b"data: {garbage\n\n"), watches_it_leave)

    with Wire(node.port) as wire:
        wire.send(ask_for_stream(node, CLAUDE))
        wire.head()
        said = b"".join(wire.chunks())

    assert b'"upstream_malformed"' in said
    until(lambda: stranger.left, what="the gateway leaving the provider")


@pytest.mark.parametrize(
    ("model", "events"),
    [
        (
            CLAUDE,
            STARTED
            + word("Good ")
            + b'event: error\ndata: {"type":"error","error":{"type":"api_error","message":"%b"}}\n\n',
        ),
        (BARD, b'data: {"error":{"code":503,"message":"%b","status":"UNAVAILABLE"}}\r\n\r\n'),
    ],
)
def test_an_error_in_a_stream_does_not_tell_our_credential(
    node: Node, stranger: Origin, model: str, events: bytes
) -> None:
    """Some providers repeat what they don't like."""
    said = events.replace(b"%b", b"Wrong key: " + UPSTREAM_SECRET.encode())
    stranger.arrange(SSE + CHUNKED + chunk(said) + chunk(b""))

    answer = chat(node, model, stream=True)

    assert "Wrong key" in answer.text
    assert UPSTREAM_SECRET not in answer.text


def test_a_provider_that_does_not_stream_answers_a_client_that_does(node: Node, stranger: Origin) -> None:
    """Some models can't."""
    stranger.arrange(plain(MESSAGE))

    answer = chat(node, CLAUDE, stream=True)

    assert answer.headers["content-type"] == "text/event-stream"
    assert '"content":"Good day"' in answer.text
    assert answer.text.endswith("data: [DONE]\n\n")


def test_a_gemini_client_without_events_gets_an_array(node: Node, stranger: Origin) -> None:
    """As Google answers it; the provider is asked for events all the same, so that the stream can be followed."""
    stranger.arrange(SSE + CHUNKED + chunk(b"data: " + CONTENT + b"\r\n\r\n") * 2 + chunk(b""))

    path = f"/v1beta/models/{BARD}:streamGenerateContent"
    body = {"contents": [{"parts": [{"text": "hello"}]}]}
    answer = node.send("POST", path, headers={"x-goog-api-key": node.key}, json=body)

    assert stranger.received[0].line.split(" ")[1].endswith(":streamGenerateContent?alt=sse")
    assert answer.headers["content-type"] == "application/json"
    assert answer.content == b"[" + CONTENT + b",\r\n" + CONTENT + b"]"
    assert served(node, answer)["output_tokens"] == 5


def test_a_gemini_client_without_events_gets_an_array_of_a_whole_answer_too(
    node: Node, stranger: Origin
) -> None:
    """From a provider that does not stream, in another dialect."""
    stranger.arrange(plain(MESSAGE))

    path = f"/v1beta/models/{CLAUDE}:streamGenerateContent"
    body = {"contents": [{"parts": [{"text": "hello"}]}]}
    answer = node.send("POST", path, headers={"x-goog-api-key": node.key}, json=body)
    pieces = answer.json()

    assert answer.headers["content-type"] == "application/json"
    said = [part["text"] for piece in pieces for part in piece["candidates"][0]["content"]["parts"]]
    assert "".join(said) == "Good day"
    assert pieces[-1]["candidates"][0]["finishReason"] == "STOP"


def test_usage_is_asked_for_where_the_client_does_not_ask_and_taken_out_again(
    node: Node, stranger: Origin
) -> None:
    """It is counted to the token, and the client gets the stream that it asked for."""
    event = b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"hi"}}]%b}\n\n'
    figures = b'data: {"id":"c","choices":[],"usage":{"prompt_tokens":21,"completion_tokens":1,"total_tokens":22}}\n\n'
    done = b"data: [DONE]\n\n"
    stranger.arrange(SSE + CHUNKED + chunk(event % b',"usage":null' + figures + done) + chunk(b""))

    answer = chat(node, PLAIN, stream=True)

    assert msgspec.json.decode(stranger.received[0].body)["stream_options"] == {"include_usage": True}
    assert answer.content == event % b"" + done
    noted = served(node, answer)
    assert (noted["input_tokens"], noted["usage_source"]) == (21, "reported")


def test_a_gemini_stream_that_breaks_behind_its_last_word_is_whole(node: Node, stranger: Origin) -> None:
    """No word of it is missing, and it was charged: an error would only have it asked for again."""
    stranger.arrange(SSE + CHUNKED + chunk(b"data: " + CONTENT + b"\n\n"), hangs_up)

    with Wire(node.port) as wire:
        wire.send(ask_for_stream(node, BARD))
        wire.head()
        said = b"".join(wire.chunks())

    assert b'"content":"Servus"' in said
    assert b'"finish_reason":"stop"' in said
    assert said.endswith(b"data: [DONE]\n\n")
    assert b'"error"' not in said

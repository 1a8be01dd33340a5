"""What clients of one dialect get of the streams of providers of another that misbehave, over real sockets."""

import threading
from typing import Any

import msgspec
import pytest

from fakes.origin import Origin, Step, hangs_up, is_read, resets, waits_for, watches_it_leave
from gateway.faults import CLOSED, JSON_HEAD, LAST, MALFORMED, Call, begun, sized, story
from gateway.pieces import CHUNKED, SSE, chunk
from gateway.providers import UPSTREAM_SECRET
from gateway.translated import CLIENTS
from support.node import Node, until
from support.wire import Wire

BROKEN: dict[str, tuple[Any, str, bool]] = {
    "hangs up behind the head": (lambda _: (SSE + CHUNKED, is_read, hangs_up), CLOSED, False),
    "resets behind the head": (lambda _: (SSE + CHUNKED, is_read, resets), CLOSED, False),
    "ends behind the head": (lambda _: (SSE + CHUNKED + LAST,), CLOSED, False),
    "hangs up between chunks": (lambda one: (begun(one), is_read, hangs_up), CLOSED, True),
    "resets between chunks": (lambda one: (begun(one), is_read, resets), CLOSED, True),
    "hangs up in mid-chunk": (
        lambda one: (begun(one) + chunk(one.end)[:-9], is_read, hangs_up),
        CLOSED,
        True,
    ),
    "hangs up in mid-event": (
        lambda one: (begun(one) + chunk(one.end[:30]), is_read, hangs_up),
        CLOSED,
        True,
    ),
    "ends in mid-event": (lambda one: (begun(one) + chunk(one.end[:30]) + LAST,), CLOSED, True),
    "ends before its last event": (lambda one: (begun(one) + LAST,), CLOSED, True),
    "is shorter than it says": (lambda one: (sized(one.begin, 99), is_read, hangs_up), CLOSED, True),
    "is longer than it says": (lambda one: (sized(one.begin + one.end, -len(one.end)),), CLOSED, True),
    "has no length and no end": (lambda one: (SSE + b"\r\n" + one.begin, is_read, hangs_up), CLOSED, True),
    "sends no JSON": (
        lambda one: (begun(one), is_read, chunk(b"data: {what\n\n"), watches_it_leave),
        MALFORMED,
        True,
    ),
    "sends JSON of another shape": (
        lambda one: (begun(one), is_read, chunk(b"data: 5\n\n") + LAST),
        MALFORMED,
        True,
    ),
    "sends what is not UTF-8": (
        lambda one: (begun(one), is_read, chunk(b'data: {"\xff"}\n\n') + LAST),
        MALFORMED,
        True,
    ),
    "sends chunks that are none": (
        lambda one: (begun(one), is_read, b"what?\r\n", hangs_up),
        MALFORMED,
        True,
    ),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_half_a_stream_never_looks_whole(made: Call, fault: str) -> None:
    """After the first byte there is no status: the stream ends with the error event of its dialect, and no other end."""
    steps, code, has_text = BROKEN[fault]

    answer = made.asks(*steps(made.provider), stream=True)

    assert answer.status == 200
    assert [one.code for one in made.client.errors(answer.body)] == [code]
    assert made.client.ends not in answer.body
    assert made.client.words(answer.body).startswith("Good " if has_text else "")
    noted = made.noted(answer)
    assert noted["outcome"] == code
    assert noted["output_tokens"] > 0 or not has_text, "what was streamed is charged"
    made.is_well()


@pytest.mark.parametrize(
    "then", [(LAST,), (is_read, hangs_up), (is_read, resets)], ids=["ends", "hangs up", "resets"]
)
def test_a_providers_error_in_the_stream_is_the_clients(any_made: Call, then: tuple[Step, ...]) -> None:
    """In its dialect, once, in the provider's words but for our credential, however the provider goes."""
    secret = any_made.provider.failure.replace(b"BUSY", b"BUSY, " + UPSTREAM_SECRET.encode())

    answer = any_made.asks(begun(any_made.provider) + chunk(secret), *then, stream=True)

    (error,) = any_made.client.errors(answer.body)
    assert error.message.startswith("BUSY")
    assert UPSTREAM_SECRET.encode() not in answer.body
    assert any_made.client.ends not in answer.body
    assert any_made.client.words(answer.body) == "Good "
    noted = any_made.noted(answer)
    assert noted["outcome"] == CLOSED
    assert noted["output_tokens"] > 0
    any_made.is_well()


@pytest.mark.parametrize(
    "then",
    [(is_read, hangs_up), (is_read, resets), (is_read, b"what?\r\n")],
    ids=["hangs up", "resets", "garbage"],
)
def test_a_stream_that_has_said_its_end_is_whole(ended: Call, then: tuple[Step, ...]) -> None:
    """The client has it all, with its usage: how the connection ends is no concern of anybody's."""
    provider = ended.provider

    answer = ended.asks(begun(provider) + chunk(provider.end), *then, stream=True)

    assert ended.client.errors(answer.body) == []
    assert ended.client.ends in answer.body
    assert ended.client.words(answer.body) == "Good day"
    noted = ended.noted(answer)
    assert (noted["outcome"], noted["output_tokens"], noted["usage_source"]) == ("ok", 4, "reported")
    ended.is_well()


# ── who waits ───────────────────────────────────────────────────────────────


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_client_that_leaves_is_noted_and_its_provider_left(made: Call, *, stream: bool) -> None:
    """Nobody pays a provider for what nobody reads, and what was streamed until then is charged."""
    begin = begun(made.provider) if stream else JSON_HEAD + b"content-length: 99\r\n\r\n"
    made.ill.otherwise = (begin, watches_it_leave)

    with Wire(made.node.port) as wire:
        wire.send(made.client.ask(made.model, made.key, stream=stream))
        if stream:
            wire.head()
            wire.until(b"Good ")
        else:
            made.ill.has_received(1)
        wire.reset()
    until(lambda: made.ill.left, what="the gateway leaving the provider")

    (request_id,) = made.ill.received[0].values("x-request-id")
    noted = story(made.node, request_id)
    assert (noted["outcome"], noted["status"]) == ("client_left", 200 if stream else 499)
    assert noted["input_tokens"] > 0
    assert (noted["output_tokens"] > 0) is stream
    made.is_well()


def test_a_piece_of_a_call_is_handed_on_before_the_next_one_is_there(relay_node: Node, ill: Origin) -> None:
    """Arguments are long; and the first of two parallel calls is whole for an Anthropic client when the second begins."""
    go_on = [threading.Event(), threading.Event(), threading.Event()]
    ill.arrange(
        SSE + CHUNKED + chunk(_call(0, "a", '{"n":')),
        waits_for(go_on[0]),
        chunk(_call(0, "", "1}")),
        waits_for(go_on[1]),
        chunk(_call(1, "b", "")),
        waits_for(go_on[2]),
        chunk(_call(1, "", "{}") + b"data: [DONE]\n\n") + LAST,
    )
    client = next(one for one in CLIENTS if one.name == "anthropic")

    with Wire(relay_node.port) as wire:
        wire.send(client.ask("wide-together-model", relay_node.key, stream=True))
        wire.head()
        wire.until(b'"partial_json":"{\\"n\\":"')
        go_on[0].set()
        wire.until(b'"partial_json":"1}"')
        go_on[1].set()
        between = wire.until(b'"id":"b"')
        go_on[2].set()
        rest = wire.until(b"message_stop")

    assert b'"content_block_stop","index":0' in between
    assert b'"partial_json":"{}"' in rest


def _call(index: int, identity: str, arguments: str) -> bytes:
    function = {"name": "weather", "arguments": arguments} if identity else {"arguments": arguments}
    call: dict[str, object] = {"index": index, "function": function}
    if identity:
        call |= {"id": identity, "type": "function"}
    piece = {"id": "c", "choices": [{"index": 0, "delta": {"tool_calls": [call]}}]}
    return b"data: " + msgspec.json.encode(piece) + b"\n\n"

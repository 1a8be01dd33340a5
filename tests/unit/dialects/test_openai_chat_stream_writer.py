"""Chat completions in pieces, written."""

from typing import Any

import msgspec
import pytest

from keyturn.dialects.canonical import (
    Closed,
    Event,
    Failed,
    Finished,
    Grew,
    Media,
    Opened,
    Reasoning,
    Refusal,
    Signed,
    Started,
    Stop,
    Stopped,
    Text,
    ToolCall,
)
from keyturn.dialects.openai_chat import StreamWriter
from keyturn.dialects.openai_errors import render_event
from keyturn.domain.refusals import Reason, Refused
from keyturn.domain.usage import Usage
from openai_schema import problems

START = Started("c1", "m", 5)
REFUSED = Refused(Reason.UPSTREAM_CLOSED)


def payloads(stream: bytes) -> list[Any]:
    """Return what the events of a stream hold; ``[DONE]`` as it is."""
    assert stream.endswith(b"\n\n")
    found = [line.removeprefix(b"data: ") for line in stream[:-2].split(b"\n\n")]
    return ["[DONE]" if one == b"[DONE]" else msgspec.json.decode(one) for one in found]


def written(*events: Event, usage: bool = False) -> list[Any]:
    """Return what the events are written as, each of them a piece by OpenAI's description."""
    found = payloads(StreamWriter(created=7, usage=usage).write(events))
    for payload in found:
        if isinstance(payload, dict) and "error" not in payload:
            assert problems(payload, "CreateChatCompletionStreamResponse") == []
    return found


def deltas(*events: Event) -> list[Any]:
    """Return the deltas of all pieces but the first."""
    return [payload["choices"][0]["delta"] for payload in written(START, *events)[1:]]


def test_a_stream_is_written_piece_by_piece() -> None:
    """Byte for byte, so that nothing changes by accident."""
    writer = StreamWriter(created=7, usage=True)
    head = b'data: {"id":"c1","object":"chat.completion.chunk","created":5,"model":"m","choices":['
    tail = b',"logprobs":null,"finish_reason":null}],"usage":null}\n\n'

    assert writer.write([START]) == (
        head + b'{"index":0,"delta":{"role":"assistant","content":"","refusal":null}' + tail
    )
    assert writer.write([Opened(0, Text(""))]) == b""
    assert writer.write([Grew(0, 'a"\n')]) == head + b'{"index":0,"delta":{"content":"a\\"\\n"}' + tail
    assert writer.write([Closed(0)]) == b""
    assert writer.write([Stopped(Stop.END)]) == (
        head + b'{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}],"usage":null}\n\n'
    )
    assert writer.write([Finished(Usage(9, 4, 2, 1))]) == (
        head + b'],"usage":{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13,'
        b'"prompt_tokens_details":{"cached_tokens":2,"cache_write_tokens":0},'
        b'"completion_tokens_details":{"reasoning_tokens":1}}}\n\ndata: [DONE]\n\n'
    )
    assert writer.write([]) == b""


@pytest.mark.parametrize(("usage", "known"), [(False, Usage(1, 1)), (True, None)])
def test_usage_is_told_where_it_is_asked_for_and_known(usage: bool, known: Usage | None) -> None:  # noqa: FBT001
    """Otherwise clients find no event without a choice, which breaks some of them."""
    pieces = written(START, Stopped(Stop.END), Finished(known), usage=usage)

    assert [len(piece["choices"]) for piece in pieces[:-1]] == [1, 1]
    assert pieces[-1] == "[DONE]"
    assert all(("usage" in piece) is usage for piece in pieces[:-1])


def test_the_time_is_the_gateways_where_the_provider_has_none() -> None:
    """Clients want one."""
    assert written(Started("c1", "m"))[0]["created"] == 7


def test_parallel_calls_are_counted() -> None:
    """Their pieces may come in turns."""
    assert deltas(
        Opened(0, Text("Let me")),
        Closed(0),
        Opened(1, ToolCall("a", "x", "")),
        Opened(2, ToolCall("b", "y", "", "sig")),
        Grew(2, "{}"),
        Grew(1, '{"n":1}'),
        Signed(1, "late"),
        Closed(1),
        Closed(2),
    ) == [
        {"content": "Let me"},
        {
            "tool_calls": [
                {"index": 0, "id": "a", "type": "function", "function": {"name": "x", "arguments": ""}}
            ]
        },
        {
            "tool_calls": [
                {
                    "index": 1,
                    "id": "b",
                    "type": "function",
                    "function": {"name": "y", "arguments": ""},
                    "extra_content": {"google": {"thought_signature": "sig"}},
                }
            ]
        },
        {"tool_calls": [{"index": 1, "function": {"arguments": "{}"}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"n":1}'}}]},
        {"tool_calls": [{"index": 0, "extra_content": {"google": {"thought_signature": "late"}}}]},
    ]


def test_thoughts_are_told_with_their_proofs_when_they_are_whole() -> None:
    """So that a client can send them back."""
    assert deltas(
        Opened(0, Reasoning("")),
        Grew(0, "H"),
        Grew(0, "m"),
        Signed(0, "proof"),
        Closed(0),
        Opened(1, Reasoning("", sealed="x", id="r")),
        Closed(1),
        Opened(2, Reasoning("So")),
        Closed(2),
    ) == [
        {"reasoning_content": "H"},
        {"reasoning_content": "m"},
        {"reasoning_details": [{"type": "reasoning.text", "text": "Hm", "signature": "proof", "index": 0}]},
        {"reasoning_details": [{"type": "reasoning.encrypted", "data": "x", "id": "r", "index": 1}]},
        {"reasoning_content": "So"},
    ]


def test_an_image_is_told_at_once() -> None:
    """As OpenRouter does it."""
    assert deltas(Opened(0, Media("image/png", "AAAA")), Closed(0)) == [
        {"images": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]}
    ]


def test_a_refusal_with_words_is_an_end() -> None:
    """One without looks filtered."""
    with_words = written(
        START, Opened(0, Refusal("")), Grew(0, "No"), Closed(0), Stopped(Stop.REFUSED), Finished()
    )
    without = written(START, Stopped(Stop.REFUSED), Finished())

    assert with_words[1]["choices"][0]["delta"] == {"refusal": "No"}
    assert with_words[2]["choices"][0]["finish_reason"] == "stop"
    assert without[1]["choices"][0]["finish_reason"] == "content_filter"


def test_a_stream_that_may_not_go_on_has_become_long_enough() -> None:
    """Clients know that end."""
    writer = StreamWriter(created=7, usage=False)
    writer.write([START, Opened(0, Text("")), Grew(0, "Hi")])

    last, done = payloads(writer.cut_short())

    assert last["choices"][0]["finish_reason"] == "length"
    assert done == "[DONE]"
    assert writer.cut_short() == b""
    assert writer.fail(REFUSED) == b""


def test_a_stream_may_be_cut_short_before_it_begins_and_after_it_stopped() -> None:
    """It has one beginning and one reason."""
    unbegun = payloads(StreamWriter(created=7, usage=False).cut_short())
    stopped = StreamWriter(created=7, usage=False)
    stopped.write([START, Stopped(Stop.END)])
    over = StreamWriter(created=7, usage=False)
    over.write([START, Stopped(Stop.END), Finished()])

    assert [
        piece if isinstance(piece, str) else piece["choices"][0]["finish_reason"] for piece in unbegun
    ] == [
        None,
        "length",
        "[DONE]",
    ]
    assert problems(unbegun[0], "CreateChatCompletionStreamResponse") == []
    assert payloads(stopped.cut_short()) == ["[DONE]"]
    assert over.cut_short() == b""


def test_a_failure_ends_the_stream_with_an_error() -> None:
    """Ours or the provider's."""
    writer = StreamWriter(created=7, usage=False)
    writer.write([START])

    assert written(START, Failed("Busy", "overloaded"))[1] == {
        "error": {"message": "Busy", "type": "server_error", "code": "overloaded", "param": None}
    }
    assert writer.fail(REFUSED) == render_event(REFUSED)
    assert writer.cut_short() == b""

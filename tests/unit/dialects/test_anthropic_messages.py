"""The official SDK takes what is written for Anthropic's clients, and what it asks is read."""

from typing import Any

import anthropic
import httpx2
import msgspec
import pytest

from keyturn.dialects import anthropic_messages as codec
from keyturn.dialects.canonical import (
    Answer,
    Chat,
    Closed,
    Event,
    Failed,
    Finished,
    Grew,
    Opened,
    ProviderError,
    Read,
    Reasoning,
    Signed,
    Started,
    Stop,
    Stopped,
    Text,
    ToolCall,
)
from keyturn.domain.refusals import Reason, Refused
from keyturn.domain.usage import Usage

ASKED: dict[str, Any] = {
    "model": "gpt",
    "max_tokens": 9,
    "messages": [{"role": "user", "content": "Hi"}],
}
EVENTS: list[Event] = [
    Started("c1", "gpt", usage=Usage(5)),
    Opened(0, Reasoning("")),
    Grew(0, "Hm"),
    Signed(0, "sig"),
    Closed(0),
    Opened(1, Text("")),
    Grew(1, "Hel"),
    Grew(1, "lo"),
    Closed(1),
    Opened(2, ToolCall("t1", "f", "")),
    Opened(3, ToolCall("t2", "g", "", "CiQB")),
    Grew(3, '{"b":'),
    Grew(2, '{"a":1}'),
    Grew(3, "2}"),
    Closed(2),
    Closed(3),
    Stopped(Stop.TOOLS),
    Finished(Usage(5, 7, 1, 2)),
]


def client(
    body: bytes, *, status: int = 200, stream: bool = False, asked: list[bytes] | None = None
) -> anthropic.Anthropic:
    """Return an SDK client that is answered with this body."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        if asked is not None:
            asked.append(request.content)
        kind = "text/event-stream" if stream else "application/json"
        return httpx2.Response(status, content=body, headers={"content-type": kind, "request-id": "req_1"})

    return anthropic.Anthropic(
        api_key="k", max_retries=0, http_client=httpx2.Client(transport=httpx2.MockTransport(answer))
    )


def test_an_answer() -> None:
    """Every member is where the SDK looks for it."""
    parts = (
        Reasoning("Hm", "sig"),
        Reasoning("", sealed="abc"),
        Text("Hello"),
        ToolCall("t1", "f", '{"a":1}'),
    )
    answer = Answer(id="c1", model="gpt", parts=parts, stop=Stop.TOOLS, usage=Usage(5, 7, 1, 2))

    found = client(codec.write_answer(answer, created=1)).messages.create(**ASKED)

    assert [block.type for block in found.content] == ["thinking", "redacted_thinking", "text", "tool_use"]
    assert found.stop_reason == "tool_use"
    assert (found.usage.input_tokens, found.usage.cache_read_input_tokens, found.usage.output_tokens) == (
        4,
        1,
        7,
    )
    assert codec.read_answer(found.to_json(indent=None).encode()) == answer


def test_a_stream() -> None:
    """The SDK puts together what was told in pieces."""
    body = codec.StreamWriter(created=1, usage=True).write(EVENTS)

    with client(body, stream=True).messages.stream(**ASKED) as stream:
        text = "".join(stream.text_stream)
        found = stream.get_final_message()

    assert text == "Hello"
    assert [block.to_dict() for block in found.content if block.type == "tool_use"] == [
        {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": 1}},
        {"type": "tool_use", "id": "t2", "name": "g", "input": {"b": 2}},
    ]
    assert found.stop_reason == "tool_use"
    assert (found.usage.input_tokens, found.usage.output_tokens) == (4, 7)


def test_what_the_client_got_comes_back_in_its_next_turn() -> None:
    """With the signature that only the call's provider knows."""
    asked: list[bytes] = []
    body = codec.StreamWriter(created=1, usage=True).write(EVENTS)
    with client(body, stream=True).messages.stream(**ASKED) as stream:
        message = stream.get_final_message()
    results = [{"type": "tool_result", "tool_use_id": one, "content": "done"} for one in ("t1", "t2")]
    messages = [*ASKED["messages"], message.to_param(), {"role": "user", "content": results}]

    answer = Answer(id="c2", model="gpt", parts=(Text("x"),), stop=Stop.END)
    client(codec.write_answer(answer, created=1), asked=asked).messages.create(
        **(ASKED | {"messages": messages})
    )

    found = codec.read_request(asked[0])
    assert isinstance(found, Read)
    assert found.losses == ()
    assert [msgspec.structs.replace(part, path="") for part in found.chat.messages[1].parts] == [
        Reasoning("Hm", "sig"),
        Text("Hello"),
        ToolCall("t1", "f", '{"a":1}'),
        ToolCall("t2", "g", '{"b":2}', "CiQB"),
    ]


@pytest.mark.parametrize("length", range(1, len(EVENTS) - 1))
def test_a_stream_that_ends_early(length: int) -> None:
    """Wherever it is: as a translated one and as one that was passed through."""
    writer = codec.StreamWriter(created=1, usage=True)
    data = writer.write(EVENTS[:length])
    if length > 10:  # two calls are open at once, which Anthropic itself does not do
        ends = [writer.cut_short()]
    else:
        ends = [codec.cut_short(data, data), codec.cut_short(data[:300], data[-400:]), writer.cut_short()]

    for end in ends:
        with client(data + end, stream=True).messages.stream(**ASKED) as stream:
            found = stream.get_final_message()
        assert found.stop_reason == "max_tokens"
        assert (data + end).count(b"event: content_block_start") == (data + end).count(
            b"event: content_block_stop"
        )


def test_a_stream_that_fails() -> None:
    """As an exception of the SDK's."""
    writer = codec.StreamWriter(created=1, usage=True)
    ours = writer.write(EVENTS[:8]) + writer.fail(Refused(Reason.UPSTREAM_CLOSED))
    theirs = codec.StreamWriter(created=1, usage=True).write(
        [*EVENTS[:8], Failed("Sorry", "overloaded_error")]
    )

    for body, words in ((ours, "closed the connection"), (theirs, "Sorry")):
        with (
            pytest.raises(anthropic.APIStatusError, match=words),
            client(body, stream=True).messages.stream(**ASKED) as stream,
        ):
            stream.get_final_message()


def test_an_error() -> None:
    """Of the class that goes with its status."""
    body = codec.write_error(429, ProviderError("Slow down", "rate_limit_exceeded"), "req_1")

    with pytest.raises(anthropic.RateLimitError, match="Slow down"):
        client(body, status=429).messages.create(**ASKED)


def test_a_count() -> None:
    """Asked and answered."""
    asked: list[bytes] = []

    found = client(codec.write_count(12), asked=asked).messages.count_tokens(
        model="m", messages=ASKED["messages"]
    )

    assert found.input_tokens == 12
    counted = codec.read_count(asked[0])
    assert isinstance(counted, Read)
    assert isinstance(counted.chat, Chat)

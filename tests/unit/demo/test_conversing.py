"""How chats with demo models come over, in every dialect: whole, in pieces, or as errors."""

import json
from typing import Any

import msgspec
import pytest

from keyturn.demo.replies import Reply, Served
from keyturn.dialects.canonical import (
    Chat,
    Closed,
    Effort,
    Event,
    Finished,
    Grew,
    Opened,
    Part,
    Reasoning,
    Signed,
    Started,
    Stopped,
    Text,
    ToolCall,
)
from openai_schema import problems
from support.demo_answers import (
    ANSWERS,
    CODECS,
    PICTURE,
    TIME,
    WEATHER,
    ask,
    asking,
    every_dialect,
    told,
    user,
)


def streamed(dialect: str, chat: Chat) -> list[Event]:
    """Return a streamed answer as the dialect's codec reads it."""
    reply = ask(dialect, msgspec.structs.replace(chat, stream=True, stream_usage=True))
    assert reply.head.startswith(b"HTTP/1.1 200 "), reply.pieces
    reader = CODECS[dialect].StreamReader()
    events = [event for data in unchunked(reply) for event in reader.take(data)]
    events += reader.end()
    assert reader.whole
    return events


def unchunked(reply: Reply) -> list[bytes]:
    """Return the chunks of a reply without their frames."""
    return [
        piece.partition(b"\r\n")[2].removesuffix(b"0\r\n\r\n").removesuffix(b"\r\n") for piece in reply.pieces
    ]


def together(events: list[Event]) -> list[Part]:
    """Return the parts that a stream tells."""
    parts: list[Any] = []
    for event in events:
        match event:
            case Opened(_, part):
                parts.append(part)
            case Grew(index, text):
                name = "arguments" if isinstance(parts[index], ToolCall) else "text"
                parts[index] = msgspec.structs.replace(
                    parts[index], **{name: getattr(parts[index], name) + text}
                )
            case Signed(index, signature):
                parts[index] = msgspec.structs.replace(parts[index], signature=signature)
            case Closed():
                pass
    return parts


def nameless(parts: list[Part]) -> list[Part]:
    """Return parts without their ids, which differ from request to request."""
    return [
        msgspec.structs.replace(part, id="") if isinstance(part, ToolCall | Reasoning) else part
        for part in parts
    ]


@every_dialect
@pytest.mark.parametrize(
    "chat",
    [
        asking("hello there"),
        asking("get_weather and get-time", tools=(WEATHER, TIME)),
        asking("get_weather", tools=(WEATHER,), effort=Effort.LOW, show_reasoning=True),
        asking("see", messages=(user(Text("see"), PICTURE),), max_output_tokens=17),
    ],
    ids=["words", "calls", "thought", "length"],
)
def test_a_stream_says_what_the_whole_answer_says(dialect: str, chat: Chat) -> None:
    """In pieces, with the same usage at the end."""
    if dialect == "openai_chat":
        chat = msgspec.structs.replace(chat, show_reasoning=None)
    whole = told(dialect, chat)

    events = streamed(dialect, chat)

    assert isinstance(events[0], Started)
    assert nameless(together(events)) == nameless(list(whole.parts))
    assert [event.stop for event in events if isinstance(event, Stopped)] == [whole.stop]
    finished = events[-1]
    assert isinstance(finished, Finished)
    assert finished.usage == whole.usage


@pytest.mark.parametrize(
    ("dialect", "chat", "schema"),
    [
        ("openai_chat", asking("get_weather", tools=(WEATHER,)), "CreateChatCompletionResponse"),
        ("openai_chat", asking("x", effort=Effort.LOW), "CreateChatCompletionResponse"),
        ("openai_responses", asking("get_weather", tools=(WEATHER,)), "Response"),
        ("openai_responses", asking("x", effort=Effort.LOW), "Response"),
    ],
)
def test_an_answer_conforms_to_the_api_description(dialect: str, chat: Chat, schema: str) -> None:
    """Calls and thoughts do so as well as words."""
    assert problems(json.loads(ask(dialect, chat).pieces[0]), schema) == []


@every_dialect
def test_what_was_served_is_noted_with_its_usage(dialect: str) -> None:
    """The log of the demo is compared with the gateway's usage."""
    chat = asking("hello", effort=Effort.LOW, stream=True, stream_usage=True)

    served = ask(dialect, chat).served

    assert served == Served(
        model="demo-chat",
        input_tokens=1,
        output_tokens=52,
        streamed=True,
        status=200,
        reasoning_tokens=19,
    )


@every_dialect
def test_models_misbehave_in_every_dialect(dialect: str) -> None:
    """Fallback and retries are tried out with them."""
    limited, failed, nobody = (
        ask(dialect, asking("hello", model=name)) for name in ("demo-429", "demo-503", "nobody")
    )
    cut = ask(dialect, asking("hello", model="demo-cut", stream=True))

    for reply, status in ((limited, b"429"), (failed, b"503"), (nobody, b"404")):
        assert reply.head.startswith(b"HTTP/1.1 %b " % status)
        error = CODECS[dialect].read_error(reply.pieces[0])
        assert error is not None
        assert error.message
    assert b"retry-after: 1\r\n" in limited.head
    assert limited.served is not None
    assert cut.cut


@every_dialect
def test_a_model_that_counts_nothing_says_no_usage(dialect: str) -> None:
    """The gateway estimates then. Anthropic's dialect can't leave it out."""
    answer = told(dialect, asking("hello", model="demo-no-usage", tools=(WEATHER,)))

    assert answer.usage is None or (dialect == "anthropic_messages" and answer.usage.output_tokens == 0)


@every_dialect
def test_the_pace_is_as_asked(dialect: str) -> None:
    """Benchmarks and tests of time-outs set it in any dialect."""
    chat = asking("hello", stream=True, tools=(WEATHER,))

    reply = ask(dialect, chat, demo_words=50, demo_interval_ms=7, demo_delay_ms=9)

    assert (reply.interval_ms, reply.delay_ms) == (7, 9)
    assert len(reply.pieces) >= 50
    assert ask(dialect, chat).interval_ms == 10


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/messages", b'{"model":"echo"}'),
        ("/v1/messages", b"{"),
        ("/v1/messages", b'{"model":"echo","max_tokens":1,"demo_words":0,"messages":[]}'),
        ("/v1/messages/count_tokens", b'{"model":"echo"}'),
        ("/v1beta/models/echo:generateContent", b'{"contents":5}'),
        ("/v1beta/models/echo:countTokens", b"[]"),
        ("/v1beta/models/demo-gemini:embedContent", b"{}"),
        ("/v1beta/models/demo-gemini:embedContent", b'{"demo_words":"x"}'),
        ("/v1/chat/completions", b'{"model":"demo-chat","messages":[{"role":"user"}],"tools":[{}]}'),
        ("/v1/responses", b'{"model":"demo-chat","input":[{"type":"function_call"}]}'),
    ],
)
def test_a_request_that_cannot_be_read_is_a_400(path: str, body: bytes) -> None:
    """In the dialect that it was made in."""
    reply = ANSWERS.prepare(b"POST", path.encode(), body)

    error = json.loads(reply.pieces[0])
    assert reply.head.startswith(b"HTTP/1.1 400 ")
    assert ("request_id" in error) == ("messages" in path)
    assert ("status" in error["error"]) == ("v1beta" in path)

"""Whatever chat completions can say comes back as it was said."""

import itertools
from typing import Any

import msgspec
from hypothesis import given, settings, strategies as st

from fakes import canonical_values as values
from fakes.assembled import assembled
from keyturn.dialects import openai_chat
from keyturn.dialects.canonical import (
    Answer,
    Chat,
    Event,
    Format,
    Media,
    Message,
    Part,
    Read,
    Reasoning,
    Stop,
    Text,
)
from keyturn.dialects.openai_chat_stream import StreamReader
from keyturn.dialects.openai_chat_stream_writer import StreamWriter
from openai_schema import problems
from support.chat_chunks import DONE, ROLE, call, chunk, function, usage_chunk

SETTINGS = (
    "max_output_tokens",
    "temperature",
    "top_p",
    "top_k",
    "frequency_penalty",
    "presence_penalty",
    "seed",
    "stop",
    "effort",
    "user",
)
SOUNDS = st.builds(Media, mime_type=st.sampled_from(["audio/wav", "audio/mpeg"]), data=values.BASE64)
GIVEN = values.TEXTS | values.IMAGES | values.IMAGES_BY_URL | values.DOCUMENTS | SOUNDS
PROVED = values.SIGNED_THOUGHTS | values.SEALED_THOUGHTS
STOPS = (*values.PLAIN_STOPS, Stop.FILTERED)


def speaks(conversation: tuple[Message, ...]) -> bool:
    """Say whether each turn has more than thoughts: what was cut off before is no message in this dialect."""
    return all(any(not isinstance(part, Reasoning) for part in message.parts) for message in conversation)


CHATS = values.chats(
    conversation=values.conversations(given=GIVEN, said=values.TEXTS | PROVED).filter(speaks),
    settings=SETTINGS,
    formats=list(Format),
    described=True,
    streams=True,
)
ANSWERS = values.answers(said=values.TEXTS | PROVED, signed_calls=True, stops=STOPS)
quickly = settings(max_examples=150, derandomize=True, deadline=None)


def in_order(parts: tuple[Part, ...]) -> tuple[Part, ...]:
    """Return the parts as the dialect keeps them: thoughts, what is said, the rest; texts are one text in an answer."""
    thoughts = [part for part in parts if isinstance(part, Reasoning)]
    text = "".join(part.text for part in parts if isinstance(part, Text))
    rest = [part for part in parts if not isinstance(part, Reasoning | Text)]
    return (*thoughts, *([Text(text)] if text else []), *rest)


def thoughts_first(chat: Chat) -> Chat:
    """Return the request with each message's thoughts before its words."""
    messages = tuple(
        msgspec.structs.replace(
            message, parts=tuple(sorted(message.parts, key=lambda part: not isinstance(part, Reasoning)))
        )
        for message in chat.messages
    )
    return msgspec.structs.replace(chat, messages=messages)


def told(events: list[Event]) -> Answer:
    """Return the answer that the events tell, as the dialect keeps it."""
    answer = assembled(events)
    return msgspec.structs.replace(answer, parts=in_order(answer.parts))


def chunks(stream: bytes) -> list[Any]:
    """Return what the events of a stream hold."""
    return [msgspec.json.decode(line[6:]) for line in stream.split(b"\n\n") if line.startswith(b"data: {")]


@quickly
@given(CHATS, st.booleans())
def test_a_request_is_read_as_it_was_written(chat: Chat, legacy_cap: bool) -> None:  # noqa: FBT001
    """With nothing lost on the way."""
    written = openai_chat.write_request(chat, legacy_cap=legacy_cap, thoughts="reasoning_details", top_k=True)
    read = openai_chat.read_request(written.body)

    assert isinstance(read, Read)
    assert written.losses == read.losses == ()
    expected = msgspec.structs.replace(chat, stream_usage=chat.stream)
    assert values.normal(read.chat) == values.normal(thoughts_first(expected))


@quickly
@given(ANSWERS)
def test_an_answer_is_read_as_it_was_written(answer: Answer) -> None:
    """And is one by OpenAI's description."""
    body = openai_chat.write_answer(answer, created=7)

    assert openai_chat.read_answer(body) == msgspec.structs.replace(answer, parts=in_order(answer.parts))
    assert problems(msgspec.json.decode(body), "CreateChatCompletionResponse") == []


@quickly
@given(values.streams(ANSWERS, parallel=True), st.data())
def test_a_stream_is_read_as_it_was_written(events: list[Event], data: st.DataObject) -> None:
    """However it is cut, and every piece is one by OpenAI's description."""
    writer, reader = StreamWriter(created=7, usage=True), StreamReader()
    places = sorted(data.draw(st.sets(st.integers(0, len(events)), max_size=4)))
    stream = b"".join(
        writer.write(events[start:end]) for start, end in itertools.pairwise([0, *places, len(events)])
    )
    cuts = sorted(data.draw(st.sets(st.integers(0, len(stream)), max_size=20)))
    read: list[Event] = []
    for start, end in itertools.pairwise([0, *cuts, len(stream)]):
        read += reader.take(stream[start:end])

    assert reader.whole
    assert reader.end() == []
    assert told(read) == told(events)
    assert [
        problem
        for chunk in chunks(stream)
        for problem in problems(chunk, "CreateChatCompletionStreamResponse")
    ] == []


def test_a_stream_reads_the_same_wherever_it_breaks() -> None:
    """At every byte, with either kind of line end."""
    stream = b"".join(
        (
            b": OPENROUTER PROCESSING\n\n",
            chunk(ROLE),
            chunk({"reasoning": "Hm"}),
            chunk({"content": "☃"}),
            chunk(call(0, id="a", function=function("x", "{}"))),
            chunk({}, "tool_calls"),
            usage_chunk(),
            DONE,
        )
    )
    whole = StreamReader().take(stream)

    for data in (stream, stream.replace(b"\n", b"\r\n")):
        for place in range(len(data)):
            reader = StreamReader()
            assert [*reader.take(data[:place]), *reader.take(data[place:])] == whole

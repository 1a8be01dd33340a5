"""Chats in all dialects: a codec reads the request, a model answers, the codec writes the answer, whole or in pieces."""

from collections.abc import Iterator, Sequence

import msgspec

from keyturn.demo import bodies, prose, replies, talking
from keyturn.demo.bodies import Invalid, Paced
from keyturn.demo.models import Task
from keyturn.demo.replies import Reply, Served
from keyturn.demo.wording import Wording, stamp
from keyturn.dialects.canonical import (
    Answer,
    Chat,
    Closed,
    Event,
    Finished,
    Grew,
    Opened,
    Reasoning,
    Signed,
    Started,
    Stopped,
    Text,
    ToolCall,
)
from keyturn.dialects.gemini_array import ArrayFraming
from keyturn.dialects.translators import StreamWriter
from keyturn.domain.refusals import Refused
from keyturn.domain.usage import NOTHING, Usage

_CALL_PIECE = 12
"""How many characters of a call's arguments come at once."""


def converse(
    wording: Wording,
    raw: bytes,
    *,
    created: int,
    model: str = "",
    stream: bool = False,
    as_array: bool = False,
) -> Reply:
    """Answer a chat.

    Args:
        wording: Its dialect.
        raw: The request's body.
        created: When answers say they were made, in seconds since 1970 UTC.
        model: As the path names it.
        stream: The path says that the answer comes in pieces.
        as_array: The pieces are elements of one JSON array, not events.
    """
    paced = bodies.read(raw, Paced)
    if isinstance(paced, Invalid):
        return wording.error(400, paced.message)
    read = wording.codec.read_request(raw, model=model, stream=stream)
    if isinstance(read, Refused):
        return wording.refusal(read)
    chat = read.chat
    behaviour = wording.model(chat.model, Task.TEXT)
    if isinstance(behaviour, Reply):
        return behaviour
    if _is_forged(chat):
        return wording.error(400, "Invalid `signature` in a thought: it is not the one that was given out.")
    mark = stamp(raw)
    said = talking.answer(chat, behaviour, call_id=f"{wording.call_id}{mark[:16]}", words=paced.demo_words)
    answer = Answer(
        id=f"{wording.answer_id}{mark}",
        model=chat.model,
        parts=said.parts,
        stop=said.stop,
        stop_sequence=said.stop_sequence,
        usage=said.usage if behaviour.counts else None,
        created=created,
    )
    headers = wording.headers(raw)
    if chat.stream:
        writer = wording.codec.StreamWriter(created=created, usage=chat.stream_usage)
        reply = _streamed(writer, answer, headers, as_array=as_array)
    else:
        reply = replies.plain(wording.codec.write_answer(answer, created=created), headers=headers)
    return replies.pace(reply, paced, behaviour, _served(chat, said.usage))


def _is_forged(chat: Chat) -> bool:
    return any(
        isinstance(part, Reasoning) and talking.is_forged(part)
        for message in chat.messages
        for part in message.parts
    )


def _served(chat: Chat, usage: Usage) -> Served:
    return Served(
        model=chat.model,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        streamed=chat.stream,
        status=200,
        cached_tokens=usage.cached_tokens,
        reasoning_tokens=usage.reasoning_tokens,
    )


def _streamed(
    writer: StreamWriter, answer: Answer, headers: Sequence[tuple[str, str]], *, as_array: bool
) -> Reply:
    pieces = [piece for events in _steps(answer) if (piece := writer.write(events))]
    if not as_array:
        return replies.stream(pieces[:-1], pieces[-1], headers=headers)
    array = ArrayFraming()
    framed = [b"".join(array.take([piece])) for piece in pieces]
    framed[-1] += b"".join(array.end())
    return replies.stream(framed[:-1], framed[-1], headers=headers, content_type=replies.JSON)


def _steps(answer: Answer) -> Iterator[Sequence[Event]]:
    """Yield an answer in pieces: what belongs together comes together."""
    begun = msgspec.structs.replace(answer.usage or NOTHING, output_tokens=0, reasoning_tokens=0)
    yield [Started(answer.id, answer.model, answer.created, begun)]
    for index, part in enumerate(answer.parts):
        match part:
            case Text(text):
                yield [Opened(index, Text(""))]
                yield from ([Grew(index, word)] for word in prose.spoken_pieces(text))
            case Reasoning(text, signature):
                yield [Opened(index, Reasoning(""))]
                yield from ([Grew(index, word)] for word in prose.spoken_pieces(text))
                yield [Signed(index, signature)]
            case ToolCall(identity, name, arguments):
                yield [Opened(index, ToolCall(identity, name, ""))]
                for at in range(0, len(arguments), _CALL_PIECE):
                    yield [Grew(index, arguments[at : at + _CALL_PIECE])]
        yield [Closed(index)]
    yield [Stopped(answer.stop, answer.stop_sequence), Finished(answer.usage)]

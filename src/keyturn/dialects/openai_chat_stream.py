"""Chat completions in pieces, read: what a provider that speaks OpenAI's dialect sends.

What is read, and when which event is known::

    piece                         event
    the first with a choice       Started
    content, thoughts, refusal    Opened when another kind of part was open, Grew; the other one is Closed
    a call with a new id          Opened; pieces of calls may come in turns
    the first of any part         Closed for each call before it whose arguments are a whole JSON object
    finish_reason                 kept: some hosts send it more than once
    usage                         kept: some hosts send it with every piece
    [DONE], or the end            Closed for what is open, Stopped, Finished
    error                         Failed
"""

import contextlib

import msgspec

from keyturn.dialects import openai_chat_shapes as shapes
from keyturn.dialects.canonical import (
    Closed,
    Event,
    Failed,
    Finished,
    Grew,
    Media,
    Opened,
    ProviderError,
    Reasoning,
    Refusal,
    Signed,
    Started,
    Stopped,
    Text,
)
from keyturn.dialects.openai_chat_answer import (
    error_of,
    spoken_of,
    stop_of,
    usage_of,
)
from keyturn.dialects.openai_chat_calls import Calls
from keyturn.dialects.openai_chat_parts import images_of
from keyturn.dialects.sse import Splitter
from keyturn.domain.usage import Usage

_decoder = msgspec.json.Decoder(shapes.Answer)
_LEGACY = -1
"""Stands for the index of a ``function_call``."""
_FRESH: dict[type[Text | Reasoning | Refusal], Text | Reasoning | Refusal] = {
    Text: Text(""),
    Reasoning: Reasoning(""),
    Refusal: Refusal(""),
}


class StreamReader:
    """Reads a provider's stream.

    Attributes:
        whole: It came to its own end.
    """

    __slots__ = (
        "_calls",
        "_count",
        "_events",
        "_index",
        "_kind",
        "_over",
        "_reason",
        "_refused",
        "_split",
        "_started",
        "_usage",
        "whole",
    )

    def __init__(self) -> None:
        self.whole = False
        self._split = Splitter()
        self._events: list[Event] = []
        self._started = False
        self._count = 0
        self._kind: type[Text | Reasoning | Refusal] | None = None
        self._index = 0
        self._calls = Calls()
        self._over = False
        self._reason: str | None = None
        self._refused = False
        self._usage: Usage | None = None

    def take(self, data: bytes) -> list[Event]:
        """Return what is known now.

        Raises:
            msgspec.DecodeError: A piece is no JSON of this dialect; nothing more can be read.
            ValueError: There is more of a call that was whole.
            UnicodeDecodeError: It is not UTF-8.
            EventTooLargeError: One is larger than what is kept of a stream.
        """
        self._read(data)
        events, self._events = self._events, []
        return events

    def end(self) -> list[Event]:
        """Return the last events of a stream whose connection has ended.

        Nothing comes where it was cut off. A host may leave out ``[DONE]``, or the empty line behind its last event.
        """
        if self._split.rest:
            with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError):  # half an event
                self._read(b"\n\n")
        if self._reason is not None:
            self._finish()
        events, self._events = self._events, []
        return events

    def _read(self, data: bytes) -> None:
        for event in self._split.take(data):
            self._piece(event.data)

    def _piece(self, data: bytes) -> None:
        if self._over:
            return
        if data.strip() == b"[DONE]":
            self._finish()
            return
        found = _decoder.decode(data)
        if found.error is not None:
            self._over = True
            error = error_of(found.error) or ProviderError("")
            self._events.append(Failed(error.message, error.code))
            return
        self._usage = usage_of(found) or self._usage
        if not found.choices:  # usage alone, or what Azure says of the prompt
            return
        self._start(found)
        choice = found.choices[0]
        if choice.index:  # another answer than the first
            return
        if choice.delta is not None:
            self._delta(choice.delta)
        self._reason = choice.finish_reason or self._reason

    def _start(self, found: shapes.Answer) -> None:
        if not self._started:
            self._started = True
            self._events.append(Started(found.id or "", found.model or "", int(found.created or 0)))

    def _delta(self, delta: shapes.Delta) -> None:
        thought = delta.reasoning_content or delta.reasoning
        if thought:
            self._grow(Reasoning, thought)
        for detail in delta.reasoning_details or ():
            self._detail(detail, told=bool(thought))
        if isinstance(delta.content, str):
            if delta.content:
                self._grow(Text, delta.content)
        else:
            for spoken in spoken_of(delta.content):
                self._grow(type(spoken), spoken.text)
        if isinstance(delta.refusal, str) and delta.refusal:
            self._refused = True
            self._grow(Refusal, delta.refusal)
        for image in images_of(delta):
            self._whole(image)
        for call in delta.tool_calls or ():
            self._call(call)
        if delta.function_call is not None:
            self._call(shapes.Call(index=_LEGACY, function=delta.function_call))

    def _grow(self, kind: type[Text | Reasoning | Refusal], text: str) -> None:
        if self._kind is not kind:
            self._make_room()
            self._kind = kind
            self._index = self._count
            self._count += 1
            self._events.append(Opened(self._index, _FRESH[kind]))
        self._events.append(Grew(self._index, text))

    def _close(self) -> None:
        if self._kind is not None:
            self._kind = None
            self._events.append(Closed(self._index))

    def _make_room(self) -> None:
        """Close what is complete, so that a client that reads one part after the other need not wait."""
        self._close()
        self._calls.close_whole(self._events)

    def _whole(self, part: Media | Reasoning) -> None:
        """Tell of a part that comes at once."""
        self._make_room()
        self._events += (Opened(self._count, part), Closed(self._count))
        self._count += 1

    def _detail(self, detail: shapes.Detail, *, told: bool) -> None:
        """Read a thought with its proof, or a piece of one.

        Args:
            detail: The thought.
            told: Its words stand beside it, in plain.
        """
        if detail.data:
            self._whole(Reasoning("", sealed=detail.data, id=detail.id or ""))
            return
        text = detail.text or detail.summary or ""
        # With the signature may come all the words once more.
        if text and not told and not (detail.signature and self._kind is Reasoning):
            self._grow(Reasoning, text)
        if detail.signature:
            if self._kind is not Reasoning:
                self._grow(Reasoning, "")
            self._events.append(Signed(self._index, detail.signature))
            self._close()

    def _call(self, piece: shapes.Call) -> None:
        call = self._calls.find(piece)
        if call is not None:
            self._calls.go_on(call, piece, self._events)
            return
        self._make_room()
        self._calls.begin(piece, self._count, self._events)
        self._count += 1

    def _finish(self) -> None:
        if self._over:
            return
        self._over = self.whole = True
        self._start(shapes.Answer())
        self._close()
        self._calls.close(self._events)
        stop = stop_of(self._reason, called=self._calls.count > 0, refused=self._refused)
        self._events += (Stopped(stop), Finished(self._usage))

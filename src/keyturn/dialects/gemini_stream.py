"""Streams of Gemini's dialect, read: server-sent events or one JSON array, as it comes.

Every piece has the form of a whole answer, with what is new; calls come whole. Nothing says which part a text belongs
to: a part goes on until something of another kind comes. A reason to stop may come before the last piece, so the end is
told when the connection or the array has ended. Source: https://ai.google.dev/api/generate-content.
"""

from enum import Enum

import msgspec

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
    Stopped,
    Text,
    ToolCall,
)
from keyturn.dialects.gemini_answer import (
    AnswerPart,
    FunctionCall,
    PromptFeedback,
    Response,
    medium_of,
    read_call,
    stop_of,
)
from keyturn.dialects.gemini_signature import unpack
from keyturn.dialects.gemini_usage import UsageMetadata, usage_of
from keyturn.dialects.json_array import ArraySplitter
from keyturn.dialects.sse import Splitter
from keyturn.domain.usage import NOTHING

_response = msgspec.json.Decoder(Response)
_NO_TEXT = Text("")
_NO_THOUGHT = Reasoning("")
_SPACE = b" \t\r\n\xef\xbb\xbf"


class _Open(Enum):
    """What kind of part goes on."""

    NOTHING = 0
    TEXT = 1
    THOUGHT = 2


class StreamReader:
    """Reads one stream."""

    __slots__ = (
        "_calls",
        "_count",
        "_failed",
        "_finished",
        "_id",
        "_open",
        "_splitter",
        "_started",
        "_stop",
        "_usage",
    )

    def __init__(self) -> None:
        self._splitter: Splitter | ArraySplitter | None = None
        self._started = False
        self._finished = False
        self._failed = False
        self._id = ""
        self._count = 0
        self._calls = 0
        self._open = _Open.NOTHING
        self._stop = ""
        self._usage: UsageMetadata | None = None

    @property
    def whole(self) -> bool:
        """It came to its own end: the answer has stopped, or the array is closed."""
        ended = isinstance(self._splitter, ArraySplitter) and self._splitter.ended
        return self._started and not self._failed and (bool(self._stop) or ended)

    def take(self, data: bytes) -> list[Event]:
        """Return what the bytes tell.

        Raises:
            msgspec.DecodeError: A piece can't be read.
            sse.EventTooLargeError: A piece doesn't end.
            ValueError: It is no stream of this dialect.
        """
        splitter = self._splitter
        if splitter is None:
            data = data.lstrip(_SPACE)
            if not data:
                return []
            splitter = self._splitter = _splitter_for(data)
        events: list[Event] = []
        if isinstance(splitter, Splitter):
            # Google ends lines with both characters, and JSON holds neither: the splitter is quicker with one.
            for event in splitter.take(data.replace(b"\r\n", b"\n")):
                self._read(event.data, events)
            return events
        for piece in splitter.take(data):
            self._read(piece, events)
        if splitter.ended:
            events += self.end()
        return events

    def end(self) -> list[Event]:
        """Return the last events, if the stream was complete."""
        if self._finished or not self.whole:
            return []
        self._finished = True
        events: list[Event] = []
        self._close(events)
        stop = stop_of(self._stop or "STOP", called=self._calls > 0)
        events += (Stopped(stop), Finished(usage_of(self._usage)))
        return events

    def _read(self, piece: bytes, events: list[Event]) -> None:
        if self._failed:
            return
        found = _response.decode(piece)
        if found.error is not None:
            self._failed = True
            self._close(events)
            events.append(Failed(found.error.message, found.error.status))
            return
        if found.usage_metadata is not None:
            self._usage = found.usage_metadata
        if not self._started:
            self._started = True
            self._id = found.response_id
            told = usage_of(self._usage) or NOTHING
            events.append(Started(found.response_id, found.model_version, usage=told))
        if found.candidates:
            first = found.candidates[0]
            if first.content is not None:
                for part in first.content.parts:
                    self._part(part, events)
            if first.finish_reason:
                self._stop = first.finish_reason
        elif found.prompt_feedback is not None and found.prompt_feedback.block_reason:
            self._blocked(found.prompt_feedback, events)

    def _blocked(self, feedback: PromptFeedback, events: list[Event]) -> None:
        self._stop = feedback.block_reason
        if feedback.block_reason_message:
            self._whole(Refusal(""), events, text=feedback.block_reason_message)

    def _part(self, part: AnswerPart, events: list[Event]) -> None:
        signature = part.thought_signature
        if part.function_call is not None:
            self._call(part.function_call, signature, events)
        elif part.thought:
            if part.text or signature:
                self._goes_on(_Open.THOUGHT, part.text or "", events)
            if signature:
                self._sign(signature, events)
        else:
            if part.text:
                self._goes_on(_Open.TEXT, part.text, events)
            medium = medium_of(part)
            if medium is not None:
                self._whole(medium, events)
            if signature:  # of a text: it stands behind it, as a thought without words
                proof, sealed, name = unpack(signature)
                self._whole(Reasoning("", sealed=sealed, id=name), events, signature=proof)

    def _goes_on(self, kind: _Open, text: str, events: list[Event]) -> None:
        if self._open is not kind:
            self._close(events)
            self._open = kind
            events.append(Opened(self._count, _NO_TEXT if kind is _Open.TEXT else _NO_THOUGHT))
        if text:
            events.append(Grew(self._count, text))

    def _sign(self, signature: str, events: list[Event]) -> None:
        events.append(Signed(self._count, unpack(signature)[0]))
        self._close(events)

    def _call(self, call: FunctionCall, signature: str, events: list[Event]) -> None:
        made = read_call(call, signature, self._id, self._calls)
        self._calls += 1
        opened = ToolCall(made.id, made.name, "")
        self._whole(opened, events, text=made.arguments, signature=made.signature)

    def _whole(
        self,
        part: ToolCall | Reasoning | Refusal | Media,
        events: list[Event],
        *,
        text: str = "",
        signature: str = "",
    ) -> None:
        """Tell a part that comes at once."""
        self._close(events)
        index = self._count
        events.append(Opened(index, part))
        if text:
            events.append(Grew(index, text))
        if signature:
            events.append(Signed(index, signature))
        events.append(Closed(index))
        self._count += 1

    def _close(self, events: list[Event]) -> None:
        if self._open is not _Open.NOTHING:
            self._open = _Open.NOTHING
            events.append(Closed(self._count))
            self._count += 1


def _splitter_for(data: bytes) -> Splitter | ArraySplitter:
    if data.startswith(b"{"):
        raise ValueError("a single object is no stream")
    return ArraySplitter() if data.startswith(b"[") else Splitter()

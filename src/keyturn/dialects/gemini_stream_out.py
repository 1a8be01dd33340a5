"""Streams of Gemini's dialect, written: server-sent events (``gemini_array`` makes one JSON array of them).

Calls go out whole, when they are closed. Every piece names the answer and the model, as Google's do.
"""

from collections.abc import Sequence

import msgspec

from keyturn.dialects import gemini_errors
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
from keyturn.dialects.gemini_answer import (
    AnswerContent,
    AnswerPart,
    Candidate,
    Response,
    ending_of,
    malformed,
    write_medium,
    write_part,
)
from keyturn.dialects.gemini_signature import pack
from keyturn.dialects.gemini_usage import metadata_of
from keyturn.dialects.sse import EventTooLargeError, Splitter
from keyturn.domain.refusals import Refused
from keyturn.domain.usage import NOTHING, Usage

_encode = msgspec.json.Encoder().encode
_BEFORE = b'{"candidates":[{"content":{"parts":[{"text":'
_AFTER = b'}],"role":"model"},"index":0}],'
_THOUGHT = b',"thought":true'
_CODES = {name: code for code, name in reversed(gemini_errors.NAMES.items())}
"""Of each name the smallest status."""
_LAST = [AnswerPart(text="")]
"""Google's last piece has a text, be it empty."""


class _Call(msgspec.Struct):
    """A call that is open."""

    call: ToolCall
    pieces: list[str]
    signature: str


class _Thought(msgspec.Struct):
    """A thought that is open."""

    thought: Reasoning
    signature: str
    spoken: bool


class StreamWriter:
    """Writes one stream.

    Args:
        created: Has no place in this dialect.
        usage: The dialect always tells it.
    """

    __slots__ = ("_calls", "_ending", "_id", "_model", "_over", "_tail", "_thoughts", "_usage")

    def __init__(self, *, created: int, usage: bool) -> None:  # noqa: ARG002 -- every writer's
        self._over = False
        self._calls: dict[int, _Call] = {}
        self._thoughts: dict[int, _Thought] = {}
        self._model = ""
        self._id = ""
        self._tail = b""
        self._usage: Usage | None = None
        self._ending: Candidate | None = None

    def write(self, events: Sequence[Event]) -> bytes:
        """Return what the client gets to read for the events; nothing as long as there is nothing to say."""
        return b"".join([self._event(event) for event in events if not self._over])

    def cut_short(self) -> bytes:
        """Return the end of a stream that has become long enough; calls that are open are left out.

        Nothing, when it is over.
        """
        if self._over:
            return b""
        self._calls.clear()
        self._ending = ending_of(Stop.LENGTH)
        return self._finish(self._usage)

    def fail(self, refused: Refused) -> bytes:
        """Return the end of a stream that fails; nothing, when it is over."""
        if self._over:
            return b""
        self._over = True
        return _piece(gemini_errors.render(refused))

    def _event(self, event: Event) -> bytes:
        if isinstance(event, Grew):
            return self._grow(event.index, event.text)
        if isinstance(event, Opened):
            return self._open(event.index, event.part)
        if isinstance(event, Closed):
            return self._shut(event.index)
        if isinstance(event, Signed):
            self._sign(event)
            return b""
        return self._frame(event)

    def _frame(self, event: Started | Stopped | Finished | Failed) -> bytes:
        """Return what frames the parts: the beginning, and one of the ends."""
        if isinstance(event, Started):
            self._model, self._id = event.model, event.id
            self._tail = b'"modelVersion":%b,"responseId":%b}' % (_encode(event.model), _encode(event.id))
            self._usage = None if event.usage == NOTHING else event.usage
            return b""
        if isinstance(event, Stopped):
            if self._ending is None:
                self._ending = ending_of(event.stop)
            return b""
        if isinstance(event, Finished):
            return self._finish(event.usage or self._usage)
        status = event.code if event.code in _CODES else "INTERNAL"
        error = {"code": _CODES[status], "message": event.message, "status": status}
        self._over = True
        return _piece(_encode({"error": error}))

    def _open(self, index: int, part: Text | ToolCall | Reasoning | Refusal | Media) -> bytes:
        if isinstance(part, ToolCall):
            self._calls[index] = _Call(part, [part.arguments], part.signature)
            return b""
        if isinstance(part, Reasoning):
            self._thoughts[index] = _Thought(part, part.signature, spoken=bool(part.text))
            return self._words(part.text, _THOUGHT) if part.text else b""
        if isinstance(part, Media):
            return self._part(write_medium(part))
        return self._words(part.text, b"") if part.text else b""

    def _grow(self, index: int, text: str) -> bytes:
        call = self._calls.get(index)
        if call is not None:
            call.pieces.append(text)
            return b""
        if not text:
            return b""
        thought = self._thoughts.get(index)
        if thought is None:
            return self._words(text, b"")
        thought.spoken = True
        return self._words(text, _THOUGHT)

    def _sign(self, event: Signed) -> None:
        held = self._calls.get(event.index) or self._thoughts.get(event.index)
        if held is not None:
            held.signature = event.signature

    def _shut(self, index: int) -> bytes:
        call = self._calls.pop(index, None)
        if call is not None:
            return self._call(call)
        thought = self._thoughts.pop(index, None)
        if thought is None:
            return b""
        signature = pack(thought.signature, thought.thought.sealed, thought.thought.id)
        if not signature:
            return b""
        return self._part(AnswerPart("", thought.spoken, signature))

    def _call(self, held: _Call) -> bytes:
        opened = held.call
        call = ToolCall(opened.id, opened.name, "".join(held.pieces), held.signature)
        part = write_part(call)
        if part is None:
            self._ending = malformed(call)
            return b""
        return self._part(part)

    def _words(self, text: str, mark: bytes) -> bytes:
        return _piece(b"".join((_BEFORE, _encode(text), mark, _AFTER, self._tail)))

    def _part(self, part: AnswerPart) -> bytes:
        return _piece(
            b'{"candidates":[{"content":{"parts":[%b],"role":"model"},"index":0}],%b'
            % (_encode(part), self._tail)
        )

    def _finish(self, usage: Usage | None) -> bytes:
        ending = self._ending or ending_of(Stop.END)
        self._over = True
        return _piece(_last(ending, usage, self._model, self._id))


def _piece(body: bytes) -> bytes:
    return b"data: " + body + b"\r\n\r\n"


class _Begun(msgspec.Struct, rename="camel"):
    response_id: str = ""
    model_version: str = ""


_begun = msgspec.json.Decoder(_Begun)


def cut_short(begun: bytes) -> bytes:
    """Return the last piece of a stream that passed through, which ends because no more output is allowed.

    Args:
        begun: The first bytes of the stream; its first piece names the answer and the model, where it can be read.
    """
    names = _first(begun)
    return _piece(_last(ending_of(Stop.LENGTH), None, names.model_version, names.response_id))


def _first(begun: bytes) -> _Begun:
    try:
        events = Splitter().take(begun)
        return _begun.decode(events[0].data) if events else _Begun()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, EventTooLargeError):
        return _Begun()


def _last(ending: Candidate, usage: Usage | None, model: str, answer_id: str) -> bytes:
    ending.content = AnswerContent(_LAST, "model")
    told = metadata_of(usage) if usage is not None else None
    return _encode(
        Response(candidates=[ending], usage_metadata=told, model_version=model, response_id=answer_id)
    )

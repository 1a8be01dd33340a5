"""Chat completions in pieces, written: what a client of OpenAI's dialect reads.

The text around a piece of a part is made once when the part is opened; a piece costs an encoded string and a join.
"""

from collections.abc import Sequence

import msgspec

from keyturn.dialects import openai_chat_shapes as shapes, openai_errors
from keyturn.dialects.canonical import (
    Closed,
    Event,
    Failed,
    Finished,
    Grew,
    Opened,
    ProviderError,
    Reasoning,
    Refusal,
    Signed,
    Started,
    Stop,
    Stopped,
    Text,
    ToolCall,
)
from keyturn.dialects.openai_chat_answer import reason_of, write_usage
from keyturn.dialects.openai_chat_parts import call_of, detail_of, image_of, signed
from keyturn.domain.refusals import Refused
from keyturn.domain.usage import Usage

_encode = msgspec.json.Encoder().encode
_DONE = b"data: [DONE]\n\n"
_Change = Started | Opened | Signed | Closed | Stopped | Finished | Failed


class _Thought(msgspec.Struct):
    """A thought that grows: its proof goes out with all of its words."""

    part: Reasoning
    texts: list[str]
    signature: str = ""


class StreamWriter:
    """Writes a stream for a client.

    Args:
        created: Seconds since 1970 UTC, where the provider doesn't say.
        usage: The client has asked for it (``stream_options.include_usage``).
    """

    __slots__ = (
        "_calls",
        "_created",
        "_heads",
        "_over",
        "_prefix",
        "_refused",
        "_stopped",
        "_suffix",
        "_thoughts",
        "_usage",
    )

    def __init__(self, *, created: int, usage: bool) -> None:
        self._created = created
        self._usage = usage
        self._suffix = b',"logprobs":null,"finish_reason":null}]' + self._end
        self._prefix = b""
        self._heads: list[tuple[bytes, bytes]] = []
        """By part: what stands around a piece of it."""
        self._thoughts: dict[int, _Thought] = {}
        self._calls: dict[int, int] = {}
        """By part: which call it is."""
        self._refused = self._stopped = self._over = False

    @property
    def _end(self) -> bytes:
        return b',"usage":null}\n\n' if self._usage else b"}\n\n"

    def write(self, events: Sequence[Event]) -> bytes:
        """Return what the events are in this dialect."""
        pieces: list[bytes] = []
        for event in events:
            if isinstance(event, Grew):
                head, tail = self._heads[event.index]
                pieces += (head, _encode(event.text), tail)
                if event.index in self._thoughts:
                    self._thoughts[event.index].texts.append(event.text)
            else:
                self._change(event, pieces)
        return b"".join(pieces)

    def cut_short(self) -> bytes:
        """End the stream as one that has become long enough."""
        if self._over:
            return b""
        pieces: list[bytes] = []
        if not self._prefix:
            self._start(Started("", ""), pieces)
        if not self._stopped:
            self._stop(Stop.LENGTH, pieces)
        self._over = True
        return b"".join((*pieces, _DONE))

    def fail(self, refused: Refused) -> bytes:
        """End the stream with an error."""
        if self._over:
            return b""
        self._over = True
        return openai_errors.render_event(refused)

    def _change(self, event: _Change, pieces: list[bytes]) -> None:
        match event:
            case Opened():
                self._open(event, pieces)
            case Closed(index):
                self._close(index, pieces)
            case Signed(index, signature):
                self._sign(index, signature, pieces)
            case Started():
                self._start(event, pieces)
            case Stopped(stop):
                self._stop(stop, pieces)
            case Finished(usage):
                self._finish(usage, pieces)
            case _:
                self._over = True
                error = ProviderError(event.message, event.code)
                pieces.append(b"data: " + openai_errors.write(502, error, "") + b"\n\n")

    def _start(self, started: Started, pieces: list[bytes]) -> None:
        self._prefix = (
            b'data: {"id":%b,"object":"chat.completion.chunk","created":%d,"model":%b,"choices":['
            % (_encode(started.id), started.created or self._created, _encode(started.model))
        )
        self._say(b'{"role":"assistant","content":"","refusal":null}', pieces)

    def _say(self, delta: bytes, pieces: list[bytes]) -> None:
        pieces += (self._prefix, b'{"index":0,"delta":', delta, self._suffix)

    def _open(self, event: Opened, pieces: list[bytes]) -> None:
        part, index = event.part, event.index
        head, tail = b"", b"}"
        match part:
            case Text():
                head = b'{"content":'
            case Refusal():
                head = b'{"refusal":'
                self._refused = True
            case Reasoning():
                head = b'{"reasoning_content":'
                self._thoughts[index] = _Thought(part, [part.text])
            case ToolCall():
                number = self._calls[index] = len(self._calls)
                head, tail = b'{"tool_calls":[{"index":%d,"function":{"arguments":' % number, b"}}]}"
                self._say(
                    _encode(shapes.Delta(tool_calls=[call_of(part, number, signature=part.signature)])),
                    pieces,
                )
            case _:
                self._say(_encode(shapes.Delta(images=[image_of(part)])), pieces)
        head = b"".join((self._prefix, b'{"index":0,"delta":', head))
        self._heads.append((head, tail + self._suffix))
        if isinstance(part, Text | Refusal | Reasoning) and part.text:
            pieces += (head, _encode(part.text), tail + self._suffix)

    def _sign(self, index: int, signature: str, pieces: list[bytes]) -> None:
        if index in self._thoughts:
            self._thoughts[index].signature = signature
            return
        call = shapes.Call(index=self._calls[index], extra_content=signed(signature))
        self._say(_encode(shapes.Delta(tool_calls=[call])), pieces)

    def _close(self, index: int, pieces: list[bytes]) -> None:
        """Tell the proof of a thought with the whole of it, as it goes back to the provider."""
        thought = self._thoughts.get(index)
        if thought is None:
            return
        part = msgspec.structs.replace(
            thought.part, text="".join(thought.texts), signature=thought.signature or thought.part.signature
        )
        if part.signature or part.sealed or part.id:
            detail = detail_of(part, list(self._thoughts).index(index))
            self._say(_encode(shapes.Delta(reasoning_details=[detail])), pieces)

    def _stop(self, stop: Stop, pieces: list[bytes]) -> None:
        self._stopped = True
        reason = reason_of(stop, refused=self._refused).encode()
        pieces += (
            self._prefix,
            b'{"index":0,"delta":{},"logprobs":null,"finish_reason":"',
            reason,
            b'"}]',
            self._end,
        )

    def _finish(self, usage: Usage | None, pieces: list[bytes]) -> None:
        self._over = True
        if self._usage and usage is not None:
            pieces += (self._prefix, b'],"usage":', bytes(write_usage(usage)), b"}\n\n")
        pieces.append(_DONE)

"""Writes streams of ``/v1/messages``; ``anthropic_stream`` says what they are made of."""

from collections.abc import Sequence

import msgspec

from keyturn.dialects import anthropic_errors as errors
from keyturn.dialects.anthropic_answer import (
    STOP_REASONS,
    TYPES,
    carried,
    picture,
)
from keyturn.dialects.anthropic_usage import write
from keyturn.dialects.canonical import (
    Closed,
    Event,
    Failed,
    Finished,
    Grew,
    Media,
    Opened,
    Reasoning,
    Signed,
    Started,
    Stop,
    Stopped,
    ToolCall,
)
from keyturn.dialects.conversation import write_id
from keyturn.domain.refusals import Refused
from keyturn.domain.usage import NOTHING, Usage

# ── writing ─────────────────────────────────────────────────────────────────

_encode = msgspec.json.Encoder().encode

_BEGIN = (
    b'event: message_start\ndata: {"type":"message_start","message":{"id":%b,"type":"message","role":"assistant",'
    b'"model":%b,"content":[],"stop_reason":null,"stop_sequence":null,"usage":%b}}\n\n'
)
_OPEN = b'event: content_block_start\ndata: {"type":"content_block_start","index":%d,"content_block":%b}\n\n'
_GROW = (
    b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":{"type":%b%b}}\n\n'
)
_CLOSE = b'event: content_block_stop\ndata: {"type":"content_block_stop","index":%d}\n\n'
_CHANGE = b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":%b,"stop_sequence":%b},"usage":%b}\n\n'
STOP = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
_ERROR = b'event: error\ndata: {"type":"error","error":%b}\n\n'

_TEXT, _TEXT_BLOCK = b'"text_delta","text":', b'{"type":"text","text":""}'
_THOUGHT, _THOUGHT_BLOCK = (
    b'"thinking_delta","thinking":',
    b'{"type":"thinking","thinking":"","signature":""}',
)
_JSON = b'"input_json_delta","partial_json":'
_SIGNATURE = b'"signature_delta","signature":'
_NOT_YET = -1
_NONE = -1

_OfPart = Opened | Grew | Signed | Closed
_OfWhole = Started | Stopped | Finished | Failed


def ending(stop: Stop, sequence: str, usage: Usage | None) -> bytes:
    """Return the last two events of a stream."""
    reason = _encode(STOP_REASONS[stop])
    return _CHANGE % (reason, _encode(sequence or None), _encode(write(usage))) + STOP


def closing(index: int) -> bytes:
    """Return the event that ends a block."""
    return _CLOSE % index


def beginning(identity: str, model: str, usage: Usage) -> bytes:
    """Return the first event of a stream."""
    return _BEGIN % (_encode(identity), _encode(model), _encode(write(usage)))


class _Block:
    """A part that is open: the index of its block, once that has begun, and how it grows."""

    __slots__ = ("begin", "call", "grow", "index", "signature")

    def __init__(self, grow: bytes, begin: bytes, call: str = "") -> None:
        self.index = _NOT_YET
        self.grow = grow
        self.begin = begin
        self.call = call
        self.signature = ""


class StreamWriter:
    """Writes a client's stream.

    A block is over before the next begins, as Anthropic's clients expect it: what is told of a part while another is open
    waits until that one is closed. A block of text begins with its first words: clients send an empty one back, and
    Anthropic refuses it. What a provider wants back with a tool call follows in a thinking block of its own.
    """

    __slots__ = ("_block", "_next", "_over", "_part", "_started", "_stopped", "_usage", "_waiting")

    def __init__(self, *, created: int, usage: bool) -> None:  # noqa: ARG002 -- one signature for all dialects: no time is told, and usage always
        self._part = _NONE
        """The part that is open."""
        self._block = _Block(_TEXT, _TEXT_BLOCK)
        self._waiting: dict[int, list[_OfPart]] = {}
        """Of later parts, by their index in rising order; empty when none is open."""
        self._next = 0
        self._over = self._started = False
        self._stopped = Stopped(Stop.END)
        self._usage = NOTHING

    def write(self, events: Sequence[Event]) -> bytes:
        """Return what the client gets."""
        out: list[bytes] = []
        for event in events:
            if self._over:
                break
            if isinstance(event, Grew) and event.index == self._part:
                self._grow(self._block, event.text, out)
            elif isinstance(event, _OfPart):
                self._take(event, out)
                self._go_on(out)
            else:
                self._frame(event, out)
        return b"".join(out)

    def cut_short(self) -> bytes:
        """End the stream as one that has become long enough; nothing, when it is over."""
        if self._over:
            return b""
        out = [] if self._started else [beginning("", "", self._usage)]
        self._close_all(out)
        self._over = True
        return b"".join(out) + ending(Stop.LENGTH, "", self._usage)

    def fail(self, refused: Refused) -> bytes:
        """End the stream with an error; nothing, when it is over."""
        if self._over:
            return b""
        self._over = True
        details = {"error_code": refused.reason.value}
        error = {"type": errors.TYPES[refused.reason], "message": refused.text, "details": details}
        return _ERROR % _encode(error)

    def _take(self, event: _OfPart, out: list[bytes]) -> None:
        if isinstance(event, Opened):
            if self._part == _NONE:
                self._part = event.index
                self._open(event, out)
            else:
                self._waiting[event.index] = [event]
        elif event.index != self._part:
            self._waiting[event.index].append(event)
        elif isinstance(event, Grew):
            self._grow(self._block, event.text, out)
        elif isinstance(event, Signed):
            self._sign(self._block, event.signature, out)
        else:
            self._part = _NONE
            self._close(self._block, out)

    def _close_all(self, out: list[bytes]) -> None:
        while self._part != _NONE:
            self._take(Closed(self._part), out)
            self._go_on(out)

    def _go_on(self, out: list[bytes]) -> None:
        """Tell of the next parts, up to one that is still open."""
        while self._waiting and self._part == _NONE:
            for event in self._waiting.pop(next(iter(self._waiting))):
                self._take(event, out)

    def _frame(self, event: _OfWhole, out: list[bytes]) -> None:
        match event:
            case Started():
                self._started, self._usage = True, event.usage
                out.append(beginning(event.id, event.model, event.usage))
            case Stopped():
                self._stopped = event
            case Finished():
                self._close_all(out)
                self._over = True
                stop, usage = self._stopped, event.usage or self._usage
                out.append(ending(stop.stop, stop.stop_sequence, usage))
            case _:
                self._over = True
                kind = event.code if event.code in TYPES else errors.API
                out.append(_ERROR % _encode({"type": kind, "message": event.message}))

    def _open(self, event: Opened, out: list[bytes]) -> None:
        block, text = _Block(_TEXT, _TEXT_BLOCK), ""
        match event.part:
            case ToolCall(id=identity, name=name, arguments=text, signature=signature):
                start = {"type": "tool_use", "id": write_id(identity), "name": name, "input": {}}
                block = _Block(_JSON, _encode(start), identity)
                self._begin(block, out)
                block.signature = signature
            case Reasoning(text=text, signature=signature, sealed=sealed):
                if sealed:
                    out.append(_OPEN % (self._next, _encode({"type": "redacted_thinking", "data": sealed})))
                    out.append(_CLOSE % self._next)
                    self._next += 1
                block = _Block(_THOUGHT, _THOUGHT_BLOCK)
                if signature:
                    self._sign(block, signature, out)
            case Media() as media:
                text = picture(media)
            case _ as words:
                text = words.text
        self._block = block
        if text:
            self._grow(block, text, out)

    def _begin(self, block: _Block, out: list[bytes]) -> None:
        block.index, self._next = self._next, self._next + 1
        out.append(_OPEN % (block.index, block.begin))

    def _grow(self, block: _Block, text: str, out: list[bytes]) -> None:
        if block.index == _NOT_YET:
            self._begin(block, out)
        out.append(_GROW % (block.index, block.grow, _encode(text)))

    def _sign(self, block: _Block, signature: str, out: list[bytes]) -> None:
        if block.call:
            block.signature = signature
            return
        if block.index == _NOT_YET:
            self._begin(block, out)
        out.append(_GROW % (block.index, _SIGNATURE, _encode(signature)))

    def _close(self, block: _Block, out: list[bytes]) -> None:
        if block.index == _NOT_YET:
            return
        out.append(_CLOSE % block.index)
        if block.call and block.signature:
            carrier = _Block(_THOUGHT, _THOUGHT_BLOCK)
            self._sign(carrier, carried(block.call, block.signature), out)
            out.append(_CLOSE % carrier.index)

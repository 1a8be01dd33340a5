"""Reads streams of ``/v1/messages``.

A stream is ``message_start``, blocks (``content_block_start``, ``…_delta``, ``…_stop``, told apart by their index),
``message_delta`` with the reason and the usage, ``message_stop``; ``ping`` may stand anywhere, ``error`` ends it.

Source: https://platform.claude.com/docs/en/build-with-claude/streaming
"""

import msgspec

from keyturn.dialects.anthropic_answer import (
    FoundBlock,
    StopDetails,
    read_part,
    read_stop,
)
from keyturn.dialects.anthropic_usage import WireUsage, convert
from keyturn.dialects.canonical import (
    Closed,
    Event,
    Failed,
    Finished,
    Grew,
    Opened,
    Refusal,
    Signed,
    Started,
    Stopped,
    ToolCall,
)
from keyturn.dialects.sse import Splitter
from keyturn.domain.usage import NOTHING


class _Delta(msgspec.Struct):
    type: str = ""
    text: str = ""
    thinking: str = ""
    partial_json: str = ""
    signature: str = ""
    stop_reason: str | None = None
    stop_sequence: str | None = None
    stop_details: StopDetails | None = None


class _Start(msgspec.Struct):
    id: str = ""
    model: str = ""
    usage: WireUsage | None = None


class _Error(msgspec.Struct):
    type: str = ""
    message: str = ""


class _Found(msgspec.Struct):
    """Any event."""

    type: str
    index: int = 0
    delta: _Delta | None = None
    content_block: FoundBlock | None = None
    message: _Start | None = None
    usage: WireUsage | None = None
    error: _Error | None = None


_decoder = msgspec.json.Decoder(_Found)
_PASSED_OVER = -1


class StreamReader:
    """Reads a provider's stream, cut anywhere. Blocks of server tools are passed over.

    Attributes:
        whole: It came to its own end.
    """

    __slots__ = (
        "_over",
        "_places",
        "_ready",
        "_silent",
        "_splitter",
        "_started",
        "_stopped",
        "_usage",
        "whole",
    )

    def __init__(self) -> None:
        self._splitter = Splitter()
        self._places: dict[int, int] = {}
        """Blocks that are open: the provider's index and ours."""
        self._silent: set[int] = set()
        """Calls whose arguments have not begun."""
        self._ready = 0
        self._usage = WireUsage()
        self._started = self._stopped = self._over = self.whole = False

    def take(self, data: bytes) -> list[Event]:
        """Return what has happened.

        Raises:
            msgspec.DecodeError: An event is not JSON or of another shape.
            ValueError: An event is not UTF-8, comes where it can't, or is nested too deeply.
            EventTooLargeError: An event doesn't end.
        """
        events: list[Event] = []
        for found in self._splitter.take(data):
            self._take(found.data, events)
        return events

    def end(self) -> list[Event]:
        """Return what is missing at the end of a stream that has told its reason but not said good-bye."""
        events: list[Event] = []
        if not self._over and self._splitter.rest.strip():
            events = self.take(b"\n\n")
        if self._stopped and not self._over:
            self._finish(events)
        return events

    def _take(self, data: bytes, events: list[Event]) -> None:
        if self._over:
            return
        try:
            event = _decoder.decode(data)
        except RecursionError as error:
            raise ValueError("an event is nested too deeply") from error
        if event.type == "content_block_delta":
            self._grow(event, events)
        else:
            self._other(event, events)

    def _other(self, event: _Found, events: list[Event]) -> None:
        match event.type:
            case "message_start":
                self._start(event, events)
            case "content_block_start":
                self._open(event, events)
            case "content_block_stop":
                self._close(event, events)
            case "message_delta":
                self._change(event, events)
            case "message_stop":
                self._stop(event, events)
            case "error":
                self._fail(event, events)
            case _:
                pass  # a ping, or something new

    def _start(self, event: _Found, events: list[Event]) -> None:
        if self._started:
            raise ValueError("message_start comes twice")
        message = event.message or _Start()
        self._started = True
        self._usage = message.usage or self._usage
        events.append(Started(message.id, message.model, usage=convert(self._usage) or NOTHING))

    def _open(self, event: _Found, events: list[Event]) -> None:
        if event.content_block is None or event.index in self._places or not self._started or self._stopped:
            raise ValueError("a block is opened in the wrong place")
        part = read_part(event.content_block)
        if part is None:
            self._places[event.index] = _PASSED_OVER
            return
        place = self._places[event.index] = self._ready
        self._ready += 1
        if isinstance(part, ToolCall) and part.arguments == "{}":
            part = msgspec.structs.replace(part, arguments="")
            self._silent.add(place)
        events.append(Opened(place, part))

    def _grow(self, event: _Found, events: list[Event]) -> None:
        delta, place = event.delta, self._places.get(event.index)
        if delta is None or place is None:
            raise ValueError("a block grows that is not open")
        if place == _PASSED_OVER:
            return
        if delta.signature:
            events.append(Signed(place, delta.signature))
            return
        text = delta.text or delta.partial_json or delta.thinking
        if text:
            self._silent.discard(place)
            events.append(Grew(place, text))

    def _close(self, event: _Found, events: list[Event]) -> None:
        place = self._places.pop(event.index, None)
        if place is None:
            raise ValueError("a block is closed that is not open")
        self._closed(place, events)

    def _closed(self, place: int, events: list[Event]) -> None:
        if place == _PASSED_OVER:
            return
        if place in self._silent:  # a call without arguments
            events.append(Grew(place, "{}"))
        events.append(Closed(place))

    def _change(self, event: _Found, events: list[Event]) -> None:
        if not self._started:
            raise ValueError("a message ends that has not begun")
        if event.usage is not None:
            self._usage = self._usage.updated(event.usage)
        delta = event.delta
        if delta is None or delta.stop_reason is None or self._stopped:
            return
        for place in self._places.values():
            self._closed(place, events)
        self._places.clear()
        if delta.stop_details and delta.stop_details.explanation:
            place, self._ready = self._ready, self._ready + 1
            events += (Opened(place, Refusal("")), Grew(place, delta.stop_details.explanation), Closed(place))
        self._stopped = True
        events.append(Stopped(read_stop(delta.stop_reason), delta.stop_sequence or ""))

    def _stop(self, event: _Found, events: list[Event]) -> None:
        if not self._stopped:
            event.delta = _Delta(stop_reason="end_turn")
            self._change(event, events)
        self._finish(events)

    def _finish(self, events: list[Event]) -> None:
        self.whole = self._over = True
        events.append(Finished(convert(self._usage)))

    def _fail(self, event: _Found, events: list[Event]) -> None:
        self._over = True
        error = event.error or _Error()
        events.append(Failed(error.message, error.type))

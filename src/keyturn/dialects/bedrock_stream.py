"""Reads streams of Amazon Bedrock's ``ConverseStream``.

A stream is ``messageStart``, blocks (``contentBlockStart`` for tools only, ``…Delta``, ``…Stop``, told apart by their
index), ``messageStop`` with the reason, ``metadata`` with the usage. An exception ends it.

Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html
"""

import msgspec

from keyturn.dialects.aws_event_stream import AwsEvent, Splitter
from keyturn.dialects.bedrock_answer import WireUsage, read_error, read_stop, read_usage
from keyturn.dialects.canonical import (
    Closed,
    Event,
    Failed,
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


class _ToolStart(msgspec.Struct, rename="camel"):
    tool_use_id: str
    name: str


class _Start(msgspec.Struct, rename="camel"):
    tool_use: _ToolStart | None = None


class _ToolDelta(msgspec.Struct):
    input: str = ""


class _Thought(msgspec.Struct, rename="camel"):
    text: str = ""
    signature: str = ""
    redacted_content: str = ""


class _Delta(msgspec.Struct, rename="camel"):
    text: str = ""
    tool_use: _ToolDelta | None = None
    reasoning_content: _Thought | None = None


class _Found(msgspec.Struct, rename="camel"):
    """Any event's payload."""

    content_block_index: int = 0
    start: _Start | None = None
    delta: _Delta | None = None
    stop_reason: str = ""
    usage: WireUsage | None = None


_decoder = msgspec.json.Decoder(_Found)


def written_by(event: AwsEvent) -> int:
    """Return how many bytes of output an event brings, of text, of a call or of a thought; 0: none that can be read."""
    if event.name != "contentBlockDelta":
        return 0
    try:
        delta = _decoder.decode(event.payload).delta or _Delta()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return 0
    call, thought = delta.tool_use or _ToolDelta(), delta.reasoning_content or _Thought()
    return sum(len(text.encode()) for text in (delta.text, call.input, thought.text))


class StreamReader:
    """Reads a provider's stream, cut anywhere.

    Attributes:
        whole: It came to its own end.
    """

    __slots__ = ("_over", "_places", "_ready", "_silent", "_splitter", "_started", "_stopped", "whole")

    def __init__(self) -> None:
        self._splitter = Splitter()
        self._places: dict[int, int] = {}
        """Blocks that are open: the provider's index and ours."""
        self._silent: set[int] = set()
        """Calls whose arguments have not begun."""
        self._ready = 0
        self._started = self._stopped = self._over = self.whole = False

    def take(self, data: bytes) -> list[Event]:
        """Return what has happened.

        Raises:
            msgspec.DecodeError: A payload is not JSON or of another shape.
            ValueError: The frames are damaged, or an event comes where it can't.
        """
        events: list[Event] = []
        for found in self._splitter.take(data):
            if not self._over:
                self._take(found, events)
        return events

    def end(self) -> list[Event]:
        """Return what is missing at the end of a stream that has told its reason and no usage."""
        if not self._stopped or self._over:
            return []
        self.whole = self._over = True
        return [Finished()]

    def _take(self, found: AwsEvent, events: list[Event]) -> None:
        if found.kind != "event":
            self._over = True
            error = read_error(found.payload)
            events.append(Failed(error.message if error else "", found.name))
            return
        event = _decoder.decode(found.payload)
        match found.name:
            case "contentBlockDelta":
                self._grow(event, events)
            case "messageStart":
                self._begin(events)
            case "contentBlockStart":
                self._start(event, events)
            case "contentBlockStop":
                self._close(self._places.pop(event.content_block_index, None), events)
            case "messageStop":
                self._stop(event, events)
            case "metadata":
                self._begin(events)
                self._stop(_Found(stop_reason="end_turn"), events)
                self.whole = self._over = True
                events.append(Finished(read_usage(event.usage)))
            case _:
                pass  # something new

    def _begin(self, events: list[Event]) -> None:
        if not self._started:
            self._started = True
            events.append(Started("", ""))

    def _open(self, index: int, part: Text | ToolCall | Reasoning, events: list[Event]) -> int:
        if self._stopped or index in self._places:
            raise ValueError("a block is opened in the wrong place")
        self._begin(events)
        place = self._places[index] = self._ready
        self._ready += 1
        events.append(Opened(place, part))
        return place

    def _start(self, event: _Found, events: list[Event]) -> None:
        tool = event.start.tool_use if event.start else None
        if tool is not None:
            call = ToolCall(tool.tool_use_id, tool.name, "")
            self._silent.add(self._open(event.content_block_index, call, events))

    def _grow(self, event: _Found, events: list[Event]) -> None:
        delta, index = event.delta or _Delta(), event.content_block_index
        place = self._places.get(index)
        if delta.text:
            place = self._open(index, Text(""), events) if place is None else place
            events.append(Grew(place, delta.text))
        elif delta.tool_use is not None:
            if place is None:
                raise ValueError("a call grows that is not open")
            if delta.tool_use.input:
                self._silent.discard(place)
                events.append(Grew(place, delta.tool_use.input))
        elif delta.reasoning_content is not None:
            self._think(delta.reasoning_content, index, events)

    def _think(self, thought: _Thought, index: int, events: list[Event]) -> None:
        place = self._places.get(index)
        if place is None:
            place = self._open(index, Reasoning("", sealed=thought.redacted_content), events)
        if thought.text:
            events.append(Grew(place, thought.text))
        if thought.signature:
            events.append(Signed(place, thought.signature))

    def _close(self, place: int | None, events: list[Event]) -> None:
        if place is None:
            return  # a block that has said nothing, or nothing that has a place here
        if place in self._silent:
            events.append(Grew(place, "{}"))
        events.append(Closed(place))

    def _stop(self, event: _Found, events: list[Event]) -> None:
        if self._stopped:
            return
        for place in self._places.values():
            self._close(place, events)
        self._places.clear()
        self._stopped = True
        events.append(Stopped(read_stop(event.stop_reason)))

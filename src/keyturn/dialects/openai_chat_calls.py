"""The calls in a streamed chat completion: told apart, and closed as soon as nothing more of them can come.

Hosts count calls by index, tell them apart by id alone, or give all of them one index. OpenAI sends one call after the
other, but nothing says that pieces can't come in turns. So a call is closed when another part begins and its arguments are
a whole JSON object, behind which nothing but white space makes sense; any other stays open up to the end.
"""

import msgspec

from keyturn.dialects import openai_chat_shapes as shapes
from keyturn.dialects.canonical import Closed, Event, Grew, Opened, Signed, ToolCall
from keyturn.dialects.openai_chat_parts import arguments_of, signature_of

_object = msgspec.json.Decoder(dict[str, msgspec.Raw])


def _arguments(piece: shapes.Call) -> str:
    function = piece.function
    return arguments_of(function) if function is not None and function.arguments else ""


class OpenCall(msgspec.Struct, gc=False):
    """A call that has begun."""

    index: int
    """Of the part."""
    id: str
    pieces: list[str]
    """Of its arguments."""
    closed: bool = False

    @property
    def whole(self) -> bool:
        """Whether its arguments are complete."""
        try:
            _object.decode("".join(self.pieces))
        except msgspec.DecodeError:
            return False
        return True

    def grow(self, piece: shapes.Call, events: list[Event]) -> None:
        """Add the arguments in a piece."""
        arguments = _arguments(piece)
        if arguments:
            self.pieces.append(arguments)
            events.append(Grew(self.index, arguments))

    def close(self, events: list[Event]) -> None:
        """Tell of its end, once."""
        if self.closed:
            return
        self.closed = True
        if not self.pieces:
            events.append(Grew(self.index, "{}"))
        events.append(Closed(self.index))


class Calls:
    """The calls of one stream.

    Attributes:
        count: How many have begun.
    """

    __slots__ = ("_by_key", "_last", "_open", "count")

    def __init__(self) -> None:
        self._by_key: dict[int, OpenCall] = {}
        self._open: list[OpenCall] = []
        self._last = self.count = 0

    def find(self, piece: shapes.Call) -> OpenCall | None:
        """Return the call that a piece goes on with; ``None``: it begins another one."""
        call = self._by_key.get(self._key(piece))
        named = piece.function is not None and piece.function.name
        if call is not None and piece.id and piece.id != call.id and named:
            return None  # the host counts all of them as one
        return call

    def begin(self, piece: shapes.Call, index: int, events: list[Event]) -> None:
        """Tell of a new call.

        Args:
            piece: Its first.
            index: Of the part.
            events: Where to tell of it.
        """
        key = self._key(piece)
        if key in self._by_key:
            self._by_key[key].close(events)
        call = OpenCall(index, piece.id or f"call_0_{self.count}", [])
        self.count += 1
        self._by_key[key], self._last = call, key
        self._open.append(call)
        name = (piece.function or shapes.Function()).name or ""
        events.append(Opened(index, ToolCall(call.id, name, "", signature_of(piece))))
        call.grow(piece, events)

    def go_on(self, call: OpenCall, piece: shapes.Call, events: list[Event]) -> None:
        """Tell of more of a call.

        Raises:
            ValueError: It was whole, and has been told so.
        """
        signature = signature_of(piece)
        if call.closed:
            if signature or _arguments(piece).strip():
                raise ValueError("more of a call that was whole")
            return
        if signature:
            events.append(Signed(call.index, signature))
        call.grow(piece, events)

    def close_whole(self, events: list[Event]) -> None:
        """Close those of which nothing more can come: another part begins."""
        for call in self._open:
            if call.whole:
                call.close(events)
        self._open = [call for call in self._open if not call.closed]

    def close(self, events: list[Event]) -> None:
        """Close all: the stream is over."""
        for call in self._open:
            call.close(events)

    def _key(self, piece: shapes.Call) -> int:
        """Say which call a piece belongs to; a host that doesn't count them begins each with its id."""
        if piece.index is not None:
            return piece.index
        begins = piece.id and all(piece.id != call.id for call in self._by_key.values())
        return len(self._by_key) if begins or not self._by_key else self._last

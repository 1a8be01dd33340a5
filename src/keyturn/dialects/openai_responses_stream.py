"""A stream of OpenAI's responses dialect, read.

Items hold parts, both numbered; a part of ours is a content part of a message, a call, or what an item of type
``reasoning`` says in words. Sealed thoughts come whole, at the end of their item, and become a part of their own.

========================================= ===================================
event                                     becomes
========================================= ===================================
``response.created`` (or any, if first)    ``Started``
``output_item.added`` of a call            ``Opened``
``content_part.added``                     ``Opened``
first delta of thoughts                    ``Opened``
``…delta``                                 ``Grew``
``…done`` with more than the deltas said   ``Grew``
``content_part.done``                      ``Closed``
``output_item.done``                       ``Signed``, ``Closed``, sealed thoughts, images
``response.completed``, ``.incomplete``    ``Stopped``, ``Finished``
``response.failed``, ``error``             ``Failed``
========================================= ===================================

Hosts leave out what they don't need, so every part is opened by what is said of it first.
Source: ``ResponseStreamEvent`` of the OpenAI API description.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from keyturn.dialects import openai_responses_signatures as signatures
from keyturn.dialects.canonical import (
    Closed,
    Event,
    Failed,
    Finished,
    Grew,
    Media,
    Opened,
    Part,
    Reasoning,
    Refusal,
    Signed,
    Started,
    Stopped,
    Text,
    ToolCall,
)
from keyturn.dialects.openai_responses_answer import OutputItem, ResponseHead, stop_of, usage_of, words_of
from keyturn.dialects.openai_responses_conversation import WORDS_BETWEEN, thoughts
from keyturn.dialects.sse import Splitter

_DONE = b"[DONE]"
_WHOLE_ITEM = -1
"""Stands for the place of a part that is an item."""


class _Content(msgspec.Struct, gc=False):
    type: str = ""
    text: str | None = None
    refusal: str | None = None


class _Event(msgspec.Struct, gc=False):
    """Any event, as far as it is read."""

    type: str = ""
    delta: Any = None
    output_index: int = 0
    content_index: int = 0
    summary_index: int = 0
    text: str | None = None
    refusal: str | None = None
    arguments: str | None = None
    part: _Content | None = None
    item: OutputItem | None = None
    response: ResponseHead | None = None
    error: Any = None
    code: Any = None
    message: Any = None


class _Growing:
    """A part that is open."""

    __slots__ = ("index", "kind", "length", "paragraph")

    def __init__(self, index: int, length: int) -> None:
        self.index = index
        self.length = length
        """What has come of it, in characters."""
        self.kind = ""
        """Of thoughts, the event that tells them: a host may tell a summary too."""
        self.paragraph = 0
        """Of thoughts, the part of the summary that was last added to."""


_event = msgspec.json.Decoder(_Event)
_Place = tuple[int, int]


class StreamReader:
    """Reads the bytes of a stream, in whatever pieces they come."""

    def __init__(self) -> None:
        self.whole = False
        """It came to its own end."""
        self._splitter = Splitter()
        self._over = False
        self._started = False
        self._parts: list[Part] = []
        self._open: dict[_Place, _Growing] = {}
        self._calls: dict[str, _Growing] = {}
        self._found: list[Event] = []
        self._on: dict[str, Callable[[_Event], None]] = {
            "response.output_text.delta": self._words,
            "response.output_text.done": self._words,
            "response.refusal.delta": self._words,
            "response.refusal.done": self._words,
            "response.function_call_arguments.delta": self._arguments,
            "response.function_call_arguments.done": self._arguments,
            "response.reasoning_summary_text.delta": self._thoughts,
            "response.reasoning_text.delta": self._thoughts,
            "response.content_part.added": self._content_added,
            "response.content_part.done": self._content_done,
            "response.output_item.added": self._item_added,
            "response.output_item.done": self._item_done,
            "response.completed": self._finish,
            "response.incomplete": self._finish,
            "response.failed": self._fail,
            "error": self._fail,
        }

    def take(self, data: bytes) -> list[Event]:
        """Return what the bytes tell.

        Raises:
            msgspec.DecodeError: An event is no JSON, or not of this form; nothing more can be read.
            EventTooLargeError: An event doesn't end.
        """
        for event in self._splitter.take(data):
            if not self._over and event.data != _DONE:
                self._read(_event.decode(event.data))
        found, self._found = self._found, []
        return found

    def end(self) -> list[Event]:
        """Return the last events where the connection ended behind a last event that no empty line follows."""
        if self._over or not self._splitter.rest:
            return []
        try:
            return self.take(b"\n\n")
        except msgspec.DecodeError:
            return []

    def _read(self, event: _Event) -> None:
        if not self._started and event.type.startswith("response."):
            self._started = True
            head = event.response or ResponseHead()
            self._found.append(Started(head.id, head.model, int(head.created_at)))
        do = self._on.get(event.type)
        if do is not None:
            do(event)
        elif event.error is not None and not event.type:
            self._fail(event)

    # ── parts ───────────────────────────────────────────────────────────────

    def _opened(
        self, place: _Place, part: Text | ToolCall | Reasoning | Refusal, length: int = 0
    ) -> _Growing:
        self._closed(place)
        growing = self._open[place] = _Growing(len(self._parts), length)
        self._parts.append(part)
        self._found.append(Opened(growing.index, part))
        return growing

    def _grew(self, growing: _Growing, text: str) -> None:
        if text:
            growing.length += len(text)
            self._found.append(Grew(growing.index, text))

    def _closed(self, place: _Place) -> None:
        growing = self._open.pop(place, None)
        if growing is not None:
            self._found.append(Closed(growing.index))

    def _content_added(self, event: _Event) -> None:
        part = event.part or _Content()
        place = (event.output_index, event.content_index)
        if part.type == "output_text":
            self._opened(place, Text(part.text or ""), len(part.text or ""))
        elif part.type == "refusal":
            self._opened(place, Refusal(part.refusal or ""), len(part.refusal or ""))

    def _words(self, event: _Event) -> None:
        place = (event.output_index, event.content_index)
        growing = self._open.get(place)
        if growing is None:
            refusal = event.type.startswith("response.refusal")
            growing = self._opened(place, Refusal("") if refusal else Text(""))
        if isinstance(event.delta, str):
            self._grew(growing, event.delta)
        else:
            self._grew(growing, (event.text or event.refusal or "")[growing.length :])

    def _content_done(self, event: _Event) -> None:
        self._closed((event.output_index, event.content_index))

    def _arguments(self, event: _Event) -> None:
        growing = self._open.get((event.output_index, _WHOLE_ITEM))
        if growing is None:
            return  # a call without an item is nobody's
        if isinstance(event.delta, str):
            self._grew(growing, event.delta)
        else:
            self._grew(growing, (event.arguments or "")[growing.length :])

    def _thoughts(self, event: _Event) -> None:
        place = (event.output_index, _WHOLE_ITEM)
        growing = self._open.get(place)
        if growing is None:
            growing = self._opened(place, Reasoning(""))
            growing.kind = event.type
        elif growing.kind != event.type:
            return
        paragraph = max(event.content_index, event.summary_index)
        if paragraph != growing.paragraph:
            growing.paragraph = paragraph
            self._grew(growing, WORDS_BETWEEN)
        if isinstance(event.delta, str):
            self._grew(growing, event.delta)

    # ── items ───────────────────────────────────────────────────────────────

    def _item_added(self, event: _Event) -> None:
        item = event.item or OutputItem()
        if item.type == "function_call":
            call_id = item.call_id or item.id or f"call_{event.output_index}"
            call = ToolCall(call_id, item.name or "", item.arguments or "")
            place = (event.output_index, _WHOLE_ITEM)
            self._calls[call_id] = self._opened(place, call, len(call.arguments))
        elif item.type == "reasoning":
            signed = signatures.call_of(item.encrypted_content or "")
            if signed is not None and signed[0] in self._calls:
                self._found.append(Signed(self._calls[signed[0]].index, signed[1]))

    def _item_done(self, event: _Event) -> None:
        item = event.item or OutputItem()
        place = (event.output_index, _WHOLE_ITEM)
        if item.type == "function_call":
            if place not in self._open:
                self._item_added(event)
            growing = self._open[place]
            self._grew(growing, (item.arguments or "")[growing.length :])
            self._calls.pop(item.call_id or "", None)
        elif item.type == "reasoning":
            self._reasoning_done(item, place)
        elif item.type == "image_generation_call" and item.result:
            image = Media("image/png", item.result)
            self._found += (Opened(len(self._parts), image), Closed(len(self._parts)))
            self._parts.append(image)
        for one in [one for one in self._open if one[0] == event.output_index]:
            self._closed(one)

    def _reasoning_done(self, item: OutputItem, place: _Place) -> None:
        encrypted = item.encrypted_content or ""
        if signatures.call_of(encrypted) is not None:
            return
        for part in thoughts(words_of(item), encrypted, item.id or ""):
            if part.sealed:
                self._closed(place)
                self._opened(place, part)
            else:
                growing = self._open.get(place)
                if growing is None:
                    growing = self._opened(place, Reasoning("", id=part.id))
                    self._grew(growing, part.text)
                if part.signature:
                    self._found.append(Signed(growing.index, part.signature))

    # ── the end ─────────────────────────────────────────────────────────────

    def _finish(self, event: _Event) -> None:
        for place in list(self._open):
            self._closed(place)
        head = event.response or ResponseHead()
        if head.status is None and event.type == "response.incomplete":
            head.status = "incomplete"
        self._found += (Stopped(stop_of(head, self._parts)), Finished(usage_of(head)))
        self._over = self.whole = True

    def _fail(self, event: _Event) -> None:
        """Tell of the failure: the error is told flat, inside ``error``, or inside the response."""
        message, code = event.message, event.code
        if isinstance(event.error, dict):
            message, code = event.error.get("message"), event.error.get("code") or event.error.get("type")
        elif event.response is not None and event.response.error is not None:
            message, code = event.response.error.message, event.response.error.code
        self._found.append(Failed(str(message or ""), str(code or "")))
        self._over = True

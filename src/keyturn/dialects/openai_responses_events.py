"""A stream of OpenAI's responses dialect, written.

Words that stand side by side are content parts of one message, which ends when something else begins or all is over; every
other part is an item. The events of an item come in this order (a column each), numbered through the whole stream:

========================== ================================= ========================= ==========================
message                    call                              thoughts                  image
========================== ================================= ========================= ==========================
``output_item.added``      ``output_item.added``             ``output_item.added``     ``output_item.added``
``content_part.added``                                       ``…summary_part.added``
``…text.delta``            ``function_call_arguments.delta`` ``…summary_text.delta``
``…text.done``             ``function_call_arguments.done``  ``…summary_text.done``
``content_part.done``                                        ``…summary_part.done``
``output_item.done``       ``output_item.done``              ``output_item.done``      ``output_item.done``
========================== ================================= ========================= ==========================

Source: ``ResponseStreamEvent`` of the OpenAI API description.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from keyturn.dialects import openai_errors, openai_responses_signatures as signatures
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
from keyturn.dialects.openai_responses_answer import (
    Json,
    call_item,
    content_of,
    image_item,
    incomplete,
    is_image,
    item_id,
    message as message_item,
    reasoning_item,
    response,
)
from keyturn.domain.refusals import Refused
from keyturn.domain.usage import NOTHING, Usage

_encode = msgspec.json.encode
_FAILURES = frozenset({openai_errors.SERVER, "rate_limit_exceeded", "invalid_prompt"})
"""Codes that a failed response may carry, as far as they fit; the event ``error`` before it carries any."""
_END = b"}\n\n"


class _Item:
    """An item that was begun.

    Attributes:
        index: Among the items.
        name: Its id.
        done: As JSON, once it is whole.
        content: Of a message, its parts that are whole.
        parts: Of a message, how many parts were begun.
    """

    __slots__ = ("content", "done", "index", "name", "parts")

    def __init__(self, index: int, name: str) -> None:
        self.index = index
        self.name = name
        self.done: msgspec.Raw | None = None
        self.content: dict[int, Json] = {}
        self.parts = 0


class _Open:
    """A part that is open.

    Attributes:
        part: As it was opened.
        item: The one it is, or is in.
        place: Its number in the item.
        delta: The beginning of the event that adds to it, up to the text; empty: no text is expected yet.
        texts: What was added.
        signature: Of thoughts.
    """

    __slots__ = ("delta", "item", "part", "place", "signature", "texts")

    def __init__(
        self, part: Text | ToolCall | Reasoning | Refusal | Media, item: _Item, place: int = 0
    ) -> None:
        self.part = part
        self.item = item
        self.place = place
        self.delta = b""
        self.texts: list[str] = []
        self.signature = ""


class StreamWriter:
    """Writes the events of a stream as they come."""

    def __init__(self, *, created: int, usage: bool) -> None:  # noqa: ARG002 -- always told in this dialect
        """Args: created: Used where the stream doesn't say. usage: The client wants it; it is always told here."""
        self._created = created
        self._id = self._model = ""
        self._started = self._over = False
        self._usage: Usage | None = None
        self._sequence = 0
        self._items: list[_Item] = []
        self._message: _Item | None = None
        self._open: dict[int, _Open] = {}
        self._refused = False
        self._stop = Stop.END
        self._out: list[bytes] = []
        self._on: dict[type, Callable[[Any], None]] = {
            Started: self._start,
            Opened: self._begin,
            Grew: self._grow,
            Signed: self._sign,
            Closed: self._close,
            Stopped: self._stopped,
            Finished: self._finish,
            Failed: self._failed,
        }

    def write(self, events: Sequence[Event]) -> bytes:
        """Return what the client is told of the events; empty: nothing yet."""
        for event in events:
            self._on[type(event)](event)
        return self._taken()

    def cut_short(self) -> bytes:
        """End the stream now, as an answer that has become long enough."""
        if not self._over:
            self._start(Started("", ""))
            for index in list(self._open):
                self._close(Closed(index))
            self._stop = Stop.LENGTH
            self._finish(Finished())
        return self._taken()

    def fail(self, refused: Refused) -> bytes:
        """End the stream with an error."""
        kind, code = openai_errors.KINDS[refused.reason]
        if not self._over:
            self._error(refused.text, code, kind, refused.param)
        return self._taken()

    def _taken(self) -> bytes:
        out = b"".join(self._out)
        self._out.clear()
        return out

    def _tell(self, kind: str, members: Mapping[str, Any]) -> None:
        """Add an event."""
        event = {"type": kind, **members, "sequence_number": self._sequence}
        self._sequence += 1
        self._out.append(b"event: %b\ndata: %b\n\n" % (kind.encode(), _encode(event)))

    def _tell_response(self, kind: str, status: str, **more: Any) -> None:  # noqa: ANN401 -- as response() takes it
        output = [item.done for item in self._items if item.done is not None]
        whole = response(self._id, self._model, self._created, status=status, output=output, **more)
        self._tell(kind, {"response": whole})

    # ── the stream ──────────────────────────────────────────────────────────

    def _start(self, event: Started) -> None:
        if self._started:
            return
        self._started = True
        self._id, self._model = event.id, event.model
        self._created = event.created or self._created
        self._usage = event.usage if event.usage != NOTHING else None
        self._tell_response("response.created", "in_progress")
        self._tell_response("response.in_progress", "in_progress")

    def _stopped(self, event: Stopped) -> None:
        self._stop = event.stop

    def _finish(self, event: Finished) -> None:
        reason = incomplete(self._stop, refused=self._refused)
        status = "incomplete" if reason else "completed"
        self._end_message(status)
        self._tell_response(f"response.{status}", status, usage=event.usage or self._usage, reason=reason)
        self._over = True

    def _failed(self, event: Failed) -> None:
        self._error(event.message, event.code, openai_errors.SERVER, None)

    def _error(self, message: str, code: str, kind: str, param: str | None) -> None:
        """Tell the error as OpenAI does: in an event by itself, then in the response, which has failed.

        The event has it flat, as it is described, and inside ``error``, as it is sent: SDKs go by that one.
        """
        error = {"code": code or None, "message": message, "param": param}
        self._tell("error", error | {"error": {"type": kind, **error}})
        if self._started:
            code = code if code in _FAILURES else openai_errors.SERVER
            self._tell_response("response.failed", "failed", error={"code": code, "message": message})
        self._over = True

    # ── items and parts ─────────────────────────────────────────────────────

    def _item(self, prefix: str) -> _Item:
        item = _Item(len(self._items), item_id(prefix, self._id, len(self._items)))
        self._items.append(item)
        return item

    def _added(self, item: _Item, value: Json) -> None:
        self._tell("response.output_item.added", {"output_index": item.index, "item": value})

    def _done(self, item: _Item, value: Json) -> None:
        item.done = msgspec.Raw(_encode(value))
        self._tell("response.output_item.done", {"output_index": item.index, "item": item.done})

    def _begin(self, event: Opened) -> None:
        part = event.part
        if isinstance(part, Text | Refusal) or (isinstance(part, Media) and not is_image(part)):
            self._begin_words(event.index, part)
            return
        self._end_message("completed")
        if isinstance(part, ToolCall):
            self._begin_call(event.index, part)
        elif isinstance(part, Reasoning):
            opened = self._open[event.index] = _Open(part, self._item("rs"))
            self._added(opened.item, reasoning_item(opened.item.name, "", ""))
            self._grow(Grew(event.index, part.text))
            opened.signature = part.signature
        else:
            item = self._item("ig")
            self._open[event.index] = _Open(part, item)
            self._added(item, image_item(item.name, None, "in_progress"))

    def _begin_words(self, index: int, part: Text | Refusal | Media) -> None:
        item = self._message
        if item is None:
            item = self._message = self._item("msg")
            self._added(item, message_item(item.name, (), "in_progress"))
        opened = self._open[index] = _Open(part, item, item.parts)
        item.parts += 1
        refusal = isinstance(part, Refusal)
        self._refused = self._refused or refusal
        where = {"item_id": item.name, "output_index": item.index, "content_index": opened.place}
        self._tell(
            "response.content_part.added", where | {"part": content_of(Refusal("") if refusal else Text(""))}
        )
        kind = "response.refusal.delta" if refusal else "response.output_text.delta"
        opened.delta = _delta(kind, where if refusal else where | {"logprobs": ()})
        words = content_of(part) or {}
        self._grow(Grew(index, words.get("text") or words.get("refusal") or ""))

    def _begin_call(self, index: int, part: ToolCall) -> None:
        item = self._item("fc")
        opened = self._open[index] = _Open(part, item)
        empty = msgspec.structs.replace(part, arguments="")
        self._added(item, call_item(item.name, empty, "in_progress"))
        where = {"item_id": item.name, "output_index": item.index}
        opened.delta = _delta("response.function_call_arguments.delta", where)
        self._grow(Grew(index, part.arguments))
        if part.signature:
            self._sign(Signed(index, part.signature))

    def _grow(self, event: Grew) -> None:
        if not event.text:
            return
        opened = self._open[event.index]
        if not opened.delta:
            where = _summary(opened.item)
            self._tell(
                "response.reasoning_summary_part.added",
                where | {"part": {"type": "summary_text", "text": ""}},
            )
            opened.delta = _delta("response.reasoning_summary_text.delta", where)
        opened.texts.append(event.text)
        self._out.append(
            b'%b%b,"sequence_number":%d%b' % (opened.delta, _encode(event.text), self._sequence, _END)
        )
        self._sequence += 1

    def _sign(self, event: Signed) -> None:
        """Keep the signature of thoughts for the end of their item; tell a call's in an item of its own."""
        opened = self._open[event.index]
        if not isinstance(opened.part, ToolCall):
            opened.signature = event.signature
            return
        item = self._item("rs")
        value = reasoning_item(item.name, "", signatures.of_call(opened.part.id, event.signature))
        self._added(item, value)
        self._done(item, value)

    def _close(self, event: Closed) -> None:
        opened = self._open[event.index]
        part, item = opened.part, opened.item
        if isinstance(part, ToolCall):
            self._close_call(event.index, opened, part)
        elif isinstance(part, Reasoning):
            self._close_thoughts(opened, part)
        elif item.name.startswith("ig_") and isinstance(part, Media):
            self._done(item, image_item(item.name, part.data))
        else:
            self._close_words(opened, part)
        del self._open[event.index]
        if item is not self._message and item.done is None:
            self._end(item, "completed")

    def _close_call(self, index: int, opened: _Open, part: ToolCall) -> None:
        item = opened.item
        if not opened.texts:
            self._grow(Grew(index, "{}"))
        whole = msgspec.structs.replace(part, arguments="".join(opened.texts))
        self._tell(
            "response.function_call_arguments.done",
            {
                "item_id": item.name,
                "output_index": item.index,
                "name": part.name,
                "arguments": whole.arguments,
            },
        )
        self._done(item, call_item(item.name, whole))

    def _close_thoughts(self, opened: _Open, part: Reasoning) -> None:
        item, text = opened.item, "".join(opened.texts)
        if text:
            where = _summary(item)
            self._tell("response.reasoning_summary_text.done", where | {"text": text})
            self._tell(
                "response.reasoning_summary_part.done",
                where | {"part": {"type": "summary_text", "text": text}},
            )
        self._done(item, reasoning_item(item.name, text, signatures.seal(opened.signature, part.sealed)))

    def _close_words(self, opened: _Open, part: Text | Refusal | Media) -> None:
        item, text = opened.item, "".join(opened.texts)
        where: Json = {"item_id": item.name, "output_index": item.index, "content_index": opened.place}
        if isinstance(part, Refusal):
            whole = content_of(Refusal(text))
            self._tell("response.refusal.done", where | {"refusal": text})
        else:
            whole = content_of(Text(text))
            self._tell("response.output_text.done", where | {"text": text, "logprobs": ()})
        self._tell("response.content_part.done", where | {"part": whole})
        item.content[opened.place] = whole or {}

    def _end_message(self, status: str) -> None:
        """Let no more words into the message; it ends with the last of them."""
        item, self._message = self._message, None
        if item is not None and len(item.content) == item.parts:
            self._end(item, status)

    def _end(self, item: _Item, status: str) -> None:
        if len(item.content) == item.parts:
            content = [item.content[place] for place in range(item.parts)]
            self._done(item, message_item(item.name, content, status))


def _delta(kind: str, where: Mapping[str, Any]) -> bytes:
    """Return the beginning of an event, up to the text that is new in it."""
    return b'event: %b\ndata: %b,"delta":' % (kind.encode(), _encode({"type": kind, **where})[:-1])


def _summary(item: _Item) -> Json:
    return {"item_id": item.name, "output_index": item.index, "summary_index": 0}

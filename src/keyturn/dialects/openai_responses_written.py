"""A request of OpenAI's responses dialect, written for a provider.

Nothing is to be stored (``store`` is false): the client's dialect has no way to ask for it later. Thoughts are asked for
sealed, so that the client can give them back on the next turn.
Source: ``CreateResponse`` of the OpenAI API description.
"""

import hashlib
from collections.abc import Iterable
from typing import Any

import msgspec

from keyturn.dialects.canonical import (
    Chat,
    Choice,
    Effort,
    Format,
    Loss,
    Media,
    Message,
    Part,
    Reasoning,
    Refusal,
    Role,
    Text,
    ToolCall,
    ToolResult,
    Written,
)
from keyturn.dialects.effort import common_effort_for

DOCUMENT_NAME = "document.pdf"
"""A file that comes by value has to have a name."""
SCHEMA_NAME = "answer"
_LONGEST_USER = 64
_LONGEST_ID = 64
_UNSAYABLE = ("top_k", "frequency_penalty", "presence_penalty", "seed")
_PLAIN = ("temperature", "top_p", "max_output_tokens", "parallel_tool_calls")

Json = dict[str, Any]


def write_request(chat: Chat) -> Written:
    """Write a request; what can't be said is named by the part's path or the member of ``Chat``."""
    losses = [
        Loss(name, "can't be said to OpenAI's responses")
        for name in _UNSAYABLE
        if getattr(chat, name) is not None
    ]
    if chat.stop:
        losses.append(Loss("stop", "can't be said to OpenAI's responses"))
    body: Json = {"model": chat.model, "input": _input(chat, losses), "store": False}
    if chat.instructions and chat.messages:
        body["instructions"] = chat.instructions[0].text
    _tools(chat, body)
    for name in _PLAIN:
        value = getattr(chat, name)
        if value is not None:
            body[name] = value
    if chat.format is not Format.TEXT:
        body["text"] = {"format": _format(chat)}
    reasoning = _reasoning(chat, losses)
    if reasoning:
        body["reasoning"] = reasoning
        if reasoning.get("effort") != Effort.NONE:
            # A model that does not think refuses this, but it would refuse the effort too.
            body["include"] = ["reasoning.encrypted_content"]
    if chat.stream:
        body["stream"] = True
    if chat.user:
        body["user"] = _user(chat.user)
    return Written(msgspec.json.encode(body), tuple(losses))


def _user(name: str) -> str:
    """Return the name, or where it is too long for OpenAI its hash: all that counts is that it stays the same."""
    return name if len(name) <= _LONGEST_USER else hashlib.sha256(name.encode()).hexdigest()


def _tools(chat: Chat, body: Json) -> None:
    if chat.tools:
        # Left out, ``strict`` would be true here, while nearly every other dialect means false.
        body["tools"] = [
            {
                "type": "function",
                "name": tool.name,
                **({"description": tool.description} if tool.description else {}),
                "parameters": msgspec.Raw(tool.schema.encode()) if tool.schema else None,
                "strict": tool.strict or False,
            }
            for tool in chat.tools
        ]
    if chat.tool_choice is Choice.NAMED:
        body["tool_choice"] = {"type": "function", "name": chat.tool_name}
    elif chat.tool_choice is not None:
        body["tool_choice"] = chat.tool_choice.value


def _format(chat: Chat) -> Json:
    if chat.format is Format.JSON:
        return {"type": "json_object"}
    found: Json = {
        "type": "json_schema",
        "name": chat.schema_name or SCHEMA_NAME,
        "schema": msgspec.Raw(chat.schema.encode()),
    }
    if chat.schema_description:
        found["description"] = chat.schema_description
    if chat.schema_strict is not None:
        found["strict"] = chat.schema_strict
    return found


def _reasoning(chat: Chat, losses: list[Loss]) -> Json:
    """Return how the model is to think. A number of tokens becomes an effort, and only none at all is exactly that."""
    effort, budget = chat.effort, chat.reasoning_tokens
    if budget == 0:
        effort = effort or Effort.NONE
    elif budget is not None:
        losses.append(
            Loss("reasoning_tokens", "can be said to OpenAI's responses as an effort only", minor=True)
        )
        if effort is None:
            effort = common_effort_for(budget)
    found: Json = {} if effort is None else {"effort": effort.value}
    if chat.show_reasoning:
        found["summary"] = "auto"
    return found


# ── the conversation ────────────────────────────────────────────────────────


def _input(chat: Chat, losses: list[Loss]) -> list[Json]:
    items: list[Json] = []
    ahead = chat.instructions[1:] if chat.messages else chat.instructions
    if ahead:
        items.append({"role": "system", "content": [_words(text.text, "input_text") for text in ahead]})
    for message in chat.messages:
        if message.role is Role.ASSISTANT:
            _Turn(items, losses).write(message)
        else:
            _of_client(message, items, losses)
    return items


def _words(text: str, kind: str) -> Json:
    return {"type": kind, "text": text}


def _message(role: Role, content: list[Json]) -> Json:
    """Return a message; words alone are written the short way, which every host of this dialect knows."""
    only = content[0] if len(content) == 1 else {}
    return {"role": role.value, "content": only.get("text", content)}


def _of_client(message: Message, items: list[Json], losses: list[Loss]) -> None:
    content: list[Json] = []
    for part in message.parts:
        if isinstance(part, ToolResult):
            if content:
                items.append(_message(message.role, content))
                content = []
            items.append(_result(part, losses))
        else:
            content += _content((part,), losses)
    if content:
        items.append(_message(message.role, content))


def _result(result: ToolResult, losses: list[Loss]) -> Json:
    content = _content(result.parts, losses)
    only = content[0] if len(content) == 1 else {}
    item = {
        "type": "function_call_output",
        "call_id": result.call_id,
        "output": only.get("text", content) if content else "",
    }
    if result.failed:
        item["status"] = "incomplete"  # the tool has not come to its end
    return item


def _content(parts: Iterable[Part], losses: list[Loss]) -> list[Json]:
    """Write what a client may say."""
    content = []
    for part in parts:
        if isinstance(part, Text):
            content.append(_words(part.text, "input_text"))
        elif isinstance(part, Media) and not part.mime_type.startswith(("audio/", "video/")):
            content.append(_media(part))
        else:
            losses.append(Loss(part.path or "messages", "can't be said to OpenAI's responses here"))
    return content


def _media(media: Media) -> Json:
    """Write an image or a document; the type is unknown where an address is of an image."""
    url = media.url or f"data:{media.mime_type};base64,{media.data}"
    detail = {"detail": media.detail} if media.detail else {}
    if media.mime_type.startswith("image/") or not media.mime_type:
        return {"type": "input_image", "image_url": url, **detail}
    if media.url:
        name = {"filename": media.name} if media.name else {}
        return {"type": "input_file", "file_url": url, **name, **detail}
    return {"type": "input_file", "filename": media.name or DOCUMENT_NAME, "file_data": url, **detail}


class _Turn:
    """Writes what the model has made: a message for words, an item for each thought and each call.

    Thoughts are given back sealed or not at all: OpenAI takes no one else's, and none of its own without the seal. Words
    that stand before sealed thoughts are their summary. The signature of a call is another provider's and of no use here.
    """

    __slots__ = ("_content", "_items", "_losses", "_summary")

    def __init__(self, items: list[Json], losses: list[Loss]) -> None:
        self._items = items
        self._losses = losses
        self._content: list[Json] = []
        self._summary: Reasoning | None = None

    def write(self, message: Message) -> None:
        """Append the items."""
        for part in message.parts:
            if isinstance(part, Reasoning):
                self._thought(part)
                continue
            self._forget()
            if isinstance(part, Text):
                self._content.append(_words(part.text, "output_text"))
            elif isinstance(part, Refusal):
                self._content.append({"type": "refusal", "refusal": part.text})
            elif isinstance(part, ToolCall):
                self._flush()
                self._items.append(
                    {
                        "type": "function_call",
                        "call_id": part.id,
                        "name": part.name,
                        "arguments": part.arguments,
                    }
                )
            else:
                self._losses.append(Loss(part.path or "messages", "can't be said to OpenAI's responses here"))
        self._forget()
        self._flush()

    def _flush(self) -> None:
        if self._content:
            self._items.append(_message(Role.ASSISTANT, self._content))
            self._content = []

    def _forget(self) -> None:
        if self._summary is not None:
            self._losses.append(
                Loss(
                    self._summary.path or "messages",
                    "is no thought that OpenAI's responses can take back: it is not sealed",
                    minor=True,
                )
            )
            self._summary = None

    def _thought(self, part: Reasoning) -> None:
        if not part.sealed:
            self._forget()
            self._summary = part
            return
        words = [part.text] if part.text else []
        if self._summary is not None and not self._summary.signature:
            words.insert(0, self._summary.text)
            self._summary = None
        self._forget()
        self._flush()
        item: Json = {
            "type": "reasoning",
            "summary": [_words(text, "summary_text") for text in words],
            "encrypted_content": part.sealed,
        }
        if part.id.startswith("rs_") and len(part.id) <= _LONGEST_ID:
            item["id"] = part.id
        self._items.append(item)

"""A request of OpenAI's responses dialect, written for a provider.

Nothing is to be stored (``store`` is false): the client's dialect has no way to ask for it later. Thoughts are asked for
sealed, so that the client can give them back on the next turn.
Source: ``CreateResponse`` of the OpenAI API description.
"""

import itertools
from collections.abc import Iterable, Mapping
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
from keyturn.dialects.openai_names import SCHEMA_NAME, name_of_file, name_of_user

_LONGEST_ID = 64
LEAST_CAP = 16
"""OpenAI refuses a smaller ``max_output_tokens``."""
_UNSAYABLE: Mapping[str, tuple[object, ...]] = {
    "top_k": (None,),
    "frequency_penalty": (None, 0),
    "presence_penalty": (None, 0),
    "seed": (None,),
    "stop": ((),),
}
"""By member, the values that ask for nothing."""
_PLAIN = ("temperature", "top_p", "max_output_tokens", "parallel_tool_calls")

Json = dict[str, Any]


def write_request(chat: Chat) -> Written:
    """Write a request; what can't be said is named by the part's path or the member of ``Chat``."""
    losses = [
        Loss(name, "can't be said to OpenAI's responses")
        for name, nothing in _UNSAYABLE.items()
        if getattr(chat, name) not in nothing
    ]
    body: Json = {"model": chat.model, "input": _input(chat, losses), "store": False}
    if chat.instructions and chat.messages:
        body["instructions"] = chat.instructions[0].text
    _tools(chat, body)
    for name in _PLAIN:
        value = getattr(chat, name)
        if value is not None:
            body[name] = value
    if chat.max_output_tokens is not None and chat.max_output_tokens < LEAST_CAP:
        body["max_output_tokens"] = LEAST_CAP
        losses.append(
            Loss("max_output_tokens", f"OpenAI's responses take no less than {LEAST_CAP}", minor=True)
        )
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
        body["user"] = name_of_user(chat.user)
    return Written(msgspec.json.encode(body), tuple(losses))


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
    for of_model, messages in itertools.groupby(chat.messages, lambda one: one.role is Role.ASSISTANT):
        if of_model:
            _Turn(items, losses).write(messages)
        else:
            for message in messages:
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
    return {"type": "input_file", "filename": name_of_file(media), "file_data": url, **detail}


class _Turn:
    """Writes what the model has made: a message for words, an item for each thought and each call.

    Thoughts are given back sealed or not at all: OpenAI takes no one else's, and none of its own without the seal, or
    without what they led to. Words that stand before sealed thoughts are their summary. The signature of a call is another provider's and of no use here.
    """

    __slots__ = ("_content", "_items", "_losses", "_sealed", "_summary")

    def __init__(self, items: list[Json], losses: list[Loss]) -> None:
        self._items = items
        self._losses = losses
        self._content: list[Json] = []
        self._sealed: list[str] = []
        """Where the thoughts stood that were written."""
        self._summary: Reasoning | None = None

    def write(self, messages: Iterable[Message]) -> None:
        """Append the items of messages that stand side by side."""
        for message in messages:
            self._write(message)
        while self._sealed and self._items[-1].get("type") == "reasoning":
            self._items.pop()
            self._losses.append(
                Loss(self._sealed.pop(), "these thoughts have led to nothing that was said", minor=True)
            )

    def _write(self, message: Message) -> None:
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
        self._sealed.append(part.path or "messages")

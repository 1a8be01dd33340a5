"""What a demo model says to a conversation, in any dialect: words, calls of tools, JSON, thoughts. Pure.

| the conversation                                     | the answer                                   |
|------------------------------------------------------|----------------------------------------------|
| ends with results of tools                           | words that quote them                        |
| names tools that it declares, or forces one          | a call for each                              |
| wants JSON, or a schema                              | JSON that satisfies it                       |
| anything else                                        | words about the last message                 |

Before each of them stands a thought, if one was asked for. A conversation that goes on has been sent before, up to the
model's last turn: that much is counted as read from a cache.
"""

import base64
import hashlib
import re
from collections.abc import Iterable

import msgspec

from keyturn.demo import prose
from keyturn.demo.examples import example
from keyturn.demo.models import Behaviour
from keyturn.dialects.canonical import (
    Chat,
    Choice,
    Effort,
    Format,
    Media,
    Part,
    Reasoning,
    Refusal,
    Role,
    Stop,
    Text,
    Tool,
    ToolCall,
    ToolResult,
)
from keyturn.domain.usage import Usage

MEDIA_TOKENS = 85
"""What an image or a file counts, whatever its size."""

CACHE_MINIMUM = 32
"""Shorter beginnings are not cached."""

_OURS = b"keyturn-demo:"
_NO_WORD = re.compile(r"[\W_]+")


class Said(msgspec.Struct, frozen=True):
    """A model's turn."""

    parts: tuple[Part, ...]
    stop: Stop
    stop_sequence: str
    usage: Usage


def answer(chat: Chat, behaviour: Behaviour, *, call_id: str, words: int | None) -> Said:
    """Answer a conversation.

    Args:
        chat: It.
        behaviour: The model's.
        call_id: What the ids of calls begin with, different for each request.
        words: How many to say; ``None``: as many as it takes.
    """
    prompt = _prompt(chat)
    parts: list[Part] = [] if behaviour.echoes else _thoughts(chat, prompt)
    calls = [] if behaviour.echoes else _calls(chat, prompt, call_id)
    stop, sequence = Stop.TOOLS, ""
    if calls:
        parts += calls
    else:
        text = prompt if behaviour.echoes else _words(chat, prompt)
        if words is not None:
            text = prose.stretch(text, words)
        passage = prose.finish(text, limit=None, stops=list(chat.stop))
        stop, sequence = (Stop.SEQUENCE, passage.stop) if passage.stop else (Stop.END, "")
        parts.append(Text(passage.text))
    thought = sum(_size(part) for part in parts if isinstance(part, Reasoning))
    fitting, tokens = _fit(parts, chat.max_output_tokens)
    if fitting is not None:
        parts, stop, sequence = fitting, Stop.LENGTH, ""
    usage = Usage(count(chat), tokens, _cached(chat), min(thought, tokens))
    hidden = chat.show_reasoning is False
    return Said(tuple(_shown(part, hidden=hidden) for part in parts), stop, sequence, usage)


def count(chat: Chat) -> int:
    """Count the tokens of a conversation."""
    return _counted(chat, len(chat.messages))


def sign(thought: str) -> str:
    """Return the signature of a thought."""
    return base64.b64encode(_OURS + hashlib.sha256(thought.encode()).digest()).decode()


def is_forged(thought: Reasoning) -> bool:
    """Whether a thought with our signature is not the one that was signed; hidden ones and those of others are not looked at."""
    try:
        ours = base64.b64decode(thought.signature, validate=True).startswith(_OURS)
    except ValueError:
        return False
    return ours and bool(thought.text) and thought.signature != sign(thought.text)


# ── what is said ────────────────────────────────────────────────────────────


def _prompt(chat: Chat) -> str:
    """Return the text of the last message of a user, its parts joined by newlines."""
    for message in reversed(chat.messages):
        if message.role is Role.USER:
            texts = [part.text for part in message.parts if isinstance(part, Text) and part.text]
            if texts or not any(isinstance(part, ToolResult) for part in message.parts):
                return "\n".join(texts)
    return ""


def _thoughts(chat: Chat, prompt: str) -> list[Part]:
    if chat.reasoning_tokens == 0 or chat.effort is Effort.NONE:
        return []
    if not (chat.reasoning_tokens or chat.effort or chat.show_reasoning):
        return []
    thought = prose.thought_about(prompt)
    return [Reasoning(thought, sign(thought))]


def _shown(part: Part, *, hidden: bool) -> Part:
    return Reasoning("", part.signature) if hidden and isinstance(part, Reasoning) else part


def _results(chat: Chat) -> list[ToolResult]:
    """Return what tools have answered since the model spoke last."""
    found: list[ToolResult] = []
    for message in reversed(chat.messages):
        if message.role is Role.ASSISTANT:
            break
        found = [part for part in message.parts if isinstance(part, ToolResult)] + found
    return found


def _calls(chat: Chat, prompt: str, call_id: str) -> list[ToolCall]:
    if _results(chat):
        return []
    tools = _wanted(chat, prompt)
    if chat.parallel_tool_calls is False:
        tools = tools[:1]
    return [
        ToolCall(f"{call_id}{index}", tool.name, msgspec.json.encode(example(tool.schema)).decode())
        for index, tool in enumerate(tools)
    ]


def _wanted(chat: Chat, prompt: str) -> list[Tool]:
    if chat.tool_choice is Choice.NONE:
        return []
    if chat.tool_choice is Choice.NAMED:
        return [tool for tool in chat.tools if tool.name == chat.tool_name]
    asked = _spaced(prompt)
    named = [tool for tool in chat.tools if f" {_spaced(tool.name).strip()} " in asked]
    return named or list(chat.tools[:1]) if chat.tool_choice is Choice.REQUIRED else named


def _spaced(text: str) -> str:
    """Return text in which ``get_weather`` and ``Get weather!`` are one: its words between single spaces."""
    return f" {_NO_WORD.sub(' ', text).strip().lower()} "


def _words(chat: Chat, prompt: str) -> str:
    if chat.format is Format.SCHEMA:
        return msgspec.json.encode(example(chat.schema)).decode()
    results = _results(chat)
    text = " ".join(map(_quote, results)) if results else prose.reply_to(prompt)
    seen = sum(isinstance(part, Media) for part in _given(chat))
    if seen:
        text = f"I see {_number_of(_images(chat), 'image')} and {_number_of(seen - _images(chat), 'file')}. {text}"
    if chat.format is Format.JSON:
        return msgspec.json.encode({"answer": text}).decode()
    return text


def _quote(result: ToolResult) -> str:
    told = " ".join(part.text for part in result.parts if isinstance(part, Text))
    name = f"The tool {result.name}" if result.name else "The tool"
    return f"{name} {'failed with' if result.failed else 'answered'}: {told}"


def _number_of(count: int, thing: str) -> str:
    return f"one {thing}" if count == 1 else f"{count or 'no'} {thing}s"


def _given(chat: Chat) -> Iterable[Part]:
    """Yield everything that users have sent, and tools."""
    for message in chat.messages:
        if message.role is Role.USER:
            for part in message.parts:
                yield part
                if isinstance(part, ToolResult):
                    yield from part.parts


def _images(chat: Chat) -> int:
    """Count images; an address alone is one of an image in all dialects."""
    return sum(
        isinstance(part, Media) and (part.mime_type.startswith("image/") or not part.mime_type)
        for part in _given(chat)
    )


# ── how much that is ────────────────────────────────────────────────────────


def _fit(parts: list[Part], limit: int | None) -> tuple[list[Part] | None, int]:
    """Return what fits into a limit on tokens, ``None`` when all of it does, and how many tokens that is."""
    fitting: list[Part] = []
    used = 0
    for part in parts:
        size = _size(part)
        if limit is not None and used + size > limit:
            if isinstance(part, Text) and used < limit:
                passage = prose.finish(part.text, limit=limit - used, stops=[])
                return [*fitting, Text(passage.text)], used + passage.tokens
            return fitting, limit if isinstance(part, Reasoning) else used
        fitting.append(part)
        used += size
    return None, used


def _counted(chat: Chat, messages: int) -> int:
    """Count instructions, tools, and the first of the messages."""
    counted = sum(_size(text) for text in chat.instructions)
    counted += sum(prose.count_tokens(f"{tool.name} {tool.description} {tool.schema}") for tool in chat.tools)
    return counted + sum(_size(part) for message in chat.messages[:messages] for part in message.parts)


def _cached(chat: Chat) -> int:
    """Count what the request before this one has sent already."""
    for index in range(len(chat.messages) - 1, 0, -1):
        if chat.messages[index].role is Role.ASSISTANT:
            counted = _counted(chat, index)
            return counted if counted >= CACHE_MINIMUM else 0
    return 0


def _size(part: Part) -> int:
    match part:
        case Text() | Refusal() | Reasoning():
            return prose.count_tokens(part.text)
        case Media():
            return MEDIA_TOKENS
        case ToolCall():
            return prose.count_tokens(f"{part.name} {part.arguments}")
        case ToolResult():
            return sum(map(_size, part.parts))

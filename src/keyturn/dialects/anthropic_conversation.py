"""Writes the turns of a conversation as Anthropic takes them.

Said without a word, because nothing of the answer hangs on it: the id of a thought and a tool call's signature mean
something only to the provider that gave them; an image has no file name; a refusal in the conversation is told as the
words it is made of.
"""

import base64
import binascii

from keyturn.dialects import anthropic_wire as wire
from keyturn.dialects.anthropic_models import Claude
from keyturn.dialects.canonical import (
    Loss,
    Media,
    Message,
    Part,
    Reasoning,
    Role,
    Text,
    ToolCall,
    ToolResult,
)
from keyturn.dialects.conversation import (
    FAILED,
    Turn,
    arguments_of,
    put_results_first,
    says_something,
    take_turn,
    write_id,
)

_IMAGES = {"image/jpeg", "image/png", "image/gif", "image/webp"}
_PDF = "application/pdf"

Turns = list[Turn[wire.Block | None]]


def write_turns(messages: tuple[Message, ...], model: Claude, losses: list[Loss]) -> list[wire.WireMessage]:
    """Return turns that alternate; a turn of the system's own stands where Anthropic allows one."""
    turns: Turns = []
    for message in messages:
        take_turn(turns, Turn(message.role, _blocks(message, losses), message.path))
    if any(turn.role is Role.SYSTEM for turn in turns):
        turns = _place_system(turns, model, losses)
    _end_with_word(turns)
    found = []
    for turn in turns:
        first = turn.blocks[0]
        if len(turn.blocks) == 1 and type(first) is wire.TextBlock:
            found.append(wire.WireMessage(turn.role, first.text))
            continue
        put_results_first(turn, _is_result)
        found.append(wire.WireMessage(turn.role, turn.blocks))
    return found


def _end_with_word(turns: Turns) -> None:
    if turns and turns[-1].role is Role.ASSISTANT:
        last = turns[-1].blocks[-1]
        if isinstance(last, wire.TextBlock):
            last.text = last.text.rstrip()


def _is_result(block: wire.Block | None) -> bool:
    return type(block) is wire.ToolResultBlock


def _place_system(turns: Turns, model: Claude, losses: list[Loss]) -> Turns:
    """Make a user's turn of each system's that can't stand where it does.

    It has to follow a user's turn, and be the last or followed by an assistant's.
    """
    placed: Turns = []
    for index, turn in enumerate(turns):
        if turn.role is Role.SYSTEM:
            after = turns[index + 1].role if index + 1 < len(turns) else Role.ASSISTANT
            follows = bool(placed) and placed[-1].role is Role.USER
            if not (model.takes_system_turns and follows and after is Role.ASSISTANT):
                losses.append(
                    Loss(turn.path or "messages", "instructions can't stand in this place with Anthropic")
                )
                turn.role = Role.USER
        take_turn(placed, turn)
    return placed


def _blocks(message: Message, losses: list[Loss]) -> list[wire.Block | None]:
    blocks: list[wire.Block | None] = []
    for part in message.parts:
        if type(part) is Text:
            if says_something(part.text):
                blocks.append(wire.TextBlock(part.text))
        elif type(part) is Media and message.role is not Role.USER:
            losses.append(Loss(part.path or "messages", "with Anthropic only a user shows something"))
        else:
            blocks.extend(_other(part, losses))
    return blocks


def _other(part: Part, losses: list[Loss]) -> list[wire.Block]:
    match part:
        case Media():
            shown = write_media(part, losses)
            return [shown] if shown else []
        case ToolCall():
            return [write_call(part, losses)]
        case ToolResult():
            return [_result(part, losses)]
        case Reasoning():
            return _thoughts(part, losses)
    return [wire.TextBlock(part.text)] if part.text else []


def _thoughts(part: Reasoning, losses: list[Loss]) -> list[wire.Block]:
    found: list[wire.Block] = []
    if part.signature:
        found.append(wire.ThinkingBlock(part.text, part.signature))
    if part.sealed:  # a text beside it is a summary of what is sealed
        found.append(wire.RedactedThinkingBlock(part.sealed))
    if not found:
        losses.append(
            Loss(part.path or "messages", "Anthropic takes back only thoughts that it has signed", minor=True)
        )
    return found


def write_call(part: ToolCall, losses: list[Loss]) -> wire.ToolUseBlock:
    """Write a call; arguments that are no object are wrapped in one and noted."""
    return wire.ToolUseBlock(write_id(part.id), part.name, arguments_of(part, losses))


def _result(part: ToolResult, losses: list[Loss]) -> wire.ToolResultBlock:
    content: list[wire.Shown | None] = []
    for shown in part.parts:
        if isinstance(shown, Media):
            block = write_media(shown, losses)
            if block is not None:
                content.append(block)
        elif says_something(shown.text):
            content.append(wire.TextBlock(shown.text))
    if part.failed and not content:
        content.append(wire.TextBlock(FAILED))
    first = content[0] if content else None
    brief = first.text if len(content) == 1 and type(first) is wire.TextBlock else None
    return wire.ToolResultBlock(write_id(part.call_id), brief or content or None, part.failed or None)


def write_media(part: Media, losses: list[Loss]) -> wire.ImageBlock | wire.DocumentBlock | None:
    """Write an image or a document; ``None``, and a note, where Anthropic takes none such."""
    if part.detail == "low":  # it always looks as closely as it can
        losses.append(Loss(part.path or "messages", "Anthropic looks at every image closely"))
    mime = "image/jpeg" if part.mime_type == "image/jpg" else part.mime_type
    if part.url and not part.data:
        if part.url.startswith(("https://", "http://")):
            if not mime or mime.startswith("image/"):
                return wire.ImageBlock(wire.UrlSource(part.url))
            if mime == _PDF:
                return wire.DocumentBlock(wire.UrlSource(part.url), part.name or None)
    elif mime in _IMAGES:
        return wire.ImageBlock(wire.Base64Source(mime, part.data))
    elif mime == _PDF:
        return wire.DocumentBlock(wire.Base64Source(mime, part.data), part.name or None)
    elif mime.startswith("text/"):
        text = _decode(part.data)
        if text is not None:
            return wire.DocumentBlock(wire.TextSource("text/plain", text), part.name or None)
    kind = mime or "unknown"
    losses.append(
        Loss(part.path or "messages", f"Anthropic takes nothing of the type '{kind[:100]}' in this way")
    )
    return None


def _decode(data: str) -> str | None:
    try:
        return base64.b64decode(data, validate=True).decode()
    except (binascii.Error, ValueError):
        return None

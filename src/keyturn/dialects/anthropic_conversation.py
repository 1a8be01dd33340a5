"""Writes the turns of a conversation as Anthropic takes them.

Said without a word, because nothing of the answer hangs on it: the id of a thought and a tool call's signature mean
something only to the provider that gave them; an image has no file name; a refusal in the conversation is told as the
words it is made of.
"""

import base64
import binascii
import re

import msgspec

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

_encoder = msgspec.json.Encoder()
_object = msgspec.json.Decoder(dict[str, msgspec.Raw])
_IMAGES = {"image/jpeg", "image/png", "image/gif", "image/webp"}
_PDF = "application/pdf"
_NOT_IN_ID = re.compile(r"[^a-zA-Z0-9_-]")


def write_turns(messages: tuple[Message, ...], model: Claude, losses: list[Loss]) -> list[wire.WireMessage]:
    """Return turns that alternate; a turn of the system's own stands where Anthropic allows one."""
    turns: list[tuple[Role, list[wire.Block | None], str]] = []
    system = False
    for message in messages:
        blocks = _blocks(message, losses)
        if not blocks:
            continue
        system = system or message.role is Role.SYSTEM
        _append(turns, message.role, blocks, message.path)
    if system:
        turns = _place_system(turns, model, losses)
    found = []
    for role, blocks, _ in turns:
        first = blocks[0]
        if len(blocks) == 1 and type(first) is wire.TextBlock:
            found.append(wire.WireMessage(role, first.text))
            continue
        if role is Role.USER and any(type(block) is wire.ToolResultBlock for block in blocks):
            blocks.sort(key=lambda block: type(block) is not wire.ToolResultBlock)
        found.append(wire.WireMessage(role, blocks))
    return found


Turns = list[tuple[Role, list[wire.Block | None], str]]


def _append(turns: Turns, role: Role, blocks: list[wire.Block | None], path: str) -> None:
    if turns and turns[-1][0] is role:
        turns[-1][1].extend(blocks)
    else:
        turns.append((role, blocks, path))


def _place_system(turns: Turns, model: Claude, losses: list[Loss]) -> Turns:
    """Make a user's turn of each system's that can't stand where it does.

    It has to follow a user's turn, and be the last or followed by an assistant's.
    """
    placed: Turns = []
    for index, (role, blocks, path) in enumerate(turns):
        if role is Role.SYSTEM:
            after = turns[index + 1][0] if index + 1 < len(turns) else Role.ASSISTANT
            follows = bool(placed) and placed[-1][0] is Role.USER
            if not (model.takes_system_turns and follows and after is Role.ASSISTANT):
                losses.append(
                    Loss(path or "messages", "instructions can't stand in this place with Anthropic")
                )
                _append(placed, Role.USER, blocks, path)
                continue
        _append(placed, role, blocks, path)
    return placed


def _blocks(message: Message, losses: list[Loss]) -> list[wire.Block | None]:
    blocks: list[wire.Block | None] = []
    for part in message.parts:
        if type(part) is Text:
            if part.text and not part.text.isspace():
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
    text = part.arguments
    if text not in ("", "{}") and json_members(text) is None:
        losses.append(Loss(part.path or "messages", "its arguments are not a JSON object"))
        text = _encoder.encode({"arguments": text}).decode()
    return wire.ToolUseBlock(write_id(part.id), part.name, msgspec.Raw(text or "{}"))


def _result(part: ToolResult, losses: list[Loss]) -> wire.ToolResultBlock:
    content: list[wire.Shown | None] = []
    for shown in part.parts:
        if isinstance(shown, Media):
            block = write_media(shown, losses)
            if block is not None:
                content.append(block)
        elif shown.text and not shown.text.isspace():
            content.append(wire.TextBlock(shown.text))
    first = content[0] if content else None
    brief = first.text if len(content) == 1 and type(first) is wire.TextBlock else None
    return wire.ToolResultBlock(write_id(part.call_id), brief or content or None, part.failed or None)


def write_id(text: str) -> str:
    """Return an id as Anthropic takes it; what belongs together stays together."""
    return _NOT_IN_ID.sub("_", text)


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


def json_members(text: str) -> dict[str, msgspec.Raw] | None:
    """Return the members of a JSON object; ``None`` when it is none."""
    try:
        return _object.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return None

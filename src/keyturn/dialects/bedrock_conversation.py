"""Writes the turns of a conversation as Amazon Bedrock's ``Converse`` takes them.

Said without a word, because nothing of the answer hangs on it: the id of a thought and a tool call's signature mean
something only to the provider that gave them; a refusal in the conversation is told as the words it is made of; an image
is always looked at as closely as the model can; a document's name loses the characters that Amazon has no place for.

Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ContentBlock.html,
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_DocumentBlock.html
"""

import re
from collections.abc import Iterator
from typing import Any

from keyturn.dialects.canonical import (
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

Json = dict[str, Any]

_IMAGES = {"image/png": "png", "image/jpeg": "jpeg", "image/gif": "gif", "image/webp": "webp"}
_DOCUMENTS = {
    "application/pdf": "pdf",
    "text/csv": "csv",
    "text/html": "html",
    "text/plain": "txt",
    "text/markdown": "md",
    "application/msword": "doc",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.ms-excel": "xls",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
}
_NOT_IN_NAME = re.compile(r"[^a-zA-Z0-9()\[\]-]+")
_LONGEST_NAME = 200
_LONGEST_ID = 64
_S3 = "s3://"
_NO_WORD = "."
"""Says as little as may be said."""


def write_turns(messages: tuple[Message, ...], losses: list[Loss]) -> list[Json]:
    """Return turns that alternate, without those that say nothing; what the system says is none."""
    turns: list[Turn[Json]] = []
    for message in messages:
        if message.role is not Role.SYSTEM:
            take_turn(turns, Turn(message.role, _blocks(message, losses), message.path))
    if turns and turns[0].role is Role.ASSISTANT:
        losses.append(Loss(turns[0].path or "messages", "with Bedrock a user speaks first", minor=True))
        turns.insert(0, Turn(Role.USER, [{"text": _NO_WORD}]))
    if turns and turns[-1].role is Role.ASSISTANT and "text" in turns[-1].blocks[-1]:
        turns[-1].blocks[-1]["text"] = turns[-1].blocks[-1]["text"].rstrip()
    names: set[str] = set()
    for turn in turns:
        put_results_first(turn, _is_result)
        _name_documents(turn.blocks, names)
    return [{"role": turn.role, "content": turn.blocks} for turn in turns]


def _is_result(block: Json) -> bool:
    return "toolResult" in block


def _blocks(message: Message, losses: list[Loss]) -> list[Json]:
    found: list[Json] = []
    for part in message.parts:
        if isinstance(part, Media) and message.role is not Role.USER:
            losses.append(Loss(part.path or "messages", "with Bedrock only a user shows something"))
        else:
            found += _written(part, losses)
    return found


def _written(part: Part, losses: list[Loss]) -> list[Json]:
    match part:
        case Text() | Refusal():
            return [{"text": part.text}] if says_something(part.text) else []
        case Media():
            return _media(part, losses)
        case ToolCall():
            call = {"toolUseId": _id(part.id), "name": part.name, "input": arguments_of(part, losses)}
            return [{"toolUse": call}]
        case ToolResult():
            return [{"toolResult": _result(part, losses)}]
        case _:
            return _thought(part, losses)


def _result(part: ToolResult, losses: list[Loss]) -> Json:
    shown = [block for one in part.parts for block in _written(one, losses)]
    found: Json = {"toolUseId": _id(part.call_id), "content": shown}
    if part.failed:
        found["status"] = "error"
        found["content"] = shown or [{"text": FAILED}]
    return found


def _thought(part: Reasoning, losses: list[Loss]) -> list[Json]:
    found: list[Json] = []
    if part.signature:
        found.append({"reasoningText": {"text": part.text, "signature": part.signature}})
    if part.sealed:  # a text beside it is a summary of what is sealed
        found.append({"redactedContent": part.sealed})
    if not found:
        why = "Bedrock takes back only thoughts that are signed"
        losses.append(Loss(part.path or "messages", why, minor=True))
    return [{"reasoningContent": one} for one in found]


def _media(part: Media, losses: list[Loss]) -> list[Json]:
    path = part.path or "messages"
    kind = part.mime_type.partition(";")[0].strip().lower()
    image, document = _IMAGES.get(kind), _DOCUMENTS.get(kind)
    if image is None and document is None:
        losses.append(
            Loss(path, f"Bedrock's Converse takes no {part.mime_type or 'file of an unknown kind'}")
        )
        return []
    if part.url and not part.url.startswith(_S3):
        losses.append(Loss(path, "Bedrock fetches nothing from the web; send its bytes"))
        return []
    source: Json = {"s3Location": {"uri": part.url}} if part.url else {"bytes": part.data}
    if image is not None:
        return [{"image": {"format": image, "source": source}}]
    return [{"document": {"format": document, "name": part.name, "source": source}}]


def _id(text: str) -> str:
    """Return an id as Bedrock takes it: what is too long keeps its end, which differs."""
    return write_id(text)[-_LONGEST_ID:]


# ── documents ───────────────────────────────────────────────────────────────


def _name_documents(blocks: list[Json], taken: set[str]) -> None:
    """Give each document a name that no other of the request has, and a user who only shows some words: the last name."""
    name = ""
    for document in _documents(blocks):
        name = document["name"] = _unique(_NOT_IN_NAME.sub(" ", document["name"]).strip(), taken)
    if name and any("document" in block for block in blocks) and not any("text" in block for block in blocks):
        blocks.append({"text": name})


def _documents(blocks: list[Json]) -> Iterator[Json]:
    for block in blocks:
        if "document" in block:
            yield block["document"]
        elif "toolResult" in block:
            yield from _documents(block["toolResult"]["content"])


def _unique(name: str, taken: set[str]) -> str:
    """Return a name that differs in more than capitals; the same conversation gets the same ones each time."""
    found = name = name[:_LONGEST_NAME].rstrip() or "document"
    number = 1
    while found.lower() in taken:
        number += 1
        end = f" {number}"
        found = name[: _LONGEST_NAME - len(end)].rstrip() + end
    taken.add(found.lower())
    return found

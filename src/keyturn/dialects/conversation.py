"""What Anthropic and Bedrock ask alike of a request.

Turns alternate, and each says something; in a user's the results of tools come first, right behind their calls, and one
that failed says a word. The last word of all is no white space where it is a model's, which goes on from there. Ids are
made of few characters. Arguments and their schemas are objects. A user speaks, be it with the system's words.
"""

import re
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

import msgspec

from keyturn.dialects.canonical import Chat, Loss, Role, Text, Tool, ToolCall

_encode = msgspec.json.Encoder().encode
_object = msgspec.json.Decoder(dict[str, msgspec.Raw])
_NOT_IN_ID = re.compile(r"[^a-zA-Z0-9_-]")
_NO_ARGUMENTS = msgspec.Raw(b'{"type":"object","properties":{}}')
_UNKNOWN: tuple[tuple[str, float | None], ...] = (
    ("frequency_penalty", 0),
    ("presence_penalty", 0),
    ("seed", None),
)
"""Members that neither has, with the value that is the same as none."""

FAILED = "error"
"""What a tool says that has failed and says nothing: both refuse its silence."""

B = TypeVar("B")


class Turn(msgspec.Struct, Generic[B]):
    """What one side says until it is the other's turn.

    Attributes:
        role: Whose turn it is.
        blocks: In the words of the dialect; never empty.
        path: Of its first message, as the client wrote it.
    """

    role: Role
    blocks: list[B]
    path: str = ""


def take_turn(turns: list[Turn[B]], turn: Turn[B]) -> None:
    """Add a turn, which goes on with the one before where that is of the same role."""
    if not turn.blocks:
        return
    if turns and turns[-1].role is turn.role:
        turns[-1].blocks.extend(turn.blocks)
    else:
        turns.append(turn)


def put_results_first(turn: Turn[B], is_result: Callable[[B], bool]) -> None:
    """Put the results of tools before what else a user says; either keeps its order."""
    if turn.role is Role.USER and any(map(is_result, turn.blocks)):
        turn.blocks.sort(key=lambda block: not is_result(block))


def says_something(text: str) -> bool:
    """Whether there is more than white space: both refuse a block without."""
    return bool(text) and not text.isspace()


def words_of(texts: Iterable[Text]) -> list[str]:
    """Return the texts that say something."""
    return [text.text for text in texts if says_something(text.text)]


def note_that_nobody_speaks(chat: Chat, losses: list[Loss]) -> None:
    """Note that a user says the system's words, which change little by it; those in mid-conversation are noted anyway."""
    if chat.instructions:
        path = chat.instructions[0].path or "instructions"
        losses.append(Loss(path, "a user has to say something, too", minor=True))


def note_settings(chat: Chat, why: str, losses: list[Loss]) -> None:
    """Note the settings that neither has."""
    for member, none in _UNKNOWN:
        if getattr(chat, member) not in (None, none):
            losses.append(Loss(member, why))


# ── tools ───────────────────────────────────────────────────────────────────


def write_id(text: str) -> str:
    """Return an id in the characters that are taken; what belongs together stays together."""
    return _NOT_IN_ID.sub("_", text)


def json_members(text: str) -> dict[str, msgspec.Raw] | None:
    """Return the members of a JSON object; ``None`` when it is none."""
    try:
        return _object.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return None


def arguments_of(call: ToolCall, losses: list[Loss]) -> msgspec.Raw:
    """Return the arguments of a call; what is no object is wrapped in one and noted."""
    text = call.arguments
    if text not in ("", "{}") and json_members(text) is None:
        losses.append(Loss(call.path or "messages", "its arguments are not a JSON object"))
        return msgspec.Raw(_encode({"arguments": text}))
    return msgspec.Raw(text.encode() or b"{}")


def schema_of(tool: Tool, losses: list[Loss]) -> msgspec.Raw:
    """Return the schema of a tool's arguments, which says that they are an object: both refuse one that doesn't."""
    if not tool.schema:
        return _NO_ARGUMENTS
    members = json_members(tool.schema)
    if members is None:
        losses.append(Loss(tool.path or "tools", "the schema of its arguments is not a JSON object"))
        return _NO_ARGUMENTS
    if "type" in members:
        return msgspec.Raw(tool.schema.encode())
    comma = "," if members else ""
    return msgspec.Raw(f'{{"type":"object"{comma}{tool.schema.strip()[1:]}'.encode())

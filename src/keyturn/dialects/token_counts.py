"""How many tokens a request has, estimated from its letters, for providers that don't count them."""

from keyturn.dialects import anthropic_messages, gemini_counts
from keyturn.dialects.canonical import Chat, Media, Part, Read, ToolCall, ToolResult
from keyturn.domain.refusals import Refused
from keyturn.domain.usage import tokens_in

MEDIA_TOKENS = 1_000
"""Of an image of a common size; nobody can tell of a document."""
MESSAGE_TOKENS = 4
"""What marks where a message begins and whose it is."""


def of_messages(body: bytes) -> bytes | Refused:
    """Answer a question at ``/v1/messages/count_tokens``."""
    read = anthropic_messages.read_count(body)
    return read if isinstance(read, Refused) else anthropic_messages.write_count(_estimate(read))


def of_contents(body: bytes, model: str) -> bytes | Refused:
    """Answer a question at ``:countTokens``."""
    read = gemini_counts.read_count(body, model=model)
    return read if isinstance(read, Refused) else gemini_counts.write_count(_estimate(read))


def _estimate(read: Read) -> int:
    chat: Chat = read.chat
    letters = sum(len(one.text.encode()) for one in chat.instructions)
    letters += sum(len((tool.name + tool.description + tool.schema).encode()) for tool in chat.tools)
    media = 0
    for message in chat.messages:
        for part in message.parts:
            more_letters, more_media = _of_part(part)
            letters, media = letters + more_letters, media + more_media
    return tokens_in(letters) + media * MEDIA_TOKENS + len(chat.messages) * MESSAGE_TOKENS


def _of_part(part: Part) -> tuple[int, int]:
    if isinstance(part, Media):
        return 0, 1
    if isinstance(part, ToolCall):
        return len((part.name + part.arguments).encode()), 0
    if isinstance(part, ToolResult):
        inside = [_of_part(one) for one in part.parts]
        return sum(letters for letters, _ in inside), sum(media for _, media in inside)
    return len(part.text.encode()), 0

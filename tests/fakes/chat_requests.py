"""Chat completion requests for tests, as they are written for a host."""

from typing import Any

import msgspec

from keyturn.dialects.canonical import Chat, Message, Part, Role, Text
from keyturn.dialects.openai_chat import write_request

HI = Message(Role.USER, (Text("Hi"),), "messages[0]")


def written(chat: Chat, **host: Any) -> dict[str, Any]:
    """Return the body, with nothing lost."""
    found = write_request(chat, **host)
    assert found.losses == ()
    body: dict[str, Any] = msgspec.json.decode(found.body)
    return body


def lost(chat: Chat, **host: Any) -> list[str]:
    """Return the paths of what is lost."""
    return [loss.path for loss in write_request(chat, **host).losses]


def said(*parts: Part, role: Role = Role.USER) -> Chat:
    """Return a request with one message."""
    return Chat(model="m", messages=(Message(role, parts, "at"),))

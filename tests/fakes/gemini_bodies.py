"""Requests of Gemini's dialect for tests: read, refused, written."""

import json
from typing import Any

from keyturn.dialects import gemini
from keyturn.dialects.canonical import (
    Chat,
    Message,
    Read,
    Role,
)
from keyturn.domain.refusals import Refused

HELLO = {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]}


def compact(body: Any) -> bytes:
    """Return JSON without white space."""
    return json.dumps(body, separators=(",", ":")).encode()


def read(body: Any, model: str = "gemini-3-pro") -> Read:
    """Read a request that is right."""
    found = gemini.read_request(compact(body), model=model)
    assert isinstance(found, Read), found
    return found


def refused(body: Any, model: str = "m") -> Refused:
    """Return the refusal of one that is not."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    found = gemini.read_request(raw, model=model)
    assert isinstance(found, Refused), found
    return found


def of_parts(*parts: Any, role: str = "user") -> dict[str, Any]:
    """Return a request with these parts."""
    return {"contents": [{"role": role, "parts": list(parts)}]}


def paths(found: Read) -> list[str]:
    """Return what is lost."""
    return [loss.path for loss in found.losses]


def written(chat: Chat) -> Any:
    """Return the body of a request that can be said whole."""
    made = gemini.write_request(chat)
    assert made.losses == ()
    return json.loads(made.body)


def ask(*parts: Any, role: Role = Role.USER) -> Chat:
    """Return a request with these parts."""
    return Chat(model="gemini-3-pro", messages=(Message(role, parts),))

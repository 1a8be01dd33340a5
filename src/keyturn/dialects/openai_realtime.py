"""Events of OpenAI's realtime API, as far as a gateway reads or writes them.

Of what passes, only events that begin or end a response are read, and requests for one. ``response.done`` tells what the
response has used; the conversation so far is its input, cached as far as it has been read before.
Source: ``RealtimeServerEventResponseDone`` and ``RealtimeServerEventError`` of the OpenAI API description.
"""

import msgspec

from keyturn.dialects import openai_errors
from keyturn.dialects.openai_usage import Tokens
from keyturn.domain.refusals import Refused
from keyturn.domain.usage import Usage

CREATED, DONE, CREATE = "response.created", "response.done", "response.create"
BYTES_PER_TOKEN = 3_200
"""Of audio in an event: PCM of 24 kHz in base64, twenty tokens a second."""

_CREATED, _DONE, _CREATE = b'"response.created"', b'"response.done"', b"response.create"
_DELTA, _DELTA_WITHIN = b'.delta"', 256


class _Details(msgspec.Struct, gc=False):
    cached_tokens: Tokens | None = 0


class _Usage(msgspec.Struct, gc=False):
    input_tokens: Tokens | None = None
    output_tokens: Tokens | None = None
    input_token_details: _Details | None = None


class _Response(msgspec.Struct, gc=False):
    id: str | None = None
    usage: _Usage | None = None


class _Event(msgspec.Struct, gc=False):
    type: str = ""
    event_id: str | None = None
    response: _Response | None = None


class _Asked(msgspec.Struct, gc=False):
    type: str = ""
    event_id: str | None = None


class Turn(msgspec.Struct, frozen=True, gc=False):
    """A response has begun or has ended.

    Attributes:
        response_id: The provider's name of it; may be empty.
        ended: It has ended.
        usage: What it used; ``None``: it does not say.
    """

    response_id: str
    ended: bool
    usage: Usage | None


_event = msgspec.json.Decoder(_Event)
_asked = msgspec.json.Decoder(_Asked)


def read_turn(payload: bytes) -> Turn | None:
    """Return what a server's event says of a response; ``None``: nothing that has to be known."""
    if _DONE not in payload and _CREATED not in payload:
        return None
    try:
        event = _event.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if event.type not in {CREATED, DONE}:
        return None
    response = event.response or _Response()
    ended = event.type == DONE
    return Turn(response.id or "", ended, _convert(response.usage) if ended else None)


def _convert(found: _Usage | None) -> Usage | None:
    if found is None or (found.input_tokens is None and found.output_tokens is None):
        return None
    given, made = max(0, found.input_tokens or 0), max(0, found.output_tokens or 0)
    details = found.input_token_details
    cached = (details.cached_tokens or 0) if details else 0
    return Usage(given, made, min(given, max(0, cached)))


def made_by(payload: bytes) -> int:
    """Estimate the output tokens in a server's event."""
    if payload.find(_DELTA, 0, _DELTA_WITHIN) < 0:
        return 0
    return max(1, len(payload) // BYTES_PER_TOKEN)


def read_create(payload: bytes) -> str | None:
    """Return the id of a client's event that asks for a response, empty where it has none; ``None``: it asks for none."""
    if _CREATE not in payload:
        return None
    try:
        asked = _asked.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return (asked.event_id or "") if asked.type == CREATE else None


def error(refused: Refused, event_id: str, *, answers: str = "") -> bytes:
    """Return the event that tells an error.

    Args:
        refused: What to say.
        event_id: Of this event.
        answers: The id of the client's event at fault; empty for none.
    """
    kind, code = openai_errors.KINDS[refused.reason]
    said = {
        "type": kind,
        "code": code,
        "message": refused.text,
        "param": refused.param,
        "event_id": answers or None,
    }
    return msgspec.json.encode({"type": "error", "event_id": event_id, "error": said})

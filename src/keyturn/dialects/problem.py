"""Errors as problem details, for whoever accepts ``application/problem+json``.

Source: RFC 9457.
"""

import msgspec

from keyturn.dialects.help import NO_HELP, Help
from keyturn.domain.refusals import Refused

MEDIA_TYPE = "application/problem+json"
PAGE = "/docs/errors"
"""Served by every node; an entry's anchor is the reason."""


def wanted(accept: bytes) -> bool:
    """Say whether the value of an ``Accept`` header names this media type, with a weight above 0."""
    if b"problem+json" not in accept.lower():
        return False
    for one in accept.lower().split(b","):
        media, *parameters = (part.strip() for part in one.split(b";"))
        if media == MEDIA_TYPE.encode():
            weights = [part[2:].strip() for part in parameters if part[:2] == b"q="]
            return not weights or weights[0].strip(b"0.") != b""
    return False


def render(refused: Refused, status: int, request_id: str, error: object, support: Help = NO_HELP) -> bytes:
    """Return the body of an error answer.

    Args:
        refused: What to say.
        status: That of the answer.
        request_id: Names this occurrence; where there is none, neither is the member.
        error: The member of that name which the route's own dialect has, so that its clients read this body as well.
        support: Whom to ask, and where to get more.
    """
    body: dict[str, object] = {
        "type": f"{PAGE}#{refused.reason}",
        "title": refused.rule.message,
        "status": status,
        "detail": refused.text,
    }
    if "hint" in refused.details:  # some dialects have no place for it
        body["hint"] = refused.details["hint"]
    if request_id:
        body["instance"] = f"/api/v1/requests/{request_id}"
    body |= support.members(refused)
    return msgspec.json.encode({**body, "error": error})

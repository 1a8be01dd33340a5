"""Which dialect an error is told in, and how; one refusal, every rendering.

The first rule that matches (``of_nowhere`` is the third):

1. the client accepts ``application/problem+json``: a problem document
2. the path is an operation's: that operation's dialect
3. else by the path, and by a header that only Anthropic's clients send
"""

from enum import StrEnum

import msgspec

from keyturn.dialects import anthropic_errors, envelope, gemini_errors, openai_errors, problem as problems
from keyturn.dialects.help import NO_HELP, Help
from keyturn.domain.refusals import Reason, Refused

JSON = "application/json"


class Dialect(StrEnum):
    """How a client is spoken to."""

    OPENAI = "openai"
    ANTHROPIC = "anthropic"
    GEMINI = "gemini"
    ENVELOPE = "envelope"


STATUSES: dict[Dialect, dict[Reason, int]] = {
    Dialect.OPENAI: {},
    Dialect.ANTHROPIC: anthropic_errors.STATUSES,
    Dialect.GEMINI: {},
    Dialect.ENVELOPE: envelope.STATUSES,
}
"""Where a dialect's status is another than the rule's."""

_NATIVE = (b"/api/", b"/mj/", b"/suno/", b"/v1/generate", b"/v1/tasks")


def of_nowhere(path: bytes, *, anthropic: bool) -> Dialect:
    """Return the dialect for a path that leads nowhere; ``anthropic``: with a header ``anthropic-version``."""
    if anthropic or path.startswith(b"/v1/messages"):
        return Dialect.ANTHROPIC
    if path.startswith(_NATIVE) or path == b"/api":
        return Dialect.ENVELOPE
    return Dialect.GEMINI if path.startswith(b"/v1beta/") else Dialect.OPENAI


def status_of(dialect: Dialect, refused: Refused) -> int:
    """Return the status of an error answer."""
    return STATUSES[dialect].get(refused.reason, refused.rule.status)


def render(
    dialect: Dialect,
    refused: Refused,
    request_id: str,
    *,
    problem: bool = False,
    support: Help = NO_HELP,
    status: int | None = None,
) -> tuple[int, str, bytes]:
    """Return status, media type and body of an error answer.

    Args:
        dialect: That of the route.
        refused: What to say.
        request_id: Told where the dialect has a place for it.
        problem: As a problem document; the dialect's own error stands in it.
        support: Whom to ask and where to get more, in dialects that have a place for it.
        status: Instead of the dialect's, where the upstream's own is kept.
    """
    status = status or status_of(dialect, refused)
    body = _body(dialect, refused, request_id, support)
    if not problem:
        return status, JSON, body
    error = msgspec.json.decode(body)["error"]
    return status, problems.MEDIA_TYPE, problems.render(refused, status, request_id, error, support)


def _body(dialect: Dialect, refused: Refused, request_id: str, support: Help) -> bytes:
    if dialect is Dialect.OPENAI:
        return openai_errors.render(refused)
    if dialect is Dialect.ANTHROPIC:
        return anthropic_errors.render(refused, request_id)
    if dialect is Dialect.GEMINI:
        return gemini_errors.render(refused)
    return envelope.render(refused, support)


def render_event(dialect: Dialect, refused: Refused, request_id: str) -> bytes:
    """Return the event that ends a stream with an error."""
    if dialect is Dialect.ANTHROPIC:
        return b"event: error\ndata: %b\n\n" % anthropic_errors.render(refused, request_id)
    if dialect is Dialect.GEMINI:
        return b"data: %b\r\n\r\n" % gemini_errors.render(refused)
    return openai_errors.render_event(refused)


def headers(dialect: Dialect, refused: Refused, request_id: str) -> list[tuple[str, str]]:
    """Return the headers of an error answer beside its type and ``x-request-id``: how to authenticate, when to return."""
    # Anthropic's SDK reads no other header for it.
    found = [("request-id", request_id)] if dialect is Dialect.ANTHROPIC else []
    if refused.challenge is not None:
        found.append(("www-authenticate", refused.challenge))
    if refused.should_retry is not None:
        found.append(("x-should-retry", "true" if refused.should_retry else "false"))
    if refused.wait_s is not None:
        found += [("retry-after", str(refused.wait_s)), ("retry-after-ms", str(refused.wait_ms))]
    if refused.allow:
        found.append(("allow", refused.allow))
    return found

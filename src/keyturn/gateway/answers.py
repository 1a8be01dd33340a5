"""Answers that Keyturn gives itself: status lines, errors in the client's dialect, small JSON documents."""

from http import HTTPStatus

from keyturn.dialects import envelope, openai_errors
from keyturn.domain.refusals import Reason, Refused

STATUS_LINES: dict[int, bytes] = {
    status: b"HTTP/1.1 %d %b\r\n" % (status, _phrase)
    for status in range(100, 600)
    for _phrase in [HTTPStatus(status).phrase.encode() if status in set(HTTPStatus) else b"Unknown"]
}
"""Every status with its phrase; a phrase is never taken from an upstream."""

NO_STORE = b"cache-control: no-store\r\nreferrer-policy: no-referrer\r\n"
"""For answers to requests whose URL held a key."""


def error(
    refused: Refused,
    *,
    native: bool,
    request_id: str,
    keep_alive: bool,
    status: int | None = None,
    no_store: bool = False,
) -> bytes:
    """Return a whole error answer.

    Args:
        refused: What to say.
        native: In Keyturn's envelope rather than the OpenAI dialect.
        request_id: Told in ``x-request-id``.
        keep_alive: Whether the connection stays open after it.
        status: Instead of the rule's, where the upstream's own status is kept.
        no_store: The credential was in the URL: no cache may keep the answer.
    """
    rule = refused.rule
    body = envelope.render(refused) if native else openai_errors.render(refused)
    lines = [f"x-request-id: {request_id}"]
    challenge = refused.challenge
    if challenge is not None:
        lines.append(f"www-authenticate: {challenge}")
    if rule.hopeless:
        lines.append("x-should-retry: false")
    if rule.retry_after_s is not None:
        lines.append(f"retry-after: {rule.retry_after_s}")
        lines.append(f"retry-after-ms: {rule.retry_after_s * 1000}")
    if refused.allow:
        lines.append(f"allow: {refused.allow}")
    headers = "\r\n".join(lines).encode() + b"\r\n" + (NO_STORE if no_store else b"")
    return document(status or rule.status, body, headers=headers, keep_alive=keep_alive)


def empty(status: int, *, headers: bytes, keep_alive: bool) -> bytes:
    """Return a whole answer that has no body by its status."""
    return b"".join((STATUS_LINES[status], headers, b"" if keep_alive else b"connection: close\r\n", b"\r\n"))


def document(status: int, body: bytes, *, headers: bytes = b"", keep_alive: bool) -> bytes:
    """Return a whole JSON answer; ``headers`` are complete lines."""
    return b"".join(
        (
            STATUS_LINES[status],
            b"content-type: application/json\r\n",
            headers,
            b"" if keep_alive else b"connection: close\r\n",
            b"content-length: %d\r\n\r\n" % len(body),
            body,
        )
    )


def without_body(answer: bytes) -> bytes:
    """Return an answer to HEAD: the head of the answer to GET."""
    return answer[: answer.index(b"\r\n\r\n") + 4]


def credential_refused(upstream: str) -> Refused:
    """Say to a client that the provider refused the operator's credential, not the client's key."""
    message = (
        f"The model's provider refused Keyturn's own credential for upstream '{upstream}'. Your key is fine; "
        "whoever runs this gateway must renew the credential."
    )
    return Refused(Reason.UPSTREAM_CREDENTIAL, message)

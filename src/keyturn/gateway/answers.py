"""Answers that Keyturn gives itself: status lines, errors in the client's dialect, small JSON documents."""

from http import HTTPStatus

from keyturn.dialects import errors
from keyturn.dialects.errors import Dialect
from keyturn.dialects.help import NO_HELP, Help
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
    dialect: Dialect,
    request_id: str,
    keep_alive: bool,
    problem: bool = False,
    support: Help = NO_HELP,
    status: int | None = None,
    extra: bytes = b"",
) -> bytes:
    """Return a whole error answer.

    Args:
        refused: What to say.
        dialect: How the client is spoken to.
        request_id: Told in ``x-request-id``.
        keep_alive: Whether the connection stays open after it.
        problem: As a problem document, because the client accepts one.
        support: Whom to ask, and where to get more.
        status: Instead of the dialect's, where the upstream's own status is kept.
        extra: Further whole header lines.
    """
    own_status, media_type, body = errors.render(
        dialect, refused, request_id, status=status, problem=problem, support=support
    )
    lines = [("x-request-id", request_id), *errors.headers(dialect, refused, request_id)]
    headers = "".join(f"{name}: {value}\r\n" for name, value in lines).encode() + extra
    return document(own_status, body, headers=headers, keep_alive=keep_alive, media_type=media_type)


def empty(status: int, *, headers: bytes, keep_alive: bool) -> bytes:
    """Return a whole answer that has no body by its status."""
    return b"".join((STATUS_LINES[status], headers, b"" if keep_alive else b"connection: close\r\n", b"\r\n"))


def document(
    status: int, body: bytes, *, headers: bytes = b"", keep_alive: bool, media_type: str = errors.JSON
) -> bytes:
    """Return a whole JSON answer; ``headers`` are complete lines."""
    return b"".join(
        (
            STATUS_LINES[status],
            b"content-type: %b\r\n" % media_type.encode(),
            headers,
            b"" if keep_alive else b"connection: close\r\n",
            b"content-length: %d\r\n\r\n" % len(body),
            body,
        )
    )


def last_chunk(data: bytes) -> bytes:
    """Return the end of a body in chunks; a chunk of no bytes would be that end by itself (RFC 9112 7.1)."""
    return b"%x\r\n%b\r\n0\r\n\r\n" % (len(data), data) if data else b"0\r\n\r\n"


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

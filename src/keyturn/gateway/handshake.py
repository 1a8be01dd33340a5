"""The words of a WebSocket's two handshakes: what goes to the provider, and what the client is answered."""

from urllib.parse import quote

from keyturn.dialects import websocket
from keyturn.domain.refusals import Reason, Refused
from keyturn.gateway import answers
from keyturn.gateway.answers import STATUS_LINES
from keyturn.gateway.booking import Booking
from keyturn.gateway.ways import Way
from keyturn.schemes import subprotocol

SWITCHING = 101
REALTIME = b"realtime"
_BETA = b"openai-beta."
"""What else may go along of the names that a client offers; others say who the client is at OpenAI."""
_FIRST_ERROR = 400
_CREDENTIAL_REFUSED = frozenset({401, 403})
_KEPT = (b"retry-after", b"retry-after-ms")


class Opening(Booking):
    """A request to open a WebSocket, and what holds for the session it opens.

    Attributes:
        way: How it gets to the provider.
        rest: What the query says beside the model.
    """

    __slots__ = ("rest", "way")

    way: Way
    rest: list[bytes]


def _offered(opening: Opening) -> list[bytes]:
    """Return the protocols that the client offers; a key is none."""
    return subprotocol.read(opening.request.headers.get(subprotocol.HEADER, b""))[1]


def request(opening: Opening, key: bytes) -> bytes:
    """Return the whole request that goes to the provider; ``key``: its ``Sec-WebSocket-Key``."""
    way = opening.way
    model = f"model={quote(opening.route.target.model, safe='')}".encode()
    lines = [way.start, b"?", b"&".join([model, *opening.rest]), way.head.lines]
    lines.append(way.forwarded(opening.request.headers))
    names = [one for one in _offered(opening) if one == REALTIME or one.startswith(_BETA)]
    if names:
        lines.append(b"sec-websocket-protocol: %b\r\n" % b", ".join(names))
    lines.append(
        b"x-request-id: %b\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: %b\r\n"
        b"sec-websocket-key: %b\r\n\r\n" % (opening.request_id.encode(), websocket.VERSION, key)
    )
    return b"".join(lines)


def answer(opening: Opening, headers: dict[bytes, bytes], more: bytes) -> bytes:
    """Return the client's answer.

    Args:
        opening: Its request.
        headers: Of the provider's answer.
        more: Whole header lines.
    """
    offered = _offered(opening)
    chosen = headers.get(subprotocol.HEADER, b"")
    if REALTIME in offered:  # a page closes a connection that chooses none
        chosen = REALTIME
    accept = websocket.accepts(opening.request.headers[b"sec-websocket-key"].strip())
    lines = [
        STATUS_LINES[SWITCHING],
        b"connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: %b\r\nx-request-id: %b\r\n"
        % (accept, opening.request_id.encode()),
        opening.route.told,
        b"sec-websocket-protocol: %b\r\n" % chosen if chosen in offered else b"",
        answers.NO_STORE if opening.location == "query" else b"",
        opening.extra,
        more,
        b"\r\n",
    ]
    return b"".join(lines)


def declined(opening: Opening, status: int, headers: dict[bytes, bytes], body: bytes) -> bytes | Refused:
    """Return what the client is told of a provider's answer that is not 101; what is not an error is refused."""
    route = opening.route
    if status in _CREDENTIAL_REFUSED:
        return answers.credential_refused(route.target.upstream)
    if status < _FIRST_ERROR or not headers.get(b"content-type", b"").startswith(b"application/json"):
        return Refused(Reason.UPSTREAM_MALFORMED, details={"upstream": route.target.upstream})
    lines = [b"x-request-id: %b\r\n" % opening.request_id.encode(), opening.extra]
    lines += [b"%b: %b\r\n" % (name, headers[name]) for name in _KEPT if name in headers]
    return answers.document(status, route.withhold(body), headers=b"".join(lines), keep_alive=False)
